import { systemClock } from '../../shared/clock.ts'
import type { Clock } from '../../shared/clock.ts'
import { consoleLogger, unfailing } from '../../shared/logger.ts'
import type { Logger } from '../../shared/logger.ts'
import { checkOptions, flag, integer, objectWith, rule, text } from '../../shared/options.ts'
import type { Rules } from '../../shared/options.ts'
import { clientKind } from './client.ts'

/** Which server, by `url` or by `client`, and how it is used. */
export type RedisStoreOptions = Options & ({ url: string; client?: never } | { client: object; url?: never })

interface Options {
  /** `redis://[user[:password]@]host[:port][/database]`, or `rediss://` for TLS. Needs the package `redis`. */
  url?: string
  /**
   * A client of `redis`, `ioredis` or `iovalkey`, connected or not, which the caller owns and closes. It is the
   * pattern and is never used itself: the store works on duplicates of it, so that it can cut one that hangs. These are
   * up to three connections (operations, poll, announcements), in a cluster to each primary. Its way to the servers (TLS, Sentinels, cluster) and its credentials count; its key prefix, its timeouts and how it
   * reconnects do not.
   */
  client?: object
  /** How the name of every key and channel begins. Default `oidc_cache:`. */
  keyPrefix?: string
  /** How long an operation may take, connecting included, in milliseconds. Default 1,000. */
  operationTimeoutMs?: number
  /** Whether changes are announced to other instances at once, on a connection of their own. Default true. */
  push?: boolean
  /** Paces timeouts; deadlines are judged by the server's clock. Default: the system's. */
  clock?: Clock
  /** Is told of what the server's settings put at risk. Default: warnings and errors to the console. */
  logger?: Logger
}

/** The options with their defaults. */
export interface RedisSettings {
  url: string | undefined
  client: object | undefined
  keyPrefix: string
  operationTimeoutMs: number
  push: boolean
  clock: Clock
  logger: Logger
}

const rules: Rules<Options> = {
  url: text(wrongUrl),
  client: rule(wrongClient),
  keyPrefix: text(wrongPrefix),
  operationTimeoutMs: integer({ min: 1, max: 60_000, unit: 'milliseconds' }),
  push: flag(),
  clock: objectWith('a clock', 'monotonic', 'wall', 'setTimer'),
  logger: objectWith('a logger', 'debug', 'info', 'warn', 'error'),
}

/** Throws a `ConfigError` with every problem there is. */
export function checkedSettings(options: RedisStoreOptions): RedisSettings {
  checkOptions('redisStore', options, rules, ({ url, client }, { report }) => {
    if (url === undefined && client === undefined) report('url', "is required, e.g. 'redis://localhost:6379'")
    if (url !== undefined && client !== undefined) report('client', 'give this or `url`, not both')
  })
  return {
    url: options.url,
    client: options.client,
    keyPrefix: options.keyPrefix ?? 'oidc_cache:',
    operationTimeoutMs: options.operationTimeoutMs ?? 1_000,
    push: options.push ?? true,
    clock: options.clock ?? systemClock,
    logger: unfailing(options.logger ?? consoleLogger),
  }
}

function wrongUrl(url: string): string | undefined {
  if (!/^rediss?:\/\//.test(url)) return 'must start with redis:// or rediss://, e.g. redis://localhost:6379'
  if (!URL.canParse(url))
    return 'is no URL; characters of a password such as / # ? @ : must be written as %2F and so on'
  const { pathname, search, hash, hostname } = new URL(url)
  if (hostname === '') return 'names no host, e.g. redis://localhost:6379'
  if (search !== '' || hash !== '') return 'takes no parameters; leave out what follows the database'
  if (!/^\/?$|^\/\d{1,5}$/.test(pathname)) return 'must end with the host or the number of a database, e.g. /0'
  return isDecodable(url) ? undefined : 'has a % that is not followed by two hexadecimal digits; write it as %25'
}

function wrongClient(client: unknown): string | undefined {
  if (clientKind(client) === undefined) return 'must be a client of redis, ioredis or iovalkey'
  if (typeof (client as { duplicate?: unknown }).duplicate === 'function') return undefined
  return 'is a Sentinel client of redis 5, which cannot be copied; redis 6 and ioredis can'
}

function wrongPrefix(prefix: string): string | undefined {
  if (/[{}]/.test(prefix)) return 'must not contain { or }, which choose the slot in a cluster'
  if (/[^\x21-\x7e]/.test(prefix)) return 'must be printable ASCII without blanks'
  return prefix.length > 100 ? 'must be at most 100 characters long' : undefined
}

function isDecodable(url: string): boolean {
  const { username, password } = new URL(url)
  try {
    return decodeURIComponent(username + password) !== undefined
  } catch {
    return false
  }
}
