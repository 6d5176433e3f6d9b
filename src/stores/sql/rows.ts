import type { EntryInfo, EntryTimes, ListQuery, ListReply, StoredEntry } from '../../cache/store.ts'
import { cursorFrom, cursorText, defaultPageSize } from '../rules/paging.ts'
import type { Cursor } from '../rules/paging.ts'

/** The columns a list shows; an `InfoRow`. */
export const infoColumns = 'cache_key, version, expires_ms, absolute_expires_ms, created_at, last_accessed_at, label'

/** The columns a removal looks at before it deletes by key; a `TargetedRow`. */
export const targetedColumns = 'cache_key, version, expires_ms'

/** A row of a table of entries without its value. A dialect whose driver gives large integers as text makes numbers of them. */
export interface InfoRow {
  cache_key: string
  version: number
  expires_ms: number
  absolute_expires_ms: number | null
  created_at: number
  last_accessed_at: number
  label: string | null
}

export interface EntryRow extends InfoRow {
  cache_value: Uint8Array
}

export interface TargetedRow {
  cache_key: string
  version: number
  expires_ms: number
}

export function entryOf(row: EntryRow): StoredEntry {
  return { key: row.cache_key, value: row.cache_value, version: row.version, times: timesOf(row) }
}

export function timesOf(row: Omit<InfoRow, 'cache_key' | 'version' | 'label'>): EntryTimes {
  const { created_at: createdAt, last_accessed_at: lastSeenAt, expires_ms: expiresAt } = row
  const times = { createdAt, lastSeenAt, expiresAt }
  return row.absolute_expires_ms === null ? times : { ...times, absoluteExpiresAt: row.absolute_expires_ms }
}

/** What `expires_at` says: rounded up, so that a row is never swept before its precise deadline. */
export function inSeconds(ms: number): number {
  return Math.ceil(ms / 1_000)
}

/** What to select for one page: rows after `from` in the order (created_at, cache_key), one more than the page holds. */
export function pageToAsk(query: ListQuery): { from: Cursor; rows: number } {
  return { from: cursorFrom(query.after) ?? { createdAt: -1, key: '' }, rows: (query.limit ?? defaultPageSize) + 1 }
}

/** The page that `rows`, selected as `pageToAsk` says, make. */
export function pageFrom(rows: readonly InfoRow[], query: ListQuery): ListReply {
  const limit = query.limit ?? defaultPageSize
  const entries = rows.slice(0, limit).map(infoOf)
  const last = entries.at(-1)
  if (last === undefined || rows.length <= limit) return { entries }
  return { entries, next: cursorText({ createdAt: last.times.createdAt, key: last.key }) }
}

function infoOf(row: InfoRow): EntryInfo {
  const entry = { key: row.cache_key, version: row.version, times: timesOf(row) }
  return row.label === null ? entry : { ...entry, label: row.label }
}
