import { SallyportError } from '../shared/errors.ts'
import { systemRandomness } from '../shared/randomness.ts'
import { bucketCount } from './_bumps.ts'
import type { Connection } from './_sqlite-connection.ts'

/** The quoted names of the tables of one store. */
export interface TableNames {
  data: string
  epoch: string
  meta: string
}

const schemaVersion = 1

const columns = {
  data: [
    ['cache_key', 'VARCHAR(255) NOT NULL PRIMARY KEY'],
    ['cache_value', 'BLOB NOT NULL'],
    // Unix seconds, rounded up: for people and for the sweep. What decides is expires_ms.
    ['expires_at', 'INTEGER NOT NULL'],
    ['version', 'INTEGER NOT NULL'],
    ['expires_ms', 'INTEGER NOT NULL'],
    ['absolute_expires_ms', 'INTEGER'],
    ['subject_hash', 'TEXT'],
    ['sid_hash', 'TEXT'],
    ['label', 'TEXT'],
    ['created_at', 'INTEGER NOT NULL'],
    ['last_accessed_at', 'INTEGER NOT NULL'],
  ],
  epoch: [
    ['bucket', 'INTEGER NOT NULL PRIMARY KEY'],
    ['n', 'INTEGER NOT NULL'],
    ['recent', 'TEXT NOT NULL'],
  ],
  meta: [
    ['id', 'INTEGER NOT NULL PRIMARY KEY CHECK (id = 1)'],
    ['schema_version', 'INTEGER NOT NULL'],
    ['incarnation', 'TEXT NOT NULL'],
    ['buckets', 'INTEGER NOT NULL'],
    ['max_staleness_ms', 'INTEGER NOT NULL'],
  ],
} as const

export function tableNames(tableName: string): TableNames {
  return { data: `"${tableName}"`, epoch: `"${tableName}_epoch"`, meta: `"${tableName}_meta"` }
}

/** Creates what is missing, in one unit; throws `ERR_STORE_MISMATCH` if something else is there already. */
export function prepareSchema(connection: Connection, tableName: string, maxStalenessMs: number): void {
  const names = tableNames(tableName)
  connection.writing(() => {
    for (const table of ['data', 'epoch', 'meta'] as const) {
      refuseForeignTable(connection, names[table], columns[table])
      const definitions = columns[table].map(([name, type]) => `${name} ${type}`)
      connection.exec(`CREATE TABLE IF NOT EXISTS ${names[table]} (${definitions.join(', ')})`)
    }
    createIndexes(connection, tableName)
    prepareMeta(connection, names.meta)
    raiseMaxStaleness(connection, names, maxStalenessMs)
  })
}

function createIndexes(connection: Connection, tableName: string): void {
  const on = (suffix: string, what: string): void =>
    connection.exec(`CREATE INDEX IF NOT EXISTS "${tableName}_${suffix}" ON "${tableName}" ${what}`)
  on('expires_at', '(expires_at)')
  on('subject', '(subject_hash) WHERE subject_hash IS NOT NULL')
  on('sid', '(sid_hash) WHERE sid_hash IS NOT NULL')
}

function prepareMeta(connection: Connection, meta: string): void {
  const incarnation = Buffer.from(systemRandomness.bytes(16)).toString('base64url')
  connection.run(`INSERT OR IGNORE INTO ${meta} VALUES (1, ?, ?, ?, 0)`, schemaVersion, incarnation, bucketCount)
  const [found] = connection.all<{ schema_version: number; buckets: number }>(
    `SELECT schema_version, buckets FROM ${meta}`,
  )
  if (found?.schema_version !== schemaVersion) {
    throw mismatch(
      `${meta} says schema version ${found?.schema_version}, this release of sallyport knows ${schemaVersion}`,
    )
  }
  if (found.buckets !== bucketCount) {
    throw mismatch(`${meta} says ${found.buckets} epoch buckets, this store has ${bucketCount}`)
  }
}

/** Raises the greatest staleness any instance was promised; never lowers it. */
export function raiseMaxStaleness(connection: Connection, { meta }: TableNames, maxStalenessMs: number): void {
  connection.run(`UPDATE ${meta} SET max_staleness_ms = ? WHERE max_staleness_ms < ?`, maxStalenessMs, maxStalenessMs)
}

function refuseForeignTable(
  connection: Connection,
  table: string,
  expected: readonly (readonly [string, string])[],
): void {
  const found = connection.all<{ name: string }>(`PRAGMA table_info(${table})`).map((column) => column.name)
  if (found.length === 0) return
  const missing = expected.map(([name]) => name).filter((name) => !found.includes(name))
  if (missing.length === 0) return
  throw mismatch(`the table ${table} is not one of sallyport's: it has no column ${missing.join(', ')}`)
}

function mismatch(message: string): SallyportError {
  return new SallyportError('ERR_STORE_MISMATCH', `${message}; choose another \`tableName\``)
}
