import { resolve } from 'node:path'
import { systemClock } from '../shared/clock.ts'
import type { Clock } from '../shared/clock.ts'
import { checkOptions, integer, kindOf, objectWith, rule, text } from '../shared/options.ts'
import type { Rules } from '../shared/options.ts'

/** Where the database is and how it is kept. One of `path` and `connectionString` is required. */
export interface SqliteStoreOptions {
  /** The database file; created if missing, in a directory that exists. A relative path starts at the working directory. */
  path?: string
  /** The same as a URL: `sqlite://relative.db` or `sqlite:///absolute/path.db`. */
  connectionString?: string
  /** The table of the entries; `<tableName>_epoch` and `<tableName>_meta` stand beside it. Default `oidc_cache`. */
  tableName?: string
  /** Seconds between two deletions of expired rows, which are invisible long before; 0 turns them off. Default 300. */
  cleanupIntervalSec?: number
  /** SQLite has one writer at a time, so nothing but 1 is accepted. Default 1. */
  maxConnections?: number
  /** How long an operation tries while another process holds the lock, in milliseconds. Default 1,000. */
  operationTimeoutMs?: number
  /** Judges deadlines and paces retries. Default: the system's. */
  clock?: Clock
}

/** The options with their defaults. */
export interface SqliteSettings {
  path: string
  tableName: string
  cleanupIntervalSec: number
  operationTimeoutMs: number
  clock: Clock
}

const scheme = 'sqlite://'
/** Leaves room for `_epoch` within the 63 characters other databases allow. */
const tableNamePattern = /^[A-Za-z_][A-Za-z0-9_]{0,56}$/

const rules: Rules<SqliteStoreOptions> = {
  path: text(wrongPath),
  connectionString: text(wrongConnectionString),
  tableName: text(wrongTableName),
  cleanupIntervalSec: integer({ min: 0, max: 86_400, unit: 'seconds' }),
  maxConnections: rule(wrongMaxConnections),
  operationTimeoutMs: integer({ min: 1, max: 60_000, unit: 'milliseconds' }),
  clock: objectWith('a clock', 'monotonic', 'wall', 'setTimer'),
}

/** Throws a `ConfigError` with every problem there is. */
export function checkedSettings(options: SqliteStoreOptions): SqliteSettings {
  checkOptions('sqliteStore', options, rules, ({ path, connectionString }, { report }) => {
    if (path === undefined && connectionString === undefined) report('path', "is required, e.g. 'sessions.db'")
    if (path !== undefined && connectionString !== undefined)
      report('connectionString', 'give this or `path`, not both')
  })
  return {
    path: resolve(options.path ?? pathOf(options.connectionString ?? '')),
    tableName: options.tableName ?? 'oidc_cache',
    cleanupIntervalSec: options.cleanupIntervalSec ?? 300,
    operationTimeoutMs: options.operationTimeoutMs ?? 1_000,
    clock: options.clock ?? systemClock,
  }
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

function wrongTableName(name: string): string | undefined {
  if (!tableNamePattern.test(name)) return 'must be 1 to 57 letters, digits and underscores, not starting with a digit'
  return /^sqlite_/i.test(name) ? 'must not start with sqlite_, which SQLite keeps for itself' : undefined
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
