import type { EntryTimes, StoredEntry } from '../../cache/store.ts'
import { SallyportError } from '../../shared/errors.ts'

/*
 * An entry is one string: a head of digits, padded with zeros so that a script can change them in place; the value, and
 * blanks up to its capacity; what it is listed under, subject, sid and label in a row.
 *
 * So a value that fits is written over the one before, together with the version and the length, which come as one text;
 * neither the rest nor the deadline are touched: to join texts of 3 KB in a script, or only to fetch what stays, takes
 * longer than all the rest.
 */
const widths = {
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
  version: 16,
  /** Of the value, in bytes. */
  length: 10,
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
export const headLength: number = places.length[1]

/** Values have room to grow up to the next multiple of so many bytes. */
export const step = 128

/** How the layout is called, so that no other one is ever taken for it. */
export const layout = '3'

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

/** A new entry but for its head, and what that says before and after its instants. */
export function newRecord(listed: Listed, value: Uint8Array): { record: Buffer; capacity: string; ending: string } {
  const versioned = versionAndLength(1, value)
  const texts = [listed.subject, listed.sid, listed.label].map((text) => Buffer.from(text))
  const listing = Buffer.concat(texts)
  const capacity = Math.ceil(value.length / step) * step
  const sizes = [...texts, listing].map(({ length }) => digits(length, widths.listing))
  return {
    record: Buffer.concat([blanks(headLength), value, blanks(capacity - value.length), listing]),
    capacity: digits(capacity, widths.capacity),
    ending: digits(listed.bucket, widths.bucket) + sizes.join('') + versioned,
  }
}

/** A value with its version and its length, as it is written over the one before. Throws `ERR_STORE_VALUE_TOO_LARGE`. */
export function versionedValue(version: number, value: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(versionAndLength(version, value)), value])
}

function versionAndLength(version: number, value: Uint8Array): string {
  refuseTooLarge(value)
  return versionText(version) + digits(value.length, widths.length)
}

function blanks(count: number): Buffer {
  return Buffer.alloc(count, ' ')
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
  const end = headLength + number(record, places.length)
  if (end > record.length) throw noEntry()
  return { key, value: record.subarray(headLength, end), ...headFrom(record) }
}

/** What the entry is listed under; empty where it is not. */
export function hashesFrom(record: Buffer): { subject: string; sid: string } {
  const start = headLength + number(record, places.capacity)
  const subject = start + number(record, places.subject)
  const sid = subject + number(record, places.sid)
  return { subject: record.toString('utf8', start, subject), sid: record.toString('utf8', subject, sid) }
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
