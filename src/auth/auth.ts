import type { RevokeOptions, Session, SessionInfo } from '../session/session.ts'
import type { CacheStats } from '../cache/stats.ts'
import type { StoreStats } from '../cache/store.ts'
import type { AuthCache } from '../session/auth-cache.ts'
import type { SessionData } from '../session/tokens.ts'
import type { AuthReply, AuthRequest, SetCookie } from './http.ts'

/** Sign-in and sessions for one provider and one public URL. Made by `createAuth`; adapters connect it to HTTP. */
export interface Auth<Data extends SessionData = SessionData> extends AsyncDisposable {
  /** Discovers the provider and prepares the store now instead of on first use. Rejects while either is down. */
  ready(): Promise<void>
  /**
   * Answers login, callback, logout and the session route under `login.basePath`; `undefined` for any other path.
   * Never rejects unless `pages` is `'framework'`.
   */
  handle(request: AuthRequest): Promise<AuthReply | undefined>
  /** Lets a request pass with its session, or says how to refuse it. Synchronous when memory can answer. */
  guard(request: AuthRequest, setCookie: SetCookie): GuardAnswer<Data> | Promise<GuardAnswer<Data>>
  /**
   * Who sent this `Cookie` header? Synchronous when memory can answer; `undefined` means nobody signed in.
   * Rejects with `ERR_STORE_UNAVAILABLE` when it cannot be known.
   */
  authenticate(
    cookieHeader: string | undefined,
    setCookie?: SetCookie,
  ): Session<Data> | undefined | Promise<Session<Data> | undefined>
  readonly sessions: Sessions<Data>
  /** The two tiers below: the seven operations, what they count, and what the store says of itself. */
  readonly cache: AuthCache & { stats(): CacheStats; storeStats(): Promise<StoreStats> }
  /** Looks at the store and the provider now. Never rejects. */
  health(): Promise<Health>
  /** Stops timers and ends store handles that sallyport opened. Repeatable. Order: your server, then auth, then pools. */
  close(): Promise<void>
}

export type GuardAnswer<Data extends SessionData = SessionData> =
  | { readonly session: Session<Data>; readonly reply?: undefined }
  | { readonly session?: undefined; readonly reply: AuthReply }

/** Sessions of users who are not at hand: for account pages and administrators. */
export interface Sessions<Data extends SessionData = SessionData> {
  /** The unexpired sessions of a user, oldest first. */
  list(of: { subject: string }): Promise<SessionInfo[]>
  /** Ends one session by the `id` that `list` gave. Returns whether it was there. Final everywhere within `maxStalenessMs`. */
  revoke(id: string, options?: RevokeOptions): Promise<boolean>
  /** Ends every session of this session's user but this one. Returns how many. */
  revokeOthers(session: Session<Data>, options?: RevokeOptions): Promise<number>
  /** Ends every session of a user, or the sessions of one provider session. Returns how many. */
  revokeAll(of: { subject: string } | { sid: string }, options?: RevokeOptions): Promise<number>
}

export interface Health {
  ok: boolean
  store: 'up' | 'down'
  provider: 'up' | 'down'
  /** Whether L1 may answer: `lost` when the store's epochs are older than `maxStalenessMs`, `idle` before first use. */
  lease: 'held' | 'lost' | 'idle' | 'off'
}
