import type { TestContext } from 'node:test'
import type { CacheEntry } from '../../src/cache/entry.ts'
import type { TwoTierCacheConfig } from '../../src/cache/config.ts'
import type { Store } from '../../src/cache/store.ts'
import { createKeyRing } from '../../src/session/key-ring.ts'
import type { SessionRecord } from '../../src/session/record.ts'
import type { Opening } from '../../src/session/service.ts'
import { SessionLifecycle } from '../../src/session/session-lifecycle.ts'
import { assembleSessionParts, type SessionParts, type SessionServiceOptions } from '../../src/session/session-parts.ts'
import type { SessionData, TokenSet } from '../../src/session/tokens.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { manualClock, type ManualClock } from '../../src/testing/manual-clock.ts'
import { heldStore, type HeldStore } from './held-store.ts'
import { recordingLogger, type LogLine } from './recording-logger.ts'
import { evenRandomness } from './tiers.ts'

export const minute = 60_000
/** How long the access tokens of these tests live. */
export const tokenLifeMs = 10 * minute
export const issuer = 'https://login.example'
export const cookieName = '__Host-sallyport'

/** The provider's side of refreshing: what it was asked, and what it says. */
export interface TokenEndpoint {
  /** The refresh tokens it was sent, in order. */
  readonly sent: string[]
  /** The refresh tokens that were given back to it. */
  readonly revoked: string[]
  /** Answers a refresh. Default: new tokens, the refresh token rotated. */
  answer: (refreshToken: string, signal: AbortSignal) => Promise<TokenSet>
}

export interface SessionProcess {
  readonly clock: ManualClock
  readonly held: HeldStore
  readonly parts: SessionParts
  readonly endpoint: TokenEndpoint
  readonly lines: LogLine[]
  /** What the hooks were told. */
  readonly told: string[]
  /** Opens a session, as a sign-in does. */
  signIn(opening?: Partial<Opening<SessionData>>): Promise<CacheEntry<SessionRecord>>
  /** The `Cookie` header of a browser that has this session. */
  cookieOf(entry: CacheEntry<SessionRecord>): string
}

export interface ProcessPlan {
  clock?: ManualClock
  /** Shared with another process. */
  inner?: Store
  endpoint?: TokenEndpoint
  secrets?: string[]
  cache?: TwoTierCacheConfig
  options?: Partial<SessionServiceOptions>
}

/** One process that has sessions over a memory store whose calls can be held back. */
export async function startProcess(t: TestContext, plan: ProcessPlan = {}): Promise<SessionProcess> {
  const { clock = manualClock() } = plan
  const { endpoint = tokenEndpoint(clock) } = plan
  const held = heldStore(plan.inner ?? memoryStore({ clock }))
  const { options, lines, told } = sessionOptions(held.store, clock, { ...plan, endpoint })
  const parts = assembleSessionParts(options)
  const lifecycle = new SessionLifecycle(parts)
  await parts.tiers.ready()
  t.after(() => parts.tiers.close())
  return {
    clock,
    held,
    parts,
    endpoint,
    lines,
    told,
    signIn: (opening = {}) =>
      lifecycle.open(
        { claims: { sub: 'alice', iss: issuer }, tokens: firstTokens(clock), data: {}, ...opening },
        { cookieHeader: undefined, setCookie: () => {} },
      ),
    cookieOf: (entry) => `${cookieName}=${entry.text}`,
  }
}

/** What a session service takes, for a process of these tests. */
export function sessionOptions(
  store: Store,
  clock: ManualClock,
  plan: ProcessPlan = {},
): { options: SessionServiceOptions; lines: LogLine[]; told: string[] } {
  const { endpoint = tokenEndpoint(clock), secrets = ['a secret that has thirty-two bytes!'] } = plan
  const { logger, lines } = recordingLogger()
  const told: string[] = []
  const options: SessionServiceOptions = {
    store,
    secrets: createKeyRing(secrets),
    issuer,
    cookie: { name: cookieName, sameSite: 'lax', persistent: true, secure: true },
    idleTimeoutSec: 1_800,
    absoluteLifetimeSec: 86_400,
    transactionTtlSec: 600,
    cache: plan.cache,
    sealing: {},
    refreshTokens({ refreshToken, signal }) {
      endpoint.sent.push(refreshToken)
      return endpoint.answer(refreshToken, signal)
    },
    revokeToken: async (refreshToken) => void endpoint.revoked.push(refreshToken),
    refreshTimeoutMs: 5_000,
    hooks: {
      onSignOut: async ({ sub }, reason) => void told.push(`${sub} signed out: ${reason}`),
      onRefresh: async ({ sub }) => void told.push(`${sub} refreshed`),
    },
    logger,
    clock,
    randomness: evenRandomness,
    ...plan.options,
  }
  return { options, lines, told }
}

/** A token endpoint that refreshes whatever it is sent. */
export function tokenEndpoint(clock: ManualClock): TokenEndpoint {
  const endpoint: TokenEndpoint = { sent: [], revoked: [], answer: async () => nextTokens(clock, endpoint) }
  return endpoint
}

export function firstTokens(clock: ManualClock): TokenSet {
  return {
    accessToken: 'access 0',
    tokenType: 'Bearer',
    expiresAt: clock.wall() + tokenLifeMs,
    refreshToken: 'refresh 0',
    idToken: 'id 0',
    scope: 'openid',
  }
}

/** The tokens after the ones before: `access 1` and `refresh 1` for the first refresh. */
export function nextTokens(clock: ManualClock, { sent }: TokenEndpoint): TokenSet {
  const n = sent.length
  return {
    accessToken: `access ${n}`,
    tokenType: 'Bearer',
    expiresAt: clock.wall() + tokenLifeMs,
    refreshToken: `refresh ${n}`,
  }
}
