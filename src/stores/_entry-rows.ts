import type {
  EntryInfo,
  EntryTimes,
  IndexName,
  ListQuery,
  ListReply,
  NewEntry,
  RemoveTarget,
  StoredEntry,
} from '../cache/store.ts'
import { cursorFrom, cursorText, defaultPageSize } from './_paging.ts'
import type { Connection } from './_sqlite-connection.ts'
import type { TableNames } from './_sqlite-schema.ts'

interface InfoRow {
  cache_key: string
  version: number
  expires_ms: number
  absolute_expires_ms: number | null
  created_at: number
  last_accessed_at: number
  label: string | null
}

interface EntryRow extends InfoRow {
  cache_value: Uint8Array
}

export interface Targeted {
  cache_key: string
  version: number
  expires_ms: number
}

const info = 'cache_key, version, expires_ms, absolute_expires_ms, created_at, last_accessed_at, label'

/** Node.js 22 binds an empty array without memory of its own as NULL. */
const boundValue = "coalesce(?, x'')"

/** The entries of a store as rows. Each method is one statement; what must happen together is a unit of its caller. */
export class EntryRows {
  readonly #live: string
  readonly #version: string
  readonly #insert: string
  readonly #update: string
  readonly #prolong: string
  readonly #delete: string
  readonly #sweep: string
  readonly #count: string
  readonly #under: Record<IndexName, string>
  readonly #page: Record<IndexName, string>

  constructor({ data }: TableNames) {
    this.#live = `SELECT ${info}, cache_value FROM ${data} WHERE cache_key = ? AND expires_ms > ?`
    this.#version = `SELECT cache_key, version, expires_ms FROM ${data} WHERE cache_key = ?`
    this.#insert = `INSERT INTO ${data} (${info}, expires_at, cache_value, subject_hash, sid_hash)
      VALUES (?, 1, ?, ?, ?, ?, ?, ?, ${boundValue}, ?, ?)`
    this.#update = `UPDATE ${data} SET cache_value = ${boundValue}, version = ?, expires_ms = ?, absolute_expires_ms = ?,
      expires_at = ?, last_accessed_at = ? WHERE cache_key = ?`
    this.#prolong = `UPDATE ${data} SET expires_ms = ?, expires_at = ?, last_accessed_at = ? WHERE cache_key = ?`
    this.#delete = `DELETE FROM ${data} WHERE cache_key = ?`
    this.#sweep = `DELETE FROM ${data} WHERE rowid IN
      (SELECT rowid FROM ${data} WHERE expires_at <= ? AND expires_ms <= ? ORDER BY expires_at LIMIT ?)`
    this.#count = `SELECT count(*) AS entries FROM ${data}`
    const under = (column: string, what: string): string =>
      `SELECT ${what} FROM ${data} WHERE ${column} IN (SELECT value FROM json_each(?))`
    const page = (column: string): string => `${under(column, info)} AND expires_ms > ?
      AND (created_at, cache_key) > (?, ?) ORDER BY created_at, cache_key LIMIT ?`
    const found = 'cache_key, version, expires_ms'
    this.#under = { subject: under('subject_hash', found), sid: under('sid_hash', found) }
    this.#page = { subject: page('subject_hash'), sid: page('sid_hash') }
  }

  /** The entry, unless it is absent or expired. */
  live(connection: Connection, key: string, now: number): StoredEntry | undefined {
    const [row] = connection.all<EntryRow>(this.#live, key, now)
    return row && { key, value: row.cache_value, version: row.version, times: timesOf(row) }
  }

  /** What a removal aims at, expired rows too: a wall clock set back must not revive what was removed. */
  targeted(connection: Connection, target: RemoveTarget): Targeted[] {
    if ('index' in target) {
      const rows = connection.all<Targeted>(this.#under[target.index], JSON.stringify(target.values))
      return rows.filter((row) => row.cache_key !== target.except)
    }
    const rows = connection.all<Targeted>(this.#version, target.key)
    return 'ifVersion' in target ? rows.filter((row) => row.version === target.ifVersion) : rows
  }

  insert(connection: Connection, entry: NewEntry, times: EntryTimes): void {
    const { key, value, indexes, label } = entry
    const { expiresAt, absoluteExpiresAt, createdAt, lastSeenAt } = times
    const listed = [key, expiresAt, absoluteExpiresAt ?? null, createdAt, lastSeenAt, label ?? null]
    connection.run(this.#insert, ...listed, inSeconds(expiresAt), value, indexes?.subject ?? null, indexes?.sid ?? null)
  }

  update(connection: Connection, entry: StoredEntry): void {
    const { key, value, version, times } = entry
    const { expiresAt, absoluteExpiresAt, lastSeenAt } = times
    const absolute = absoluteExpiresAt ?? null
    connection.run(this.#update, value, version, expiresAt, absolute, inSeconds(expiresAt), lastSeenAt, key)
  }

  /** Moves the deadline and leaves the rest alone. */
  prolong(connection: Connection, key: string, { expiresAt, lastSeenAt }: EntryTimes): void {
    connection.run(this.#prolong, expiresAt, inSeconds(expiresAt), lastSeenAt, key)
  }

  delete(connection: Connection, key: string): void {
    connection.run(this.#delete, key)
  }

  list(connection: Connection, query: ListQuery, now: number): ListReply {
    const limit = query.limit ?? defaultPageSize
    const from = cursorFrom(query.after) ?? { createdAt: -1, key: '' }
    const values = JSON.stringify(query.values)
    const rows = connection.all<InfoRow>(this.#page[query.index], values, now, from.createdAt, from.key, limit + 1)
    const entries = rows.slice(0, limit).map(infoOf)
    const last = entries.at(-1)
    if (last === undefined || rows.length <= limit) return { entries }
    return { entries, next: cursorText({ createdAt: last.times.createdAt, key: last.key }) }
  }

  sweep(connection: Connection, now: number, limit: number): number {
    return connection.run(this.#sweep, inSeconds(now), now, limit)
  }

  count(connection: Connection): number {
    return connection.all<{ entries: number }>(this.#count)[0]?.entries ?? 0
  }
}

function timesOf(row: InfoRow): EntryTimes {
  const { created_at: createdAt, last_accessed_at: lastSeenAt, expires_ms: expiresAt } = row
  const times = { createdAt, lastSeenAt, expiresAt }
  return row.absolute_expires_ms === null ? times : { ...times, absoluteExpiresAt: row.absolute_expires_ms }
}

function infoOf(row: InfoRow): EntryInfo {
  const entry = { key: row.cache_key, version: row.version, times: timesOf(row) }
  return row.label === null ? entry : { ...entry, label: row.label }
}

function inSeconds(ms: number): number {
  return Math.ceil(ms / 1_000)
}
