import { resolve } from 'node:path'
import { checkOptions, kindOf, rule, text } from '../../shared/options.ts'
import type { Rules } from '../../shared/options.ts'
import { sqlRules, sqlSettings, wrongTables } from '../sql/options.ts'
import type { SqlCacheConfig, SqlSettings } from '../sql/options.ts'

/** Where the database is, by `path` or by `connectionString`, and how it is kept. */
export type SqliteStoreOptions = Options &
  ({ path: string; connectionString?: never } | { connectionString: string; path?: never })

interface Options extends SqlCacheConfig {
  /** The database file; created if missing, in a directory that exists. A relative path starts at the working directory. */
  path?: string
  /** The same as a URL: `sqlite://relative.db` or `sqlite:///absolute/path.db`. */
  connectionString?: string
  /** SQLite has one writer at a time, so nothing but 1 is accepted. Default 1. */
  maxConnections?: number
  /** There is no pool, so there is nothing to keep open. */
  minConnections?: never
  /** There is no pool, so there is no waiting for it. */
  acquireTimeoutSec?: never
}

/** The options with their defaults. */
export interface SqliteSettings extends Omit<SqlSettings, 'maxConnections' | 'minConnections' | 'acquireTimeoutMs'> {
  path: string
}

const scheme = 'sqlite://'

const rules: Rules<Options> = {
  ...sqlRules,
  path: text(wrongPath),
  connectionString: text(wrongConnectionString),
  maxConnections: rule(wrongMaxConnections),
  minConnections: rule(() => noPool),
  acquireTimeoutSec: rule(() => noPool),
}

const noPool =
  'leave it out: SQLite has no pool of connections. `operationTimeoutMs` limits how long a lock is waited for'

/** Throws a `ConfigError` with every problem there is. */
export function checkedSettings(options: SqliteStoreOptions): SqliteSettings {
  checkOptions('sqliteStore', options, rules, (given, { report }) => {
    const { path, connectionString, tableName = 'oidc_cache', verifierTableName } = given
    if (verifierTableName !== undefined) wrongTables(tableName, verifierTableName, report)
    if (path === undefined && connectionString === undefined) report('path', "is required, e.g. 'sessions.db'")
    if (path !== undefined && connectionString !== undefined)
      report('connectionString', 'give this or `path`, not both')
  })
  const { maxConnections, minConnections, acquireTimeoutMs, ...settings } = sqlSettings(options)
  return { path: resolve(options.path ?? pathOf(options.connectionString ?? '')), ...settings }
}

function wrongPath(path: string): string | undefined {
  if (path.includes(':memory:')) {
    return 'a database in memory would be another one for each connection; use memoryStore() of sallyport/memory'
  }
  if (/^(file|sqlite):/i.test(path)) return 'must be a plain path; a sqlite:// URL goes into `connectionString`'
  if (path.includes('\0')) return 'must not contain a NUL character'
  return undefined
}

function wrongConnectionString(given: string): string | undefined {
  if (/^(sqlite:|file:)?(\/\/)?:memory:/i.test(given)) return wrongPath(':memory:')
  if (!given.startsWith(scheme)) return 'must start with sqlite://, e.g. sqlite://sessions.db'
  if (/[?#]/.test(given)) return 'takes no parameters; leave out what follows the file name'
  if (!isDecodable(given)) return 'has a % that is not followed by two hexadecimal digits of UTF-8; write it as %25'
  return pathOf(given) === '' ? 'names no file' : wrongPath(pathOf(given))
}

function wrongMaxConnections(value: unknown): string | undefined {
  if (value === 1) return undefined
  if (typeof value !== 'number') return `must be 1, not ${kindOf(value)}`
  return 'must be 1: SQLite has one writer at a time, so more connections would only wait for each other'
}

function pathOf(connectionString: string): string {
  return decodeURIComponent(connectionString.slice(scheme.length))
}

function isDecodable(connectionString: string): boolean {
  try {
    decodeURIComponent(connectionString)
    return true
  } catch {
    return false
  }
}
