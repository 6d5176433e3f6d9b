import { SallyportError } from '../../shared/errors.ts'
import { bucketCount } from '../rules/bumps.ts'

/** The version of the tables this release makes and needs. */
export const schemaVersion = 1

/** The latest second a date can show: a plain cache table may have any number where a row is never to expire. */
export const latestSecond = 8_640_000_000_000

/** The quoted names of the tables of one store. */
export interface TableNames {
  data: string
  /** The same as `data` unless verifiers have a table of their own. */
  verifiers: string
  epoch: string
  meta: string
}

/** The columns of a table of entries, in the order of their making. The first three are for people and other tools. */
const dataColumns = [
  'cache_key',
  'cache_value',
  'expires_at',
  'version',
  'expires_ms',
  'absolute_expires_ms',
  'subject_hash',
  'sid_hash',
  'label',
  'created_at',
  'last_accessed_at',
] as const

/** What a plain cache table has, and nothing else: it is upgraded where it stands. */
const plainColumns: readonly string[] = dataColumns.slice(0, 3)

const epochColumns = ['bucket', 'n', 'recent'] as const
const metaColumns = ['id', 'schema_version', 'incarnation', 'buckets', 'max_staleness_ms'] as const

/** What was found in the database. */
export interface FoundSchema {
  /** The names of the columns of each of the four tables, by quoted name; one that is missing may be left out. */
  tables: ReadonlyMap<string, readonly string[]>
  /** Those whose primary key is something else than `cache_key` alone. */
  keyedOtherwise?: ReadonlySet<string>
  /** The row of the meta table, if there is one. */
  meta: { schemaVersion: number; buckets: number } | undefined
}

/** What has to be done to a table of entries. */
export type TableWork = 'create' | 'upgrade' | 'none'

/** The statements of one database's dialect, for tables of certain names. None holds a value; all may be shown. */
export interface SchemaStatements {
  /** Make a table of entries that is not there, with its indexes. */
  create(table: string): string[]
  /** Make a table of entries of a plain cache table, and keep its rows. */
  upgrade(table: string): string[]
  /** Make the epoch and the meta table with its row where they are missing; repeatable. */
  support(): string[]
}

export function tableNames(
  tableName: string,
  verifierTableName: string | undefined,
  quote: (name: string) => string,
): TableNames {
  return {
    data: quote(tableName),
    verifiers: quote(verifierTableName ?? tableName),
    epoch: quote(`${tableName}_epoch`),
    meta: quote(`${tableName}_meta`),
  }
}

/** The tables of entries: one, or two where verifiers have their own. */
export function dataTables({ data, verifiers }: TableNames): string[] {
  return data === verifiers ? [data] : [data, verifiers]
}

/** The table that has the entry of this key. Code verifiers have no indexes: lists and removals by them use `data`. */
export function tableOf({ data, verifiers }: TableNames, key: string): string {
  return key.startsWith('cv:') ? verifiers : data
}

/** The keys of each table that has some, that of sessions first. */
export function byTable(names: TableNames, keys: readonly string[]): [table: string, keys: readonly string[]][] {
  const { data, verifiers } = names
  const ofTable = (table: string): string[] => keys.filter((key) => tableOf(names, key) === table)
  const tables: [string, readonly string[]][] =
    data === verifiers ? [[data, keys]] : [data, verifiers].map((table) => [table, ofTable(table)])
  return tables.filter(([, its]) => its.length > 0)
}

/** A quoted name with an ending, e.g. that of an index. */
export function withEnding(quoted: string, ending: string): string {
  return `${quoted.slice(0, -1)}_${ending}${quoted.slice(-1)}`
}

/** What has to be run, in this order; nothing where all is as it should be. Throws as `workFor` does. */
export function pendingStatements(names: TableNames, found: FoundSchema, statements: SchemaStatements): string[] {
  const tables = [...workFor(names, found)].flatMap(([table, what]) => (what === 'none' ? [] : statements[what](table)))
  const isSupported = found.meta !== undefined && hasColumns(found, names.epoch)
  return isSupported ? tables : [...tables, ...statements.support()]
}

/** What each table of entries needs; throws `ERR_STORE_MISMATCH` on anything that is not ours or newer than we are. */
function workFor(names: TableNames, found: FoundSchema): Map<string, TableWork> {
  refuseOtherMeta(names, found)
  if (hasColumns(found, names.epoch)) refuseForeign(names.epoch, found, epochColumns)
  if (hasColumns(found, names.meta)) refuseForeign(names.meta, found, metaColumns)
  return new Map(dataTables(names).map((table) => [table, workForTable(table, found)]))
}

function workForTable(table: string, found: FoundSchema): TableWork {
  const columns = found.tables.get(table) ?? []
  if (columns.length === 0) return 'create'
  if (found.keyedOtherwise?.has(table)) throw foreign(table, 'its primary key is not cache_key')
  if (columns.length === plainColumns.length && plainColumns.every((name) => columns.includes(name))) return 'upgrade'
  refuseForeign(table, found, dataColumns)
  return 'none'
}

function hasColumns(found: FoundSchema, table: string): boolean {
  return (found.tables.get(table) ?? []).length > 0
}

function refuseForeign(table: string, found: FoundSchema, expected: readonly string[]): void {
  const columns = found.tables.get(table) ?? []
  const missing = expected.filter((name) => !columns.includes(name))
  if (missing.length > 0) throw foreign(table, `it has no column ${missing.join(', ')}`)
}

function refuseOtherMeta({ meta }: TableNames, found: FoundSchema): void {
  if (found.meta === undefined) return
  const { schemaVersion: version, buckets } = found.meta
  if (version > schemaVersion)
    throw mismatch(`${meta} says schema version ${version}, this release of sallyport knows ${schemaVersion}`)
  if (buckets !== bucketCount) throw mismatch(`${meta} says ${buckets} epoch buckets, this store has ${bucketCount}`)
}

function foreign(table: string, why: string): SallyportError {
  return mismatch(`the table ${table} is not one of sallyport's: ${why}`)
}

function mismatch(message: string): SallyportError {
  return new SallyportError('ERR_STORE_MISMATCH', `${message}; choose another \`tableName\``)
}
