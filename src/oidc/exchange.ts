import { authorizationCodeGrant, fetchUserInfo } from 'openid-client'
import type { IDToken } from 'openid-client'
import type { Clock } from '../shared/clock.ts'
import type { Call } from './call.ts'
import { checkCallback } from './callback.ts'
import { userClaims } from './claims.ts'
import { checkIdToken } from './id-token.ts'
import { toProviderError, untrusted } from './provider-error.ts'
import { ProviderRefusedError } from './provider-refused-error.ts'
import type { Callback, SignIn } from './provider.ts'
import { tokenSet } from './token-set.ts'

export interface ExchangeOptions {
  clientId: string
  userinfo: boolean
  clock: Clock
}

/** The second half of a sign-in: from the callback's parameters to who signed in (OIDC Core §3.1.2.5 to §3.1.3.7). */
export async function exchange(call: Call, callback: Callback, options: ExchangeOptions): Promise<SignIn> {
  try {
    return await signIn(call, callback, options)
  } catch (error) {
    const refusal = call.tokenAnswer()?.error
    throw refusal === undefined ? toProviderError(error) : new ProviderRefusedError(refusal)
  }
}

async function signIn({ config }: Call, callback: Callback, options: ExchangeOptions): Promise<SignIn> {
  checkCallback(callback.url)
  const sentAt = options.clock.wall()
  const answer = await authorizationCodeGrant(config, callback.url, {
    expectedState: callback.state,
    expectedNonce: callback.nonce,
    pkceCodeVerifier: callback.codeVerifier,
    idTokenExpected: true,
    ...(callback.maxAgeSec === undefined ? {} : { maxAge: callback.maxAgeSec }),
  })
  const claims = answer.claims()!
  const { access_token: accessToken, id_token: idToken } = answer
  checkIdToken({ claims, idToken: idToken!, accessToken, clientId: options.clientId })
  const tokens = tokenSet(answer, sentAt)
  const session = providerSession(claims, options.clock.wall())
  const userinfo = options.userinfo ? await fetchUserInfo(config, accessToken, claims.sub) : {}
  return { claims: userClaims(claims, userinfo), tokens, ...session }
}

/** What the provider says about its own session with the user. */
function providerSession({ sid, session_expiry: expiry }: IDToken, now: number): Pick<SignIn, 'sid' | 'endsAt'> {
  const endsAt = expiry === undefined ? undefined : instant(expiry)
  // A session that is over at once would send its user round in circles.
  if (endsAt !== undefined && endsAt <= now) throw untrusted('`session_expiry` has passed')
  return { ...(typeof sid === 'string' ? { sid } : {}), ...(endsAt === undefined ? {} : { endsAt }) }
}

function instant(seconds: unknown): number {
  // A ceiling that cannot be read must not be taken for none.
  if (typeof seconds !== 'number' || !Number.isFinite(seconds)) throw untrusted('`session_expiry` is no instant')
  return Math.floor(seconds * 1000)
}
