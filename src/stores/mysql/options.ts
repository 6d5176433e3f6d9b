import { isIP } from 'node:net'
import type { Pool, PoolOptions } from 'mysql2'
import type { Pool as PromisePool } from 'mysql2/promise'
import { checkOptions, isPlainObject, objectWith, text } from '../../shared/options.ts'
import type { Rules } from '../../shared/options.ts'
import { sqlRules, sqlSettings, wrongTogether, wrongUrl } from '../sql/options.ts'
import type { SqlCacheConfig, SqlSettings } from '../sql/options.ts'

/** Where the database is, by `connectionString` or by `pool`, and how it is used. */
export type MysqlStoreOptions = Options &
  ({ connectionString: string; pool?: never } | { pool: Pool | PromisePool; connectionString?: never })

interface Options extends SqlCacheConfig {
  /**
   * A URL: `mysql://user:password@host:3306/database`; `mariadb://` means the same. Parameters: `?ssl=true` for TLS with
   * a certificate that Node.js trusts and that is for this host name (an IP address is not compared),
   * `?ssl={"ca":"…"}` for other options of TLS, `?socketPath=/run/mysqld/mysqld.sock`.
   */
  connectionString?: string
  /**
   * A pool of `mysql2` that the application has already, of callbacks or of promises; who made it closes it. It needs a
   * database, a strict SQL mode, utf8mb4, autocommit and FOUND_ROWS, all of which are defaults, and at least two
   * connections: one of them stays with each store, for polling. Excludes `connectionString`, `maxConnections` and
   * `minConnections`.
   */
  pool?: Pool | PromisePool
}

/** The options with their defaults. */
export interface MysqlSettings extends SqlSettings {
  /** For the driver; absent where the caller has a pool. */
  address: PoolOptions | undefined
  /** The one of callbacks, also if the caller's is one of promises. */
  pool: Pool | undefined
}

const example = 'mysql://user:password@localhost:3306/app'

const rules: Rules<Options> = {
  ...sqlRules,
  connectionString: text(wrongConnectionString),
  pool: objectWith('a pool of mysql2', 'getConnection', 'execute', 'query', 'end'),
}

/** Throws a `ConfigError` with every problem there is. */
export function checkedSettings(options: MysqlStoreOptions): MysqlSettings {
  checkOptions('mysqlStore', options, rules, (given, { report, isSound }) => {
    if (given.connectionString === undefined && given.pool === undefined)
      report('connectionString', `is required, e.g. '${example}', or a \`pool\``)
    if (given.pool !== undefined) {
      for (const name of ['connectionString', 'maxConnections', 'minConnections'] as const)
        if (given[name] !== undefined) report(name, 'leave it out: the `pool` given has its own')
      if (isSound('pool') && connectionLimitOf(poolOfCallbacks(given.pool)) < 2)
        report('pool', 'must have at least two connections: one stays with the store, for polling')
    }
    wrongTogether(given, report)
  })
  const { connectionString, pool } = options
  return {
    ...sqlSettings(options),
    address: connectionString === undefined ? undefined : addressOf(connectionString),
    pool: pool && poolOfCallbacks(pool),
  }
}

/** How many connections a pool may have. */
export function connectionLimitOf(pool: Pool): number {
  const { config } = pool as Pool & { config?: { connectionLimit?: number } }
  return config?.connectionLimit || Infinity
}

function poolOfCallbacks(pool: Pool | PromisePool): Pool {
  return 'pool' in pool ? pool.pool : pool
}

function wrongConnectionString(given: string): string | undefined {
  const wrong = wrongUrl(given, ['mysql:', 'mariadb:'], example)
  if (wrong !== undefined) return wrong
  const url = new URL(given)
  if (!isDecodable(url)) return 'has a % that is not followed by two hexadecimal digits of UTF-8; write it as %25'
  if (url.pathname.length < 2) return `names no database; write it like ${example}`
  if (url.pathname.indexOf('/', 1) > 0) return `names more than a database after the host; write it like ${example}`
  const unknown = [...url.searchParams.keys()].find((name) => name !== 'ssl' && name !== 'socketPath')
  if (unknown !== undefined) return 'takes the parameters ssl and socketPath only; give a `pool` for anything else'
  const ssl = url.searchParams.get('ssl')
  return ssl === null || tlsFrom(ssl) !== undefined ? undefined : 'takes for ssl true, false or an object in JSON'
}

function addressOf(connectionString: string): PoolOptions {
  const url = new URL(connectionString)
  const { hostname } = url
  const socketPath = url.searchParams.get('socketPath')
  const ssl = tlsFrom(url.searchParams.get('ssl') ?? 'false')
  // The brackets of an IPv6 address belong to the URL.
  const host = decodeURIComponent(hostname.startsWith('[') ? hostname.slice(1, -1) : hostname) || 'localhost'
  // The driver would take any server's certificate. It can compare a name only: for an address it would look for localhost.
  const verifyIdentity = socketPath === null && isIP(host) === 0
  return {
    host,
    ...(url.port === '' ? {} : { port: Number(url.port) }),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)),
    ...(socketPath === null ? {} : { socketPath }),
    ...(typeof ssl === 'object' ? { ssl: { verifyIdentity, ...ssl } } : {}),
  }
}

function tlsFrom(given: string): false | NonNullable<PoolOptions['ssl']> | undefined {
  try {
    const parsed: unknown = JSON.parse(given)
    if (parsed === false) return false
    if (parsed === true) return {}
    return isPlainObject(parsed) ? parsed : undefined
  } catch {
    return undefined
  }
}

function isDecodable({ hostname, username, password, pathname }: URL): boolean {
  try {
    for (const part of [hostname, username, password, pathname]) decodeURIComponent(part)
    return true
  } catch {
    return false
  }
}
