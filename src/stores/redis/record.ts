import type { EntryTimes, StoredEntry } from '../../cache/store.ts'
import { SallyportError } from '../../shared/errors.ts'

/*
 * An entry is one string: a head of digits, padded with zeros so that a script can change them in place; what it is
 * listed under, subject, sid and label in a row; the value; and blanks up to its capacity.
 *
 * So a value that fits is written over the one before, and neither the rest nor the deadline are touched: to join texts
 * of 3 KB in a script, or only to fetch what stays, takes longer than all the rest.
 */
const widths = {
  version: 16,
  /** Of the value, in bytes. */
  length: 10,
  /** Bytes there are for the value. */
  capacity: 10,
  createdAt: 16,
  lastSeenAt: 16,
  expiresAt: 16,
  /** 0: none. */
  absoluteExpiresAt: 16,
  /** Until when its lists live for sure. */
  listedUntil: 16,
  bucket: 4,
  /** Bytes of what it is listed under. */
  subject: 6,
  sid: 6,
  label: 6,
  /** Bytes of the three together. */
  listing: 6,
} as const

type Field = keyof typeof widths

type Place = readonly [from: number, to: number]

/** Where in a head a field begins, and the first byte after it. */
const places: Record<Field, Place> = placesOf(widths)

/** Where a field is as scripts count: its first byte and its last, from 1 on. */
export const at: Record<Field, string> = mapped(places, ([from, to]) => `${from + 1}, ${to}`)

/** How many bytes come before a field. */
export const before: Record<Field, number> = mapped(places, ([from]) => from)

/** Bytes of a head. */
export const headLength: number = places.listing[1]

/** Values have room to grow up to the next multiple of so many bytes. */
export const step = 128

/** How the layout is called, so that no other one is ever taken for it. */
export const layout = '2'

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

/** A string of Redis has 512 MB at most, and a value is not all there is in an entry. */
const maxValueBytes = 2 ** 29 - 2 ** 16

/** A new entry but for its head, and the parts of the head that the server does not know. */
export function newRecord(listed: Listed, value: Uint8Array): { record: Buffer; lengths: string; sizes: string } {
  refuseTooLarge(value)
  const texts = [listed.subject, listed.sid, listed.label].map((text) => Buffer.from(text))
  const listing = Buffer.concat(texts)
  const capacity = Math.ceil(value.length / step) * step
  const start = headLength + listing.length
  const record = Buffer.allocUnsafe(start + capacity)
  record.fill(' ', 0, headLength).set(listing, headLength)
  record.fill(' ', start + value.length).set(value, start)
  return {
    record,
    lengths: digits(value.length, widths.length) + digits(capacity, widths.capacity),
    sizes: digits(listed.bucket, 4) + [...texts, listing].map(({ length }) => digits(length, 6)).join(''),
  }
}

/** How the head of an entry begins whose value is replaced. Throws `ERR_STORE_VALUE_TOO_LARGE`. */
export function nextHead(version: number, value: Uint8Array): string {
  refuseTooLarge(value)
  return versionText(version) + digits(value.length, widths.length)
}

function refuseTooLarge(value: Uint8Array): void {
  if (value.length <= maxValueBytes) return
  const message = `the value has ${value.length} bytes, the Redis store takes ${maxValueBytes} at most`
  throw new SallyportError('ERR_STORE_VALUE_TOO_LARGE', message)
}

export function versionText(version: number): string {
  return digits(version, widths.version)
}

/** The entry a key holds. Throws `ERR_STORE_CORRUPT` if it is none. */
export function entryFrom(key: string, record: Buffer): StoredEntry {
  const start = headLength + number(record, places.listing)
  const end = start + number(record, places.length)
  if (end > record.length) throw noEntry()
  return { key, value: record.subarray(start, end), ...headFrom(record) }
}

/** What the entry is listed under; empty where it is not. */
export function hashesFrom(record: Buffer): { subject: string; sid: string } {
  const subject = headLength + number(record, places.subject)
  const sid = subject + number(record, places.sid)
  return { subject: record.toString('utf8', headLength, subject), sid: record.toString('utf8', subject, sid) }
}

export function headFrom(head: Buffer): Head {
  const absoluteExpiresAt = number(head, places.absoluteExpiresAt)
  const times = {
    createdAt: number(head, places.createdAt),
    lastSeenAt: number(head, places.lastSeenAt),
    expiresAt: number(head, places.expiresAt),
  }

  return {
    version: number(head, places.version),
    times: absoluteExpiresAt === 0 ? times : { ...times, absoluteExpiresAt },
  }
}

/** Digit by digit, which is a fifth of the time that texts take. */
function number(record: Buffer, place: Place): number {
  const to = place[1]
  let n = 0
  for (let i = place[0]; i < to; i++) {
    const digit = (record[i] ?? 0) - 48
    if (digit < 0 || digit > 9) throw noEntry()
    n = 10 * n + digit
  }

  return n
}

function noEntry(): SallyportError {
  return new SallyportError('ERR_STORE_CORRUPT', 'the Redis store found a key that holds no entry')
}

function digits(n: number, width: number): string {
  return String(n).padStart(width, '0')
}

function placesOf(sizes: Record<Field, number>): Record<Field, Place> {
  let end = 0
  return mapped(sizes, (width) => [end, (end += width)] as const)
}

function mapped<T, R>(record: Record<Field, T>, map: (value: T) => R): Record<Field, R> {
  const entries = Object.entries(record).map(([field, value]) => [field, map(value)])
  return Object.fromEntries(entries) as Record<Field, R>
}
