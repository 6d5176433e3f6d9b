import { bucketCount } from '../rules/bumps.ts'
import { refuseToMigrate } from '../sql/migration.ts'
import { latestSecond, pendingStatements, schemaVersion, tableNames, withEnding } from '../sql/schema.ts'
import type { FoundSchema, SchemaStatements, TableNames } from '../sql/schema.ts'
import type { Connection } from './connection.ts'
import { fileAt } from './file.ts'

/** Which tables, and whether they may be made. */
export interface SchemaSettings {
  tableName: string
  verifierTableName: string | undefined
  autoMigrate: boolean
}

const entryColumns = `(
  cache_key VARCHAR(255) NOT NULL PRIMARY KEY,
  cache_value BLOB NOT NULL,
  expires_at INTEGER NOT NULL,
  version INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  absolute_expires_ms INTEGER,
  subject_hash TEXT,
  sid_hash TEXT,
  label TEXT,
  created_at INTEGER NOT NULL,
  last_accessed_at INTEGER NOT NULL
)`

export function sqliteTables(settings: Omit<SchemaSettings, 'autoMigrate'>): TableNames {
  return tableNames(settings.tableName, settings.verifierTableName, (name) => `"${name}"`)
}

export function schemaStatements(names: TableNames): SchemaStatements {
  return { create: createStatements, upgrade: upgradeStatements, support: () => supportStatements(names) }
}

/**
 * Makes what is missing, in one unit, and returns the statements that took; throws `ERR_STORE_MISMATCH` if
 * something else is there already, or if something is missing and may not be made.
 */
export function prepareSchema(connection: Connection, settings: SchemaSettings): string[] {
  const names = sqliteTables(settings)
  return connection.writing(() => {
    const pending = pendingStatements(names, foundIn(connection, names), schemaStatements(names))
    if (!settings.autoMigrate) refuseToMigrate({ database: 'sqlite', ...settings }, pending)
    for (const statement of pending) connection.exec(statement)
    return pending
  })
}

/** Opening a file that is not there would make one. */
export function refuseToMakeFile(path: string, settings: SchemaSettings): void {
  if (settings.autoMigrate || fileAt(path) !== 'none') return
  const names = sqliteTables(settings)
  refuseToMigrate({ database: 'sqlite', ...settings }, createStatements(names.data))
}

function createStatements(table: string): string[] {
  return [`CREATE TABLE ${table} ${entryColumns}`, ...indexStatements(table)]
}

/** By way of a second table: SQLite adds no column without a default, and keeps the type a column was declared with. */
function upgradeStatements(table: string): string[] {
  const upgraded = withEnding(table, 'upgraded')
  const now = "1000 * strftime('%s', 'now')"
  const expiresAt = `min(CAST(coalesce(expires_at, 0) AS INTEGER), ${latestSecond})`
  return [
    `CREATE TABLE ${upgraded} ${entryColumns}`,
    `INSERT INTO ${upgraded}
  SELECT cache_key, coalesce(CAST(cache_value AS BLOB), x''), ${expiresAt},
    1, 1000 * ${expiresAt}, NULL, NULL, NULL, NULL, ${now}, ${now}
  FROM ${table} WHERE cache_key IS NOT NULL`,
    `DROP TABLE ${table}`,
    `ALTER TABLE ${upgraded} RENAME TO ${table}`,
    ...indexStatements(table),
  ]
}

function indexStatements(table: string): string[] {
  const index = (ending: string): string => `CREATE INDEX ${withEnding(table, ending)} ON ${table}`
  return [
    `${index('expires_at')} (expires_at)`,
    `${index('subject')} (subject_hash) WHERE subject_hash IS NOT NULL`,
    `${index('sid')} (sid_hash) WHERE sid_hash IS NOT NULL`,
  ]
}

function supportStatements({ epoch, meta }: TableNames): string[] {
  return [
    `CREATE TABLE IF NOT EXISTS ${epoch} (
  bucket INTEGER NOT NULL PRIMARY KEY,
  n INTEGER NOT NULL,
  recent TEXT NOT NULL
)`,
    `CREATE TABLE IF NOT EXISTS ${meta} (
  id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  schema_version INTEGER NOT NULL,
  incarnation TEXT NOT NULL,
  buckets INTEGER NOT NULL,
  max_staleness_ms INTEGER NOT NULL
)`,
    `INSERT OR IGNORE INTO ${meta} (id, schema_version, incarnation, buckets, max_staleness_ms)
  VALUES (1, ${schemaVersion}, lower(hex(randomblob(16))), ${bucketCount}, 0)`,
  ]
}

function foundIn(connection: Connection, names: TableNames): FoundSchema {
  const tables = new Map<string, string[]>()
  const keyedOtherwise = new Set<string>()
  for (const table of new Set<string>(Object.values(names))) {
    const columns = connection.all<{ name: string; pk: number }>(`PRAGMA table_info(${table})`)
    tables.set(
      table,
      columns.map((column) => column.name),
    )
    const keys = columns.filter((column) => column.pk > 0).map((column) => column.name)
    if (keys.join() !== 'cache_key') keyedOtherwise.add(table)
  }
  return { tables, keyedOtherwise, meta: metaIn(connection, names.meta, tables.get(names.meta) ?? []) }
}

function metaIn(connection: Connection, meta: string, columns: readonly string[]): FoundSchema['meta'] {
  if (!columns.includes('schema_version') || !columns.includes('buckets')) return undefined
  const [row] = connection.all<{ schema_version: number; buckets: number }>(
    `SELECT schema_version, buckets FROM ${meta}`,
  )
  return row && { schemaVersion: row.schema_version, buckets: row.buckets }
}
