import type { Answer } from '../cache/answer.ts'
import type { SealingOptions } from '../session/sealing.ts'
import type { Store } from '../cache/store.ts'
import type { TwoTierCacheConfig } from '../cache/config.ts'
import type { Claims, SessionData } from '../session/tokens.ts'
import type { Clock } from '../shared/clock.ts'
import type { Logger } from '../shared/logger.ts'
import type { Randomness } from '../shared/randomness.ts'

/** What `createAuth` takes. Everything is checked at start, and every mistake is reported at once. */
export type AuthOptions<Data extends SessionData = SessionData> = CommonOptions<Data> & ClientOptions

/** The client's secret, absent for a public client (PKCE alone), and how it is used: no contradiction compiles. */
export type ClientOptions =
  | { clientSecret?: string | undefined; provider?: ProviderOptions & { clientAuth?: never } }
  | { clientSecret: string; provider: ProviderOptions & { clientAuth: 'client_secret_basic' | 'client_secret_post' } }
  | { clientSecret?: never; provider: ProviderOptions & { clientAuth: 'none' } }

/** The options that have nothing to do with how the client authenticates. */
export interface CommonOptions<Data extends SessionData = SessionData> {
  /** The provider's issuer URL, exactly as it names itself. `http:` only on loopback. */
  issuer: string
  clientId: string
  /** The application's public origin, e.g. `https://app.example`. No forwarded header is ever trusted instead. */
  baseUrl: string
  /** At least 32 bytes of randomness; `[primary, ...accepted]` while rotating. */
  secret: string | readonly [string, ...string[]]
  /** Where sessions live (L2). Absent: this process's memory, for one process and development. */
  store?: Store

  session?: SessionOptions
  login?: LoginOptions
  logout?: LogoutOptions
  cache?: TwoTierCacheConfig
  /** `'builtin'` (default): short pages and problem+json. `'framework'`: errors go to the framework's own handler. */
  pages?: 'builtin' | 'framework'
  hooks?: Hooks<Data>
  /** The pino shape. Default: the console, warnings and errors only. */
  logger?: Logger

  /** Seam for tests. Protocol timestamps in tokens are judged by the system's clock. */
  clock?: Clock
  /** Seam for tests. */
  randomness?: Randomness
  /** Every request to the provider goes through it. Default: the global `fetch`. */
  fetch?: typeof globalThis.fetch
}

export interface ProviderOptions {
  /** How the client authenticates at the token endpoint. Default `client_secret_basic`, or `none` without a secret. */
  clientAuth?: 'client_secret_basic' | 'client_secret_post' | 'none'
  /** The one algorithm ID tokens may be signed with. Default: the asymmetric ones the provider announces. */
  idTokenSigningAlg?: string
  /** Every request to the provider ends after this. Default 5,000. */
  timeoutMs?: number
  /** Whether to ask the UserInfo endpoint at sign-in and add its claims. Default `false`. */
  userinfo?: boolean
}

export interface SessionOptions extends SealingOptions {
  /** A session unused for this long ends. Default 1,800 (30 min). */
  idleTimeoutSec?: number
  /** A session ends after this in any case. Default 86,400 (24 h). */
  absoluteLifetimeSec?: number
  cookie?: CookieOptions
}

export interface CookieOptions {
  /** Default `sallyport`; the prefix `__Host-` (or `__Secure-` with `domain`) is added by us. */
  name?: string
  /** Shares the cookie with subdomains: each of them can then read and overwrite it. Default: this host only. */
  domain?: string
  /** Default `lax`. */
  sameSite?: 'lax' | 'strict'
  /** Whether the cookie outlives the browser, up to the absolute lifetime. Default `true`. */
  persistent?: boolean
}

export interface LoginOptions {
  /** Where our routes live. Default `/auth`. */
  basePath?: string
  /** Default `openid profile email`. Add `offline_access` where the provider wants it for refresh tokens. */
  scope?: string
  /** More parameters of the authorization request; those that carry the protocol itself are refused. */
  params?: Readonly<Record<string, string>>
  /** Where a sign-in without `returnTo` ends. Default `/`. */
  defaultReturnTo?: string
  /** How long a sign-in may take. Default 600. */
  transactionTtlSec?: number
}

export interface LogoutOptions {
  /** Where a logout ends. Register `baseUrl` + this at the provider as post-logout redirect URI. Default `/`. */
  returnTo?: string
  /** Whether the provider's session is ended too (RP-initiated logout). Default `true`. */
  provider?: boolean
}

export interface Hooks<Data extends SessionData = SessionData> {
  /** Runs before a session is made: may refuse it, or give it its first data. Waited for, at most 5 s. */
  onSignIn?: (claims: Claims, context: { returnTo: string }) => MaybePromise<SignInVerdict<Data> | void>
  /** Runs after a session was ended by its user or by the provider. */
  onSignOut?: (claims: Claims, context: { reason: 'logout' | 'revoked' | 'refused-by-provider' }) => MaybePromise<void>
  /** Runs after tokens were refreshed. */
  onRefresh?: (claims: Claims) => MaybePromise<void>
  /** Called synchronously with every answer to "who is this?": keep it short. Counters are in `auth.cache.stats()`. */
  onAnswer?: (answer: Answer) => void
}

export type SignInVerdict<Data extends SessionData = SessionData> =
  | { data: Data; refuse?: never }
  /** The message is shown to the user. */
  | { refuse: string; data?: never }

export type MaybePromise<T> = T | Promise<T>
