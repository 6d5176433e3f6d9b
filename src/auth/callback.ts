import type { SignIn } from '../oidc/provider.ts'
import { ProviderRefusedError } from '../oidc/provider-refused-error.ts'
import type { SessionData } from '../session/tokens.ts'
import { SallyportError } from '../shared/errors.ts'
import { isPlainObject } from '../shared/options.ts'
import type { Context } from './context.ts'
import { deviceOf } from './device.ts'
import { callHook } from './hook-call.ts'
import type { AuthReply, AuthRequest } from './http.ts'
import { attemptOf, isOurState } from './login-state.ts'
import { loginPath } from './login.ts'
import { pageReply } from './pages.ts'
import { redirect } from './replies.ts'
import { asTransaction, type Transaction } from './transaction.ts'
import { queryOf } from './url.ts'

/** What a provider may answer with, beside `state`: each at most once. */
const answerParams = ['code', 'error', 'error_description', 'error_uri', 'id_token', 'iss', 'response']

/** `GET {base}/callback`: takes the provider's answer, at most once, and makes a session of it. */
export async function callback<Data extends SessionData>(
  context: Context<Data>,
  request: AuthRequest,
): Promise<AuthReply> {
  const { settings, sessions, keyRing, binding } = context
  const [state = '', ...more] = queryOf(request.url).getAll('state')
  if (more.length > 0) return context.refuse(request, repeated('state'), retryLogin(context))
  const bound = binding.read(request.header('cookie'))
  if (bound === undefined || !isOurState(keyRing, state, bound)) return freshLogin(context, request, state)

  const transaction = asTransaction(await sessions.transactions.take(state))
  if (transaction?.issuer !== settings.issuer) {
    const session = await sessions.authenticate(request.header('cookie'))
    return session === undefined ? freshLogin(context, request, state) : redirect(settings.defaultReturnTo)
  }

  try {
    return await signIn(context, request, { transaction, state })
  } catch (error) {
    return context.refuse(request, error, { ...retryLogin(context, transaction.returnTo), ...providersWord(error) })
  }
}

/** From here on the transaction is consumed, whatever happens. */
async function signIn<Data extends SessionData>(
  context: Context<Data>,
  request: AuthRequest,
  { transaction, state }: { transaction: Transaction; state: string },
): Promise<AuthReply> {
  const { settings, sessions, provider } = context
  const { nonce, codeVerifier, returnTo } = transaction
  const query = queryOf(request.url)
  const twice = answerParams.find((name) => query.getAll(name).length > 1)
  if (twice !== undefined) throw repeated(twice)
  const url = new URL(`${settings.redirectUri}?${query.toString()}`)
  const { maxAgeSec } = settings
  const { claims, tokens, sid, endsAt } = await provider.exchange({
    url,
    state,
    nonce,
    codeVerifier,
    ...(maxAgeSec === undefined ? {} : { maxAgeSec }),
  })
  const data = await firstData(context, claims, returnTo)
  const device = deviceOf(request.header('user-agent'))

  const cookies: string[] = []
  await sessions.open(
    {
      claims,
      tokens,
      data,
      ...(sid === undefined ? {} : { sid }),
      ...(device === undefined ? {} : { device }),
      ...(endsAt === undefined ? {} : { endsAt }),
    },
    { cookieHeader: request.header('cookie'), setCookie: (cookie) => void cookies.push(cookie) },
  )
  if (settings.sessionCookie.sameSite === 'lax') return redirect(returnTo, cookies)
  // A redirect that began at the provider is a cross-site navigation to its end: it would not carry a strict cookie.
  const action = { label: 'Continue', href: returnTo }
  return pageReply({ status: 200, title: 'Signed in', text: 'One moment …', action, goTo: returnTo, cookies })
}

/** What `onSignIn` has to say about a user: their first data, or no. */
async function firstData<Data extends SessionData>(
  { hooks, clock }: Context<Data>,
  claims: SignIn['claims'],
  returnTo: string,
): Promise<Data> {
  const { onSignIn } = hooks
  if (onSignIn === undefined) return {} as Data
  const verdict = await callHook(clock, 'onSignIn', async () => checked(await onSignIn(claims, { returnTo })))
  if (verdict?.refuse !== undefined) throw new SallyportError('ERR_LOGIN_REFUSED', verdict.refuse)
  return verdict?.data ?? ({} as Data)
}

/** Where no compiler looks, a slip such as `false` or `{ refused }` is easily made, and must let nobody in. */
function checked<Verdict>(verdict: Verdict): Verdict {
  if (verdict === undefined) return verdict
  if (!isPlainObject(verdict) || !('refuse' in verdict || 'data' in verdict)) {
    throw new TypeError('it must return { data }, { refuse } or nothing')
  }
  return verdict
}

function repeated(name: string): SallyportError {
  return new SallyportError('ERR_REQUEST_INVALID', `the callback has more than one \`${name}\` (RFC 6749 §3.1)`)
}

/** Tries once more, from the start; if that was the second time, a page tells the user, for a redirect might loop. */
function freshLogin<Data extends SessionData>(context: Context<Data>, request: AuthRequest, state: string): AuthReply {
  if (attemptOf(state) === 'first') return redirect(`${context.settings.routes.login}?again=1`)
  const error = new SallyportError('ERR_LOGIN_EXPIRED', 'the login was begun twice and came back twice without effect')
  return context.refuse(request, error, retryLogin(context))
}

function retryLogin<Data extends SessionData>(
  { settings }: Context<Data>,
  returnTo?: string,
): { retry: { label: string; href: string } } {
  return { retry: { label: 'Sign in again', href: loginPath(settings, returnTo) } }
}

/** The provider's error code is one of a few words, and what support asks for. */
function providersWord(error: unknown): { text?: string } {
  return error instanceof ProviderRefusedError ? { text: `The sign-in service answered: ${error.providerCode}.` } : {}
}
