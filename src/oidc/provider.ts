import type { Claims, RefreshTokens, RevokeToken, TokenSet } from '../session/tokens.ts'

/** One OpenID Provider, as the use cases in `auth` need it. `createProvider` makes one. */
export interface Provider {
  /** Discovers the provider. Single flight; a failure is tried again by the next call. */
  ready(): Promise<void>
  /** The authorization request (code, PKCE S256, state, nonce) as a URL. Rejects with `ERR_PROVIDER_UNAVAILABLE`. */
  authorizationUrl(request: AuthorizationRequest): Promise<URL>
  /**
   * Checks the callback (`state`, `iss`, duplicated parameters), exchanges the code and validates the ID token in full,
   * including its signature. Rejects with `ERR_PROVIDER_REFUSED` (a `ProviderRefusedError`: the provider answered
   * `error=`), `ERR_PROVIDER_RESPONSE` (an answer that must not be trusted) or `ERR_PROVIDER_UNAVAILABLE`.
   */
  exchange(callback: Callback): Promise<SignIn>
  readonly refresh: RefreshTokens
  readonly revoke: RevokeToken
  /** Where to send the browser to end the provider's session; `undefined` if it offers none or cannot be asked now. */
  endSessionUrl(request: EndSessionRequest): Promise<URL | undefined>
  /** Whether the discovery document can be had now. Never rejects. */
  isUp(): Promise<boolean>
}

export interface AuthorizationRequest {
  redirectUri: string
  scope: string
  state: string
  nonce: string
  codeVerifier: string
  /** More parameters, already checked not to name one of ours. */
  params?: Readonly<Record<string, string>>
}

export interface Callback {
  /** The redirect URI with the query the provider appended. */
  url: URL
  state: string
  nonce: string
  codeVerifier: string
  /** The `max_age` that was asked for: `auth_time` must say that the user was that recently at the provider. */
  maxAgeSec?: number
}

export interface SignIn {
  claims: Claims
  tokens: TokenSet
  /** The provider's session id. */
  sid?: string
  /** A ceiling the provider asserts for the session (`session_expiry`), Unix ms. */
  endsAt?: number
}

export interface EndSessionRequest {
  idToken: string | undefined
  postLogoutRedirectUri: string
  state: string
}
