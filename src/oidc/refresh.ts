import { decodeJwt } from 'jose'
import { refreshTokenGrant } from 'openid-client'
import type { TokenEndpointResponse, TokenEndpointResponseHelpers } from 'openid-client'
import type { RefreshTokens, TokenSet } from '../session/tokens.ts'
import type { Clock } from '../shared/clock.ts'
import { withCall } from './call.ts'
import type { Call, CallOptions } from './call.ts'
import { checkIdToken } from './id-token.ts'
import { untrusted } from './provider-error.ts'
import { refreshFailure } from './refresh-outcome.ts'
import { tokenSet } from './token-set.ts'

type Refresh = Parameters<RefreshTokens>[0]
type Answer = TokenEndpointResponse & TokenEndpointResponseHelpers

/** Refreshes tokens (RFC 6749 §6, OIDC Core §12). */
export function createRefresh(options: CallOptions, clock: Clock): RefreshTokens {
  return async (refresh) => {
    let begun: Call | undefined
    const ask = async (call: Call): Promise<TokenSet> => {
      begun = call
      const sentAt = clock.wall()
      const answer = await refreshTokenGrant(call.config, refresh.refreshToken)
      checkSameSignIn(answer, refresh, options.clientId)
      return { ...kept(refresh), ...tokenSet(answer, sentAt) }
    }
    try {
      return await withCall(options, ask, refresh.signal)
    } catch (error) {
      throw refreshFailure(begun, error)
    }
  }
}

/** What stays as it was unless the answer brings another (OAuth 2.1 §4.3). */
function kept({ refreshToken, idToken }: Refresh): Partial<TokenSet> {
  return { refreshToken, ...(idToken === undefined ? {} : { idToken }) }
}

/** A new ID token must speak of the same sign-in (OIDC Core §12.2); openid-client does not know the old one. */
function checkSameSignIn(answer: Answer, refresh: Refresh, clientId: string): void {
  const claims = answer.claims()
  if (claims === undefined) return
  checkIdToken({ claims, idToken: answer.id_token!, accessToken: answer.access_token, clientId })

  const old = refresh.idToken === undefined ? refresh.claims : { ...decodeJwt(refresh.idToken), ...refresh.claims }
  if (claims.iss !== old.iss || claims.sub !== old.sub) throw untrusted('the refreshed ID token is another user’s')
  for (const name of ['auth_time', 'nonce'] as const) {
    if (claims[name] !== undefined && old[name] !== undefined && claims[name] !== old[name]) {
      throw untrusted(`the refreshed ID token has another \`${name}\``)
    }
  }
}
