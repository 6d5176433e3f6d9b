import type { Pool } from 'pg'
import { checkOptions, flag, objectWith, text } from '../../shared/options.ts'
import type { Rules } from '../../shared/options.ts'
import { sqlRules, sqlSettings, wrongTogether, wrongUrl } from '../sql/options.ts'
import type { SqlCacheConfig, SqlSettings } from '../sql/options.ts'

/** Where the database is, by `connectionString` or by `pool`, and how it is used. */
export type PostgresStoreOptions = Options &
  ({ connectionString: string; pool?: never } | { pool: Pool; connectionString?: never })

interface Options extends SqlCacheConfig {
  /**
   * A URL: `postgres://user:password@host:5432/database`. The poll and the listener connect there too. Settings in its
   * `options` hold, except for those that the store cannot do without: `enable_seqscan` and `jit` are off, and
   * transactions are READ COMMITTED.
   */
  connectionString?: string
  /**
   * A pool of `pg` that the application has already; who made it closes it. The poll and the listener make connections
   * of their own with its options. Give it a `statement_timeout` near `operationTimeoutMs`, so that the server gives up
   * as well on what nobody waits for any more. Excludes `connectionString`, `maxConnections` and `minConnections`.
   */
  pool?: Pool
  /**
   * Makes the table of the entries UNLOGGED: writes cost about half, and a crash of the server or a failover empties it,
   * which signs everybody out. What was revoked stays revoked: the epochs are logged all the same. Default `false`.
   */
  unlogged?: boolean
  /**
   * Keeps values as JSONB instead of BYTEA, for people who query them. Only for values that are JSON, i.e. sessions that
   * are not sealed; costs the server a parse per write, and what it gives back may be spelt differently. Default `false`.
   */
  jsonb?: boolean
  /**
   * Tells other instances of a revocation at once, with NOTIFY. PostgreSQL commits such transactions one after the
   * other: without, a server takes several times as many revocations, and others hear of them by their next poll, which
   * `maxStalenessMs` bounds in either case. Default `true`.
   */
  push?: boolean
  /**
   * Where to LISTEN, if not at `connectionString`: a direct connection, as PgBouncer passes no notifications on in its
   * transaction mode. Default: the same URL.
   */
  listenUrl?: string
}

/** The options with their defaults. */
export interface PostgresSettings extends SqlSettings {
  connectionString: string | undefined
  pool: Pool | undefined
  unlogged: boolean
  jsonb: boolean
  push: boolean
  listenUrl: string | undefined
}

const example = 'postgres://user:password@localhost:5432/app'

const rules: Rules<Options> = {
  ...sqlRules,
  connectionString: text(wrongPostgresUrl),
  pool: objectWith('a pool of pg', 'connect', 'query', 'end'),
  unlogged: flag(),
  jsonb: flag(),
  push: flag(),
  listenUrl: text(wrongPostgresUrl),
}

/** Throws a `ConfigError` with every problem there is. */
export function checkedSettings(options: PostgresStoreOptions): PostgresSettings {
  checkOptions('postgresStore', options, rules, (given, { report }) => {
    if (given.connectionString === undefined && given.pool === undefined)
      report('connectionString', `is required, e.g. '${example}', or a \`pool\``)
    if (given.pool !== undefined) {
      for (const name of ['connectionString', 'maxConnections', 'minConnections'] as const)
        if (given[name] !== undefined) report(name, 'leave it out: the `pool` given has its own')
    }
    if (given.push === false && given.listenUrl !== undefined)
      report('listenUrl', 'leave it out: `push` is false, so nothing listens')
    wrongTogether(given, report)
  })
  return {
    ...sqlSettings(options),
    connectionString: options.connectionString,
    pool: options.pool,
    unlogged: options.unlogged ?? false,
    jsonb: options.jsonb ?? false,
    push: options.push ?? true,
    listenUrl: options.listenUrl,
  }
}

function wrongPostgresUrl(given: string): string | undefined {
  const wrong = wrongUrl(given, ['postgres:', 'postgresql:'], example)
  if (wrong !== undefined) return wrong
  return isDecodable(given) ? undefined : 'has a % that is not followed by two hexadecimal digits; write it as %25'
}

function isDecodable(given: string): boolean {
  try {
    decodeURIComponent(given)
    return true
  } catch {
    return false
  }
}
