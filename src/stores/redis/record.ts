import type { EntryTimes, StoredEntry } from '../../cache/store.ts'
import { SallyportError } from '../../shared/errors.ts'

/*
 * An entry is one string: a head of digits, padded with zeros so that a script can change them in place; a room for the
 * two index hashes and the label, padded with blanks; the value. The head: version, creation, last seen, deadline,
 * ceiling (0: none), and until when its lists live for sure, 16 digits each; the bucket in 4; the lengths of subject,
 * sid, label and room in bytes, 6 each.
 *
 * The room is nearly always of the same size: so whoever replaces a value sends a whole record, and the script only
 * has to write the first bytes of the old one over it. To join texts of 3 KB in a script takes longer than all the rest.
 */
/** Bytes before the room. */
export const headLength = 124

/** Bytes of a room that is not too small for what is in it. */
export const usualRoom = 256

/** How the layout is called, so that no other one is ever taken for it. */
export const layout = '1'

/** What a head says, but for the lists. */
export interface Head {
  version: number
  times: EntryTimes
}

/** What an entry is listed under, and its bucket, which never change. */
export interface Listed {
  bucket: number
  subject: string
  sid: string
  label: string
}

/** A new entry but for the part of its head that only the server knows, and the end of its head. */
export function newRecord(listed: Listed, value: Uint8Array): { record: Buffer; sizes: string } {
  const texts = [listed.subject, listed.sid, listed.label].map((text) => Buffer.from(text))
  const listing = Buffer.concat(texts)
  const room = Math.max(1, Math.ceil(listing.length / usualRoom)) * usualRoom
  const lengths = [...texts.map(({ length }) => length), room]
  const sizes = digits(listed.bucket, 4) + lengths.map((length) => digits(length, 6)).join('')
  return { record: recordOf(room, value, listing), sizes }
}

/** A record for an entry that keeps its head and its room, if that is the usual one. */
export function nextRecord(value: Uint8Array): Buffer {
  return recordOf(usualRoom, value)
}

export function versionText(version: number): string {
  return digits(version, 16)
}

/** The entry a key holds. Throws `ERR_STORE_CORRUPT` if it is none. */
export function entryFrom(key: string, record: Buffer): StoredEntry {
  const value = record.subarray(headLength + number(record, 118, 124))
  return { key, value, ...headFrom(record) }
}

/** What the entry is listed under; empty where it is not. */
export function hashesFrom(record: Buffer): { subject: string; sid: string } {
  const subject = headLength + number(record, 100, 106)
  const sid = subject + number(record, 106, 112)
  return { subject: record.toString('utf8', headLength, subject), sid: record.toString('utf8', subject, sid) }
}

export function headFrom(head: Buffer): Head {
  const absoluteExpiresAt = number(head, 64, 80)
  const times = {
    createdAt: number(head, 16, 32),
    lastSeenAt: number(head, 32, 48),
    expiresAt: number(head, 48, 64),
  }

  return {
    version: number(head, 0, 16),
    times: absoluteExpiresAt === 0 ? times : { ...times, absoluteExpiresAt },
  }
}

/** Digit by digit, which is a fifth of the time that texts take. */
function number(record: Buffer, from: number, to: number): number {
  let n = 0
  for (let i = from; i < to; i++) {
    const digit = (record[i] ?? 0) - 48
    if (digit < 0 || digit > 9) {
      throw new SallyportError('ERR_STORE_CORRUPT', 'the Redis store found a key that holds no entry')
    }
    n = 10 * n + digit
  }

  return n
}

function recordOf(room: number, value: Uint8Array, listing?: Uint8Array): Buffer {
  const record = Buffer.allocUnsafe(headLength + room + value.length)
  record.fill(' ', 0, headLength + room)
  if (listing !== undefined) record.set(listing, headLength)
  record.set(value, headLength + room)
  return record
}

function digits(n: number, width: number): string {
  return String(n).padStart(width, '0')
}
