import type { ClientBase } from 'pg'
import { SallyportError } from '../../shared/errors.ts'
import { isForbidden } from './errors.ts'
import type { PostgresSettings } from './options.ts'
import { ask, inTransaction } from './query.ts'
import { postgresSchema } from './tables.ts'
import type { ValueType } from './tables.ts'
import { LostIdentity } from '../sql/lost-identity.ts'
import { notPermitted, refuseToMigrate, tellMigrated } from '../sql/migration.ts'
import type { SchemaCommand } from '../sql/migration.ts'
import { dataTables, pendingStatements } from '../sql/schema.ts'
import type { FoundSchema, TableNames } from '../sql/schema.ts'

/** The oldest release that has all we use: `gen_random_uuid()` is part of it. */
const oldestMajor = 13

interface FoundColumn {
  table: string
  persistence: string
  is_keyed: boolean
  column: string
  type: string
}

/** Makes what is missing. Throws `ERR_STORE_MISMATCH` if this user may not or shall not. */
export async function migrate(client: ClientBase, names: TableNames, settings: PostgresSettings): Promise<void> {
  let statements = await pendingWork(client, names, settings)
  const command = schemaCommand(settings)
  if (!settings.autoMigrate) refuseToMigrate(command, statements)
  try {
    await inTransaction(client, settings.acquireTimeoutMs, async () => {
      await ask(client, { text: `SELECT pg_advisory_xact_lock(hashtext('sallyport schema'), 0)` })
      // Another instance may have been first.
      statements = await pendingWork(client, names, settings)
      for (const text of statements) await ask(client, { text })
    })
  } catch (error) {
    throw isForbidden(error) ? notPermitted(command, statements, error) : error
  }
  tellMigrated(settings.logger, 'postgres', statements)
}

/** Raises the greatest staleness any instance was promised; never lowers it, and writes only where it must. */
export async function raiseMaxStaleness(
  client: ClientBase,
  { meta }: TableNames,
  maxStalenessMs: number,
): Promise<void> {
  const { rows } = await ask<{ promised: number }>(client, { text: `SELECT max_staleness_ms AS promised FROM ${meta}` })
  const [row] = rows
  if (row === undefined) throw new LostIdentity()
  if (row.promised >= maxStalenessMs) return
  const text = `UPDATE ${meta} SET max_staleness_ms = $1::bigint WHERE max_staleness_ms < $1::bigint`
  await ask(client, { text }, [maxStalenessMs])
}

/** What has to be run so that the tables are as they should be. Throws `ERR_STORE_MISMATCH` if that cannot be. */
export async function pendingWork(
  client: ClientBase,
  names: TableNames,
  settings: PostgresSettings,
): Promise<string[]> {
  refuseBinary(client)
  await refuseUnfitServer(client)
  const columns = await foundColumns(client, names)
  const found = await foundSchema(client, names, columns)
  const typeOf = (table: string): ValueType => plainType(table, columns)
  const statements = pendingStatements(names, found, postgresSchema(names, settings, typeOf))
  for (const table of dataTables(names)) if (isOurs(table, columns)) refuseOtherKind(table, columns, settings)
  return statements
}

/** The driver cannot be told otherwise for one statement. */
function refuseBinary(client: ClientBase & { binary?: boolean }): void {
  if (client.binary === true)
    throw mismatch('the connections of the `pool` answer in binary, which the store does not read; leave out `binary`')
}

async function refuseUnfitServer(client: ClientBase): Promise<void> {
  const { rows } = await ask<{ version: number; encoding: string }>(client, {
    text: `SELECT current_setting('server_version_num')::int AS version, current_setting('server_encoding') AS encoding`,
  })
  const { version = 0, encoding = '' } = rows[0] ?? {}
  const major = Math.floor(version / 10_000)
  if (major < oldestMajor)
    throw mismatch(`this is PostgreSQL ${major}, sallyport needs ${oldestMajor} or later; upgrade the server`)
  if (encoding !== 'UTF8') throw mismatch(`the encoding of the database is ${encoding}; create one with encoding UTF8`)
}

async function foundColumns(client: ClientBase, names: TableNames): Promise<FoundColumn[]> {
  const { rows } = await ask<FoundColumn>(
    client,
    {
      text: `SELECT named.name AS "table", c.relpersistence AS persistence, a.attname AS "column",
        format_type(a.atttypid, NULL) AS type,
        EXISTS (SELECT FROM pg_index i JOIN pg_attribute k ON k.attrelid = c.oid AND k.attnum = i.indkey[0]
          WHERE i.indrelid = c.oid AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indnkeyatts = 1
            AND i.indpred IS NULL AND k.attname = 'cache_key') AS is_keyed
      FROM unnest($1::text[]) AS named(name)
      JOIN pg_class c ON c.oid = to_regclass(named.name)
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped`,
    },
    [[...dataTables(names), names.epoch, names.meta]],
  )
  return rows
}

async function foundSchema(client: ClientBase, names: TableNames, columns: FoundColumn[]): Promise<FoundSchema> {
  const tables = new Map<string, string[]>()
  for (const { table, column } of columns) tables.set(table, [...(tables.get(table) ?? []), column])
  const keyedOtherwise = new Set(columns.filter((column) => !column.is_keyed).map((column) => column.table))
  const isReadable = ['schema_version', 'buckets'].every((name) => tables.get(names.meta)?.includes(name))
  if (!isReadable) return { tables, keyedOtherwise, meta: undefined }
  const { rows } = await ask<{ schemaVersion: number; buckets: number }>(client, {
    text: `SELECT schema_version AS "schemaVersion", buckets FROM ${names.meta}`,
  })
  return { tables, keyedOtherwise, meta: rows[0] }
}

function isOurs(table: string, columns: readonly FoundColumn[]): boolean {
  return columns.some((each) => each.table === table && each.column === 'expires_ms')
}

/** A table that others use already is not changed into one of another kind behind their backs. */
function refuseOtherKind(table: string, columns: readonly FoundColumn[], settings: PostgresSettings): void {
  const value = columns.find((each) => each.table === table && each.column === 'cache_value')
  const wanted = settings.jsonb ? 'jsonb' : 'bytea'
  if (value?.type !== wanted)
    throw mismatch(`the values of ${table} are ${value?.type}, \`jsonb: ${settings.jsonb}\` means ${wanted}`)
  const isUnlogged = value.persistence === 'u'
  if (isUnlogged !== settings.unlogged)
    throw mismatch(
      `${table} is ${isUnlogged ? 'UNLOGGED' : 'logged'}, but \`unlogged\` is ${settings.unlogged}; change either: ` +
        `ALTER TABLE ${table} SET ${settings.unlogged ? 'UNLOGGED' : 'LOGGED'}`,
    )
}

/** The type of the values of a table that is to be upgraded; throws if its columns are not those of a plain cache. */
function plainType(table: string, columns: readonly FoundColumn[]): ValueType {
  const typeOf = (name: string): string =>
    columns.find((each) => each.table === table && each.column === name)?.type ?? ''
  const refuse = (name: string): SallyportError =>
    mismatch(
      `the table ${table} is not a plain cache table: its ${name} is ${typeOf(name)}; choose another \`tableName\``,
    )
  if (!['character varying', 'text'].includes(typeOf('cache_key'))) throw refuse('cache_key')
  if (!['smallint', 'integer', 'bigint'].includes(typeOf('expires_at'))) throw refuse('expires_at')
  const value = typeOf('cache_value')
  if (!['bytea', 'text', 'character varying', 'json', 'jsonb'].includes(value)) throw refuse('cache_value')
  return value as ValueType
}

function schemaCommand({ tableName, verifierTableName, unlogged, jsonb }: PostgresSettings): SchemaCommand {
  const flags = [...(unlogged ? ['--unlogged'] : []), ...(jsonb ? ['--jsonb'] : [])]
  return { database: 'postgres', tableName, verifierTableName, flags }
}

function mismatch(message: string): SallyportError {
  return new SallyportError('ERR_STORE_MISMATCH', message)
}
