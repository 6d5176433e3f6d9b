import { systemClock } from '../../shared/clock.ts'
import type { Clock } from '../../shared/clock.ts'
import { consoleLogger, unfailing } from '../../shared/logger.ts'
import type { Logger } from '../../shared/logger.ts'
import { flag, integer, objectWith, text } from '../../shared/options.ts'
import type { Rules } from '../../shared/options.ts'

/** What every store in an SQL database takes. */
export interface SqlCacheConfig {
  /** Where the database is, as a URL. */
  connectionString?: string
  /** The table of the entries; `<tableName>_epoch` and `<tableName>_meta` stand beside it. Default `oidc_cache`. */
  tableName?: string
  /** A table of its own for the code verifiers of sign-ins under way, keys that start with `cv:`. Default: the same. */
  verifierTableName?: string
  /** Whether missing tables are created and older ones upgraded at the first use. Default `true`. */
  autoMigrate?: boolean
  /** Connections of the pool at most, besides those for polling and listening. Default 20. */
  maxConnections?: number
  /** Connections that are kept open when nothing happens. Default 5, or `maxConnections` if that is less. */
  minConnections?: number
  /** How long background work waits for a connection, in seconds; requests wait `operationTimeoutMs`. Default 30. */
  acquireTimeoutSec?: number
  /** Seconds between two deletions of expired rows, which are invisible long before; 0 turns them off. Default 300. */
  cleanupIntervalSec?: number
  /** How long an operation may take in all, waiting for a connection included, in milliseconds. Default 1,000. */
  operationTimeoutMs?: number
  /** Told of what an operator should know. Default: warnings and errors to the console. */
  logger?: Logger
  /** Paces retries and time limits; where the database has no clock, judges deadlines too. Default: the system's. */
  clock?: Clock
}

/** The options all SQL stores share, with their defaults. */
export interface SqlSettings {
  tableName: string
  verifierTableName: string | undefined
  autoMigrate: boolean
  maxConnections: number
  minConnections: number
  acquireTimeoutMs: number
  cleanupIntervalSec: number
  operationTimeoutMs: number
  logger: Logger
  clock: Clock
}

/** Leaves room for `_expires_at` within the 63 characters PostgreSQL allows. */
const tableNamePattern = /^[A-Za-z_][A-Za-z0-9_]{0,51}$/

export const sqlRules: Rules<Omit<SqlCacheConfig, 'connectionString'>> = {
  tableName: text(wrongTableName),
  verifierTableName: text(wrongTableName),
  autoMigrate: flag(),
  maxConnections: integer({ min: 1, max: 1_000 }),
  minConnections: integer({ min: 0, max: 1_000 }),
  acquireTimeoutSec: integer({ min: 1, max: 600, unit: 'seconds' }),
  cleanupIntervalSec: integer({ min: 0, max: 86_400, unit: 'seconds' }),
  operationTimeoutMs: integer({ min: 1, max: 60_000, unit: 'milliseconds' }),
  logger: objectWith('a logger', 'debug', 'info', 'warn', 'error'),
  clock: objectWith('a clock', 'monotonic', 'wall', 'setTimer'),
}

/** For options that passed their rules. */
export function sqlSettings(options: SqlCacheConfig): SqlSettings {
  const maxConnections = options.maxConnections ?? 20
  return {
    tableName: options.tableName ?? 'oidc_cache',
    verifierTableName: options.verifierTableName,
    autoMigrate: options.autoMigrate ?? true,
    maxConnections,
    minConnections: options.minConnections ?? Math.min(5, maxConnections),
    acquireTimeoutMs: (options.acquireTimeoutSec ?? 30) * 1_000,
    cleanupIntervalSec: options.cleanupIntervalSec ?? 300,
    operationTimeoutMs: options.operationTimeoutMs ?? 1_000,
    logger: unfailing(options.logger ?? consoleLogger),
    clock: options.clock ?? systemClock,
  }
}

/** What is wrong with options of an SQL store together; those that are not sound by themselves were reported before. */
export function wrongTogether(options: SqlCacheConfig, report: (path: string, message: string) => void): void {
  const { minConnections, maxConnections = 20, tableName = 'oidc_cache', verifierTableName } = options
  if (Number.isInteger(minConnections) && Number(minConnections) > maxConnections)
    report('minConnections', `must not be more than \`maxConnections\`, which is ${maxConnections}`)
  if (verifierTableName !== undefined) wrongTables(tableName, verifierTableName, report)
}

/** Two tables whose names, or those of what stands beside them, are the same. */
export function wrongTables(
  tableName: string,
  verifierTableName: string,
  report: (path: string, message: string) => void,
): void {
  // Reported before: this is asked also about options that are not sound.
  if (typeof tableName !== 'string' || typeof verifierTableName !== 'string') return
  const taken = [...namesBeside(tableName), `${tableName}_epoch`, `${tableName}_meta`].map((name) => name.toLowerCase())
  if (namesBeside(verifierTableName).some((name) => taken.includes(name.toLowerCase())))
    report('verifierTableName', 'must be another name than `tableName` and those of the tables and indexes beside it')
}

/** A table of entries and its indexes: in most databases all of them need different names. */
function namesBeside(table: string): string[] {
  return [table, ...['pkey', 'expires_at', 'subject', 'sid', 'upgraded'].map((ending) => `${table}_${ending}`)]
}

/** A URL of one of these schemes, e.g. `postgres:`. Nothing of what was given is shown: there may be a password in it. */
export function wrongUrl(given: string, schemes: readonly string[], example: string): string | undefined {
  const scheme = schemes.find((each) => given.startsWith(`${each}//`))
  if (scheme === undefined) return `must start with ${schemes.map((each) => `${each}//`).join(' or ')}, e.g. ${example}`
  return URL.canParse(given) ? undefined : `is not a URL; write it like ${example}, with special characters as %XX`
}

export function wrongTableName(name: string): string | undefined {
  if (!tableNamePattern.test(name)) return 'must be 1 to 52 letters, digits and underscores, not starting with a digit'
  return /^(sqlite_|pg_)/i.test(name)
    ? 'must not start with sqlite_ or pg_, which databases keep for themselves'
    : undefined
}
