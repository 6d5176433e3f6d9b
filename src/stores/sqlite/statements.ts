import type { IndexName } from '../../cache/store.ts'
import { infoColumns, targetedColumns } from '../sql/rows.ts'
import type { TableNames } from '../sql/schema.ts'

/** On one table of entries. */
export interface EntryStatements {
  live: string
  known: string
  aimed: string
  insert: string
  change: string
  update: string
  prolong: string
  delete: string
  sweep: string
  count: string
  under: Record<IndexName, string>
  page: Record<IndexName, string>
}

export interface EpochStatements {
  one: string
  numbers: string
  save: string
  identity: string
  raiseMaxStaleness: string
}

export interface SqliteStatements {
  data: EntryStatements
  /** The same object as `data` unless verifiers have a table of their own. */
  verifiers: EntryStatements
  epochs: EpochStatements
}

/** A `KnownRow`. */
const knownColumns = 'version, created_at, last_accessed_at, expires_ms, absolute_expires_ms'

/** What the decision about a write needs of an entry, expired or not: not its value. */
export type KnownRow = [
  version: number,
  createdAt: number,
  lastSeenAt: number,
  expiresAt: number,
  ceiling: number | null,
]

/** Node.js 22 binds an empty array without memory of its own as NULL. */
const boundValue = "coalesce(?, x'')"

/** Every statement a store runs once its tables are there. */
export function statements(names: TableNames): SqliteStatements {
  const data = entryStatements(names.data)
  return {
    data,
    verifiers: names.verifiers === names.data ? data : entryStatements(names.verifiers),
    epochs: epochStatements(names),
  }
}

function entryStatements(table: string): EntryStatements {
  const under = (column: string, what: string): string =>
    `SELECT ${what} FROM ${table} WHERE ${column} IN (SELECT value FROM json_each(?))`
  const page = (column: string): string => `${under(column, infoColumns)} AND expires_ms > ?
      AND (created_at, cache_key) > (?, ?) ORDER BY created_at, cache_key LIMIT ?`
  return {
    live: `SELECT ${knownColumns}, cache_value FROM ${table} WHERE cache_key = ? AND expires_ms > ?`,
    known: `SELECT ${knownColumns} FROM ${table} WHERE cache_key = ?`,
    aimed: `SELECT ${targetedColumns} FROM ${table} WHERE cache_key = ?`,
    insert: `INSERT INTO ${table} (${infoColumns}, expires_at, cache_value, subject_hash, sid_hash)
      VALUES (?, 1, ?, ?, ?, ?, ?, ?, ${boundValue}, ?, ?)`,
    change: `UPDATE ${table} SET cache_value = ${boundValue}, version = ? WHERE cache_key = ?`,
    update: `UPDATE ${table} SET cache_value = ${boundValue}, version = ?, expires_ms = ?, absolute_expires_ms = ?,
      expires_at = ?, last_accessed_at = ? WHERE cache_key = ?`,
    prolong: `UPDATE ${table} SET expires_ms = ?, expires_at = ?, last_accessed_at = ? WHERE cache_key = ?`,
    delete: `DELETE FROM ${table} WHERE cache_key = ?`,
    sweep: `DELETE FROM ${table} WHERE rowid IN
      (SELECT rowid FROM ${table} WHERE expires_at <= ? AND expires_ms <= ? ORDER BY expires_at LIMIT ?)`,
    count: `SELECT count(*) AS entries FROM ${table}`,
    under: { subject: under('subject_hash', targetedColumns), sid: under('sid_hash', targetedColumns) },
    page: { subject: page('subject_hash'), sid: page('sid_hash') },
  }
}

function epochStatements({ epoch, meta }: TableNames): EpochStatements {
  return {
    one: `SELECT bucket, n, recent FROM ${epoch} WHERE bucket = ?`,
    numbers: `SELECT bucket, n, '' AS recent FROM ${epoch}`,
    save: `INSERT INTO ${epoch} (bucket, n, recent) VALUES (?, ?, ?)
      ON CONFLICT (bucket) DO UPDATE SET n = excluded.n, recent = excluded.recent`,
    identity: `SELECT incarnation, max_staleness_ms FROM ${meta}`,
    raiseMaxStaleness: `UPDATE ${meta} SET max_staleness_ms = ? WHERE max_staleness_ms < ?`,
  }
}
