import type { SessionData } from '../session/tokens.ts'
import { hasCookieTwice } from '../shared/cookie.ts'
import { SallyportError } from '../shared/errors.ts'
import type { Context } from './context.ts'
import type { AuthReply, AuthRequest } from './http.ts'
import { issueState } from './login-state.ts'
import { redirect } from './replies.ts'
import { localPath } from './return-to.ts'
import type { Settings } from './settings.ts'
import type { Transaction } from './transaction.ts'
import { pathOf, queryOf } from './url.ts'

/** `GET {base}/login?returnTo=/x`: begins a sign-in and sends the browser to the provider. */
export async function login<Data extends SessionData>(
  context: Context<Data>,
  request: AuthRequest,
): Promise<AuthReply> {
  const { settings, sessions, provider, keyRing, binding, randomness } = context
  const { name } = settings.sessionCookie
  if (hasCookieTwice(request.header('cookie') ?? '', name)) {
    // Whatever cookie this sign-in set, neither would be taken, and the browser would be sent round in circles.
    const error = new SallyportError('ERR_LOGIN_EXPIRED', 'the browser has two session cookies of one name')
    const text = `This browser has two cookies named ${name}. Please remove the cookies of this site and sign in again.`
    return context.refuse(request, error, { text })
  }
  const query = queryOf(request.url)
  const returnTo = placeToReturnTo(query.get('returnTo'), settings)
  const known = binding.read(request.header('cookie'))
  const bound = known === undefined ? binding.issue() : { random: known, cookie: undefined }
  const attempt = query.has('again') ? 'again' : 'first'
  const state = issueState(keyRing, randomness, { binding: bound.random, attempt })
  const transaction: Transaction = {
    codeVerifier: Buffer.from(randomness.bytes(32)).toString('base64url'),
    nonce: Buffer.from(randomness.bytes(32)).toString('base64url'),
    returnTo,
    issuer: settings.issuer,
  }

  try {
    const { redirectUri, scope, params } = settings
    const { nonce, codeVerifier } = transaction
    const url = await provider.authorizationUrl({ redirectUri, scope, params, state, nonce, codeVerifier })
    await sessions.transactions.put(state, transaction, settings.transactionTtlSec)
    return redirect(url.href, bound.cookie === undefined ? [] : [bound.cookie])
  } catch (error) {
    return context.refuse(request, error, { retry: { label: 'Try again', href: loginPath(settings, returnTo) } })
  }
}

/** The address that begins a sign-in. */
export function loginPath({ routes, defaultReturnTo }: Settings, returnTo: string = defaultReturnTo): string {
  return returnTo === defaultReturnTo ? routes.login : `${routes.login}?returnTo=${encodeURIComponent(returnTo)}`
}

/** A path on this origin, and none of those that would send the user away again. */
function placeToReturnTo(wanted: string | null, { origin, routes, defaultReturnTo }: Settings): string {
  const path = wanted === null ? undefined : localPath(wanted, origin)
  if (path === undefined) return defaultReturnTo
  return Object.values(routes).includes(pathOf(path)) ? defaultReturnTo : path
}
