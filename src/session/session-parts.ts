import type { Answer } from '../cache/answer.ts'
import { resolveCacheConfig, type TwoTierCacheConfig } from '../cache/config.ts'
import type { Store } from '../cache/store.ts'
import { TwoTierCache } from '../cache/two-tier-cache.ts'
import type { Clock } from '../shared/clock.ts'
import type { Logger } from '../shared/logger.ts'
import type { Randomness } from '../shared/randomness.ts'
import { Caretaker } from './caretaker.ts'
import type { KeyRing } from './key-ring.ts'
import { RecordCodec } from './record-codec.ts'
import type { SessionRecord } from './record.ts'
import { Refresher } from './refresher.ts'
import { sessionTier, verifierTier, type SealedTier } from './sealed-tier.ts'
import { settleSealing, type SealingOptions } from './sealing.ts'
import { SessionCookies, type SessionCookieOptions } from './session-cookies.ts'
import type { Claims, RefreshTokens, RevokeToken } from './tokens.ts'
import { Vault } from './vault.ts'

export interface SessionServiceOptions {
  store: Store
  secrets: KeyRing
  /** Whose users these are: part of every hash that lists and revocations go by. */
  issuer: string
  cookie: SessionCookieOptions
  idleTimeoutSec: number
  absoluteLifetimeSec: number
  transactionTtlSec: number
  cache: TwoTierCacheConfig | undefined
  sealing: SealingOptions
  refreshTokens: RefreshTokens
  revokeToken: RevokeToken
  /** A refresh request ends after this. */
  refreshTimeoutMs: number
  hooks: SessionHooks
  logger: Logger
  clock: Clock
  randomness: Randomness
}

/** Bounded in time and never rejecting: whoever passes them sees to that. */
export interface SessionHooks {
  onSignOut: (claims: Claims, reason: 'revoked' | 'refused-by-provider') => Promise<void>
  onRefresh: (claims: Claims) => Promise<void>
  onAnswer?: (answer: Answer) => void
}

/** What the session layer is made of, once per `Auth`. */
export interface SessionParts extends SessionServiceOptions, SealedTier<SessionRecord> {
  readonly vault: Vault
  readonly tiers: TwoTierCache
  readonly verifiers: SealedTier<string>
  readonly refresher: Refresher
  readonly caretaker: Caretaker
  readonly cookies: SessionCookies
}

export function assembleSessionParts(options: SessionServiceOptions): SessionParts {
  const { store, secrets, logger, clock, randomness, hooks } = options
  const config = resolveCacheConfig(options.cache)
  const codec = new RecordCodec(settleSealing(options.sealing, logger), randomness)
  const vault = new Vault(secrets, codec, logger)
  const tiers = new TwoTierCache({ store, config, clock, randomness, logger })
  const { partition, writes }: SealedTier<SessionRecord> = sessionTier(tiers, vault, (entry) => caretaker.plan(entry))
  const refresher = new Refresher({
    partition,
    writes,
    refreshTokens: options.refreshTokens,
    revokeToken: options.revokeToken,
    timeoutMs: options.refreshTimeoutMs,
    clock,
    randomness,
    logger,
    onRefreshed: (record) => hooks.onRefresh(record.claims),
    onRefused: (record) => hooks.onSignOut(record.claims, 'refused-by-provider'),
  })
  const caretaker = new Caretaker({ writes, refresher, idleTimeoutSec: options.idleTimeoutSec, clock, logger })
  const cookies = new SessionCookies(options.cookie, secrets, options.absoluteLifetimeSec, tiers.coherence)
  const verifiers = verifierTier(tiers, vault)
  return { ...options, vault, tiers, verifiers, partition, writes, refresher, caretaker, cookies }
}
