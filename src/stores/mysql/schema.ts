import { SallyportError, StoreUnavailableError } from '../../shared/errors.ts'
import { bucketCount } from '../rules/bumps.ts'
import { isForbidden, isOtherSchema } from './errors.ts'
import { alone, lockText, unlockText } from './lock.ts'
import type { MysqlSettings } from './options.ts'
import type { MysqlSession } from './session.ts'
import { notPermitted, refuseToMigrate, tellMigrated } from '../sql/migration.ts'
import type { SchemaCommand } from '../sql/migration.ts'
import { latestSecond, pendingStatements, schemaVersion, tableNames, withEnding } from '../sql/schema.ts'
import type { FoundSchema, SchemaStatements, TableNames } from '../sql/schema.ts'

/**
 * Keys are bytes: collations differ between MySQL and MariaDB, most of them take `a` for `A` and `a` for `a `, and none
 * of that may open another's session. 1,020 bytes hold 255 characters, whatever they are. To read them:
 * `SELECT CONVERT(cache_key USING utf8mb4) …`.
 */
const key = 'VARBINARY(1020) NOT NULL'
const hash = 'VARBINARY(255) NULL'
const engine = 'ENGINE=InnoDB ROW_FORMAT=DYNAMIC'
const texts = 'DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin'

export function mysqlTableNames(tableName: string, verifierTableName: string | undefined): TableNames {
  return tableNames(tableName, verifierTableName, (name) => `\`${name}\``)
}

/** What makes and upgrades the tables; each statement is an atomic one, and may be run again after a failure. */
export function mysqlSchema(names: TableNames): SchemaStatements {
  const { epoch, meta } = names
  return {
    create: (table) => [
      `CREATE TABLE IF NOT EXISTS ${table} (
  cache_key ${key} PRIMARY KEY,
  cache_value LONGBLOB NOT NULL,
  expires_at BIGINT NOT NULL,
  version BIGINT NOT NULL,
  expires_ms BIGINT NOT NULL,
  absolute_expires_ms BIGINT NULL,
  subject_hash ${hash},
  sid_hash ${hash},
  label TEXT NULL,
  created_at BIGINT NOT NULL,
  last_accessed_at BIGINT NOT NULL,
  ${indexes(table).join(',\n  ')}
) ${engine} ${texts}`,
    ],
    upgrade: (table) => [
      // So that a text in another character set becomes the bytes it has everywhere.
      `ALTER TABLE ${table} CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
      `UPDATE ${table} SET expires_at = GREATEST(0, LEAST(COALESCE(expires_at, 0), ${latestSecond}))
  WHERE expires_at IS NULL OR expires_at NOT BETWEEN 0 AND ${latestSecond}`,
      // The value of nobody, in words that a column of JSON takes too.
      `UPDATE ${table} SET cache_value = 'null' WHERE cache_value IS NULL`,
      // One statement, so that no table is ever found half upgraded; the defaults fill the rows that are there.
      `ALTER TABLE ${table} ${engine},
  MODIFY cache_key ${key},
  MODIFY cache_value LONGBLOB NOT NULL,
  MODIFY expires_at BIGINT NOT NULL,
  ADD COLUMN version BIGINT NOT NULL DEFAULT 1,
  ADD COLUMN expires_ms BIGINT NOT NULL DEFAULT (expires_at * 1000),
  ADD COLUMN absolute_expires_ms BIGINT NULL,
  ADD COLUMN subject_hash ${hash},
  ADD COLUMN sid_hash ${hash},
  ADD COLUMN label TEXT NULL,
  ADD COLUMN created_at BIGINT NOT NULL DEFAULT (UNIX_TIMESTAMP() * 1000),
  ADD COLUMN last_accessed_at BIGINT NOT NULL DEFAULT (UNIX_TIMESTAMP() * 1000),
  ${indexes(table)
    .map((index) => `ADD ${index}`)
    .join(',\n  ')}`,
    ],
    support: () => [
      `CREATE TABLE IF NOT EXISTS ${epoch} (
  bucket SMALLINT NOT NULL PRIMARY KEY,
  n BIGINT NOT NULL,
  recent MEDIUMTEXT NOT NULL
) ${engine} ${texts}`,
      `CREATE TABLE IF NOT EXISTS ${meta} (
  id TINYINT NOT NULL PRIMARY KEY,
  schema_version INT NOT NULL,
  incarnation VARCHAR(64) NOT NULL,
  buckets INT NOT NULL,
  max_staleness_ms BIGINT NOT NULL
) ${engine} ${texts}`,
      // Last: whoever finds this row finds everything.
      `INSERT IGNORE INTO ${meta} (id, schema_version, incarnation, buckets, max_staleness_ms)
  VALUES (1, ${schemaVersion}, LOWER(HEX(RANDOM_BYTES(16))), ${bucketCount}, 0)`,
    ],
  }
}

function indexes(table: string): string[] {
  const index = (ending: string, column: string): string => `INDEX ${withEnding(table, ending)} (${column})`
  return [index('expires_at', 'expires_at'), index('subject', 'subject_hash'), index('sid', 'sid_hash')]
}

/** Makes what is missing, one instance after the other, or says what there is to do. */
export async function migrate(session: MysqlSession, names: TableNames, settings: MysqlSettings): Promise<void> {
  const { tableName, verifierTableName, autoMigrate } = settings
  const command: SchemaCommand = { database: 'mysql', tableName, verifierTableName }
  if (!autoMigrate) return refuseToMigrate(command, await pendingSchema(session, names))
  // Statements on tables commit by themselves here, so no transaction keeps others out.
  const lock = { tableName, take: lockText('schema', 10), release: unlockText('schema') }
  const isMade = await alone(session, lock, async () => {
    const statements = await pendingSchema(session, names)
    try {
      for (const statement of statements) await session.command(statement)
    } catch (error) {
      throw isForbidden(error) ? notPermitted(command, statements, error) : error
    }
    await refuseOtherEngines(session, names)
    tellMigrated(settings.logger, 'mysql', statements)
    return true
  })
  if (isMade === undefined) throw new StoreUnavailableError('another instance has been making the tables for 10 s')
}

/** What has to be run before the tables can be used. */
export async function pendingSchema(session: MysqlSession, names: TableNames): Promise<string[]> {
  await refuseOtherEngines(session, names)
  return pendingStatements(names, await look(session, names), mysqlSchema(names))
}

interface ColumnRow {
  table_name: string
  column_name: string
  column_key: string
}

async function look(session: MysqlSession, names: TableNames): Promise<FoundSchema> {
  const rows = await session.rows<ColumnRow>(
    `SELECT table_name AS table_name, column_name AS column_name, column_key AS column_key
      FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name IN (?, ?, ?, ?)`,
    plainNames(names),
  )
  const tables = new Map<string, string[]>()
  const keyedOtherwise = new Set<string>()
  for (const table of Object.values(names) as string[]) {
    const columns = rows.filter((row) => isSameTable(row.table_name, table))
    tables.set(
      table,
      columns.map((row) => row.column_name.toLowerCase()),
    )
    const keys = columns.filter((row) => row.column_key === 'PRI').map((row) => row.column_name.toLowerCase())
    if (keys.join() !== 'cache_key') keyedOtherwise.add(table)
  }
  return { tables, keyedOtherwise, meta: await metaRow(session, names.meta) }
}

async function metaRow(session: MysqlSession, meta: string): Promise<FoundSchema['meta']> {
  try {
    const [row] = await session.rows<{ schema_version: number; buckets: number }>(
      `SELECT schema_version, buckets FROM ${meta} WHERE id = 1`,
    )
    return row && { schemaVersion: row.schema_version, buckets: row.buckets }
  } catch (error) {
    if (isOtherSchema(error)) return undefined
    throw error
  }
}

async function refuseOtherEngines(session: MysqlSession, names: TableNames): Promise<void> {
  const rows = await session.rows<{ table_name: string; engine: string | null }>(
    `SELECT table_name AS table_name, engine AS engine
      FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name IN (?, ?, ?, ?)`,
    plainNames(names),
  )
  const other = rows.find((row) => row.engine?.toLowerCase() !== 'innodb')
  if (other === undefined) return
  const message = `the table \`${other.table_name}\` is not kept by InnoDB, which alone makes units of several statements`
  throw new SallyportError('ERR_STORE_MISMATCH', `${message}; choose another \`tableName\``)
}

function plainNames({ data, verifiers, epoch, meta }: TableNames): string[] {
  return [data, verifiers, epoch, meta].map((quoted) => quoted.slice(1, -1))
}

/** Some servers keep names of tables in small letters. */
function isSameTable(name: string, quoted: string): boolean {
  return name === quoted.slice(1, -1) || name === quoted.slice(1, -1).toLowerCase()
}
