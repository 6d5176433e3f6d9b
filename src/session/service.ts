import type { CacheStats, CoherenceStats } from '../cache/stats.ts'
import type { StoreStats } from '../cache/store.ts'
import type { AuthCache } from './auth-cache.ts'
import type { RevokeOptions, Session, SessionInfo } from './session.ts'
import type { Claims, SessionData, TokenSet } from './tokens.ts'

/** What the use cases in `auth` need of sessions. `createSessionService` makes one. */
export interface SessionService<Data extends SessionData = SessionData> {
  /** Prepares the store. Single flight; a failure is tried again by the next call. */
  ready(): Promise<void>
  /** Who sent this `Cookie` header? Synchronous when memory can answer. Rejects with `ERR_STORE_UNAVAILABLE`. */
  authenticate(
    cookieHeader: string | undefined,
    setCookie?: (value: string) => void,
  ): Session<Data> | undefined | Promise<Session<Data> | undefined>
  /** Makes a session with a new id, sets its cookie and removes the session the browser had before. */
  open(opening: Opening<Data>, browser: Browser): Promise<Session<Data>>
  /**
   * Ends the session of this browser everywhere and clears its cookies; `undefined` if it had none.
   * Rejects with `ERR_STORE_UNAVAILABLE`, and then the cookie stays.
   */
  close(browser: Browser): Promise<Ended | undefined>

  list(of: { subject: string }): Promise<SessionInfo[]>
  revoke(id: string, options?: RevokeOptions): Promise<boolean>
  revokeOthers(session: Session<Data>, options?: RevokeOptions): Promise<number>
  revokeAll(of: { subject: string } | { sid: string }, options?: RevokeOptions): Promise<number>

  /** Sealed values under an unguessable id, each taken at most once: login transactions. */
  readonly transactions: Transactions
  /** The seven operations on the same two tiers. */
  readonly cache: AuthCache
  stats(): CacheStats
  storeStats(): Promise<StoreStats>
  /** Whether L1 may answer now. */
  lease(): CoherenceStats['lease']
  ping(): Promise<void>
  shutdown(): Promise<void>
}

export interface Browser {
  cookieHeader: string | undefined
  setCookie: (value: string) => void
}

export interface Opening<Data extends SessionData> {
  claims: Claims
  tokens: TokenSet
  data: Data
  /** The provider's session id (`sid` of the ID token). */
  sid?: string
  /** Shown in lists of sessions. */
  device?: string
  /** A ceiling the provider asserts, Unix ms. */
  endsAt?: number
}

/** What is left of a session that was just ended: for the provider's logout and for hooks. */
export interface Ended {
  claims: Claims
  idToken: string | undefined
  refreshToken: string | undefined
}

export interface Transactions {
  put(id: string, value: object, ttlSec: number): Promise<void>
  /** The value, to exactly one caller; `undefined` if it is unknown, expired or taken. */
  take(id: string): Promise<unknown>
}
