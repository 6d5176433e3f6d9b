import type { TokenEndpointResponse } from 'openid-client'
import type { TokenSet } from '../session/tokens.ts'
import { untrusted } from './provider-error.ts'

/** A year: no session lives so long, and beyond it sums of milliseconds would lose their meaning. */
const maxLifetimeSec = 31_536_000

/** The tokens of an answer. `sentAt` is the wall clock when they were asked for, so that they expire early rather than late. */
export function tokenSet(answer: TokenEndpointResponse, sentAt: number): TokenSet {
  if (answer.token_type !== 'bearer') throw untrusted('the provider issued a token that is not a bearer token')
  const { expires_in: lifetimeSec, refresh_token: refreshToken, id_token: idToken, scope } = answer
  return {
    accessToken: answer.access_token,
    tokenType: 'Bearer',
    ...(lifetimeSec === undefined
      ? {}
      : { expiresAt: sentAt + Math.floor(Math.min(lifetimeSec, maxLifetimeSec) * 1000) }),
    ...(refreshToken === undefined ? {} : { refreshToken }),
    ...(idToken === undefined ? {} : { idToken }),
    ...(scope === undefined ? {} : { scope }),
  }
}
