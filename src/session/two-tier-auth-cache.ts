import type { CacheStats } from '../cache/stats.ts'
import { cacheRules, storeRule } from '../cache/config-rules.ts'
import { resolveCacheConfig, type TwoTierCacheConfig } from '../cache/config.ts'
import type { Store, StoreStats } from '../cache/store.ts'
import { TwoTierCache } from '../cache/two-tier-cache.ts'
import { systemClock, type Clock } from '../shared/clock.ts'
import { consoleLogger, unfailing, type Logger } from '../shared/logger.ts'
import { checkOptions, integer, objectWith, required, type Findings, type Rules } from '../shared/options.ts'
import { systemRandomness, type Randomness } from '../shared/randomness.ts'
import { oneSecretRule } from '../shared/secret-rule.ts'
import type { AuthCache } from './auth-cache.ts'
import { cacheStats, noAnswers } from './cache-stats.ts'
import { createKeyRing } from './key-ring.ts'
import { RecordCodec } from './record-codec.ts'
import { sessionTier, verifierTier } from './sealed-tier.ts'
import { compareSealing, sealingRules, settleSealing, type SealingOptions } from './sealing.ts'
import { sevenOperations } from './seven-operations.ts'
import type { AuthSession } from './tokens.ts'
import { Vault } from './vault.ts'

/** What `new TwoTierAuthCache` takes. */
export interface TwoTierAuthCacheOptions extends TwoTierCacheConfig, SealingOptions {
  /** L2. */
  store: Store
  /** At least 32 bytes of randomness: ids are hashed and values sealed with keys made from it. */
  secret: string
  /** How long a session lives unless it is extended or set with its own `ttlSec`. Default 1,800. */
  sessionTtlSec?: number
  /** How long a code verifier lives. Default 600. */
  verifierTtlSec?: number
  /** Default: the console, warnings and errors only. */
  logger?: Logger
  /** Seam for tests. */
  clock?: Clock
  /** Seam for tests. */
  randomness?: Randomness
}

const rules: Rules<TwoTierAuthCacheOptions> = {
  ...cacheRules,
  ...sealingRules,
  store: required(storeRule),
  secret: required(oneSecretRule),
  sessionTtlSec: integer({ min: 1, max: 31_536_000, unit: 'seconds' }),
  verifierTtlSec: integer({ min: 1, max: 86_400, unit: 'seconds' }),
  logger: objectWith('a logger', 'debug', 'info', 'warn', 'error'),
  clock: objectWith('a clock', 'monotonic', 'wall', 'setTimer'),
  randomness: objectWith('randomness', 'bytes', 'fraction'),
}

function compare(options: TwoTierAuthCacheOptions, { report, isSound }: Findings): void {
  if (isSound('seal', 'compressAboveBytes', 'store')) compareSealing(options, options.store, report)
}

/**
 * The seven operations over two tiers, without any OpenID Connect around them. An entry invalidated on one instance is
 * served from no other's memory after `maxStalenessMs`. Throws a `ConfigError` with every mistake in the options;
 * operations reject with `ERR_STORE_UNAVAILABLE` when the store cannot answer.
 */
export class TwoTierAuthCache implements AuthCache {
  readonly #tiers: TwoTierCache
  readonly #operations: AuthCache
  readonly #stats: () => CacheStats

  constructor(options: TwoTierAuthCacheOptions) {
    checkOptions<TwoTierAuthCacheOptions>('TwoTierAuthCache', options, rules, compare)
    const { store, secret, sessionTtlSec = 1_800, verifierTtlSec = 600 } = options
    const logger = unfailing(options.logger ?? consoleLogger)
    const { clock = systemClock, randomness = systemRandomness } = options
    const config = resolveCacheConfig(options)
    const codec = new RecordCodec(settleSealing(options, logger), randomness)
    const vault = new Vault(createKeyRing([secret]), codec, logger)
    const tiers = new TwoTierCache({ store, config, clock, randomness, logger })
    const [sessions, verifiers] = [sessionTier(tiers, vault), verifierTier(tiers, vault)]
    const counts = noAnswers()
    this.#tiers = tiers
    this.#operations = sevenOperations({ tiers, vault, sessions, verifiers, counts }, { sessionTtlSec, verifierTtlSec })
    this.#stats = () => cacheStats(tiers, { sessions: sessions.partition, verifiers: verifiers.partition }, counts)
  }

  getCodeVerifier(state: string): Promise<string | undefined> {
    return this.#operations.getCodeVerifier(state)
  }
  setCodeVerifier(state: string, verifier: string): Promise<void> {
    return this.#operations.setCodeVerifier(state, verifier)
  }
  invalidateCodeVerifier(state: string): Promise<void> {
    return this.#operations.invalidateCodeVerifier(state)
  }
  getAuthSession(id: string): Promise<AuthSession | undefined> {
    return this.#operations.getAuthSession(id)
  }
  setAuthSession(id: string, session: AuthSession, ttlSec?: number): Promise<void> {
    return this.#operations.setAuthSession(id, session, ttlSec)
  }
  invalidateAuthSession(id: string): Promise<void> {
    return this.#operations.invalidateAuthSession(id)
  }
  extendAuthSession(id: string, ttlSec: number): Promise<void> {
    return this.#operations.extendAuthSession(id, ttlSec)
  }

  /** Prepares the store now instead of on first use. */
  ready(): Promise<void> {
    return this.#tiers.ready()
  }
  stats(): CacheStats {
    return this.#stats()
  }
  /** How large the store is, and its pool of connections. Asks the store: rejects with `ERR_STORE_UNAVAILABLE`. */
  storeStats(): Promise<StoreStats> {
    return this.#tiers.storeStats()
  }
  /** Stops timers and closes the store. Repeatable. */
  close(): Promise<void> {
    return this.#tiers.close()
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
