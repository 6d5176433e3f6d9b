/** JSON as it survives the store. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined }

/** Claims about the signed-in user, from the ID token and, where asked for, the UserInfo response. */
export interface Claims {
  /** The user at this issuer. Never use an e-mail address as the user's key. */
  readonly sub: string
  readonly iss: string
  readonly name?: string
  readonly email?: string
  readonly email_verified?: boolean
  readonly [claim: string]: Json | undefined
}

/** Tokens as the provider issued them. They never leave the server. */
export interface TokenSet {
  readonly accessToken: string
  readonly tokenType: string
  /** When the access token expires, Unix ms. Absent: the provider did not say. */
  readonly expiresAt?: number
  readonly refreshToken?: string
  readonly idToken?: string
  readonly scope?: string
}

/** An application's own data in a session: a JSON object. */
export type SessionData = Record<string, unknown>

/** What the seven-operation cache keeps under a session id. */
export interface AuthSession<Data extends SessionData = SessionData> extends TokenSet {
  readonly claims: Claims
  readonly data: Data
}

/**
 * Exchanges a refresh token at the provider. Rejects with a `RefreshFailure`, which says whether the token may have
 * been spent; promptly once `signal` aborts.
 */
export type RefreshTokens = (refresh: {
  refreshToken: string
  claims: Claims
  idToken: string | undefined
  signal: AbortSignal
}) => Promise<TokenSet>

/** Ends a refresh token at the provider (RFC 7009), best effort. */
export type RevokeToken = (refreshToken: string) => Promise<void>

export type RefreshOutcome =
  /** The provider said `invalid_grant`: the token is dead. */
  | 'refused'
  /** The request went out and no answer came: the token may be spent. */
  | 'in-doubt'
  /** The provider answered 5xx or 429, or was not reached at all: the token is as it was. */
  | 'unavailable'

/** Why a refresh did not happen, in the terms the session layer decides by. */
export class RefreshFailure extends Error {
  readonly outcome: RefreshOutcome
  readonly retryAfterSec: number | undefined

  constructor(outcome: RefreshOutcome, options: { retryAfterSec?: number | undefined; cause?: unknown } = {}) {
    super(`token refresh: ${outcome}`, { cause: options.cause })
    this.name = 'RefreshFailure'
    this.outcome = outcome
    this.retryAfterSec = options.retryAfterSec
  }
}
