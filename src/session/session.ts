import type { Claims, SessionData } from './tokens.ts'

/** What lists show of a session: no claim, no token, and nothing that could be used as a cookie. All instants are Unix ms. */
export interface SessionInfo {
  /** A handle for lists and for `sessions.revoke`; it opens nothing. */
  readonly id: string
  readonly createdAt: number
  readonly lastSeenAt: number
  readonly expiresAt: number
  /** The browser and system it was opened with, as far as they told. */
  readonly device: string | undefined
}

/** How final a revocation is when it returns. */
export interface RevokeOptions {
  /**
   * Default: it is final, and no instance answers from memory with it later than `maxStalenessMs`. `'all-instances'`:
   * returns only when that time is over as well, for the slowest of all instances (about a second by default).
   */
  wait?: 'all-instances'
}

/**
 * A signed-in user's session, as one request sees it. Values are those known when the request was let in, or later if
 * this request changed them; they are frozen. All instants are Unix ms.
 */
export interface Session<Data extends SessionData = SessionData> {
  /** A handle for lists and for `sessions.revoke`, not the cookie. */
  readonly id: string
  readonly claims: Claims
  /** The application's own data. Change it with `update`. */
  readonly data: Readonly<Data>
  readonly createdAt: number
  readonly lastSeenAt: number
  /** When it ends unless it is used before. */
  readonly idleExpiresAt: number
  /** When it ends in any case. */
  readonly absoluteExpiresAt: number
  readonly accessTokenExpiresAt: number | undefined
  readonly refreshCount: number
  readonly device: string | undefined

  /**
   * An access token that has not expired, refreshed if due: one request to the provider however many ask at once,
   * in however many processes.
   *
   * Rejects with `ERR_LOGIN_REQUIRED` if it expired and cannot be refreshed, `ERR_SESSION_ENDED` if the provider or a
   * logout ended the session, `ERR_REFRESH_UNAVAILABLE` if the provider cannot answer now (the session stays).
   */
  accessToken(): Promise<string>
  /** The ID token of the sign-in or of the latest refresh that brought one; refreshes like `accessToken`. */
  idToken(): Promise<string | undefined>
  /**
   * Changes `data` by compare-and-set: `change` gets a draft to alter, or returns the new data; it runs again if
   * another request was faster, so it should do nothing else. Every instance sees the result on this browser's next
   * request. Rejects with `ERR_SESSION_ENDED`, `ERR_SESSION_CONFLICT` (lost too often), `ERR_SESSION_DATA` (not JSON).
   */
  update(change: (draft: Data) => Data | void): Promise<void>
  /** Ends this session on every instance and clears its cookie. */
  revoke(options?: RevokeOptions): Promise<void>
}
