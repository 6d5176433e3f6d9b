import type { Session } from '../session/session.ts'
import type { SessionData } from '../session/tokens.ts'
import { SallyportError } from '../shared/errors.ts'
import type { Auth, GuardAnswer } from './auth.ts'
import type { Context } from './context.ts'
import type { AuthReply, AuthRequest } from './http.ts'
import { loginPath } from './login.ts'
import { redirect } from './replies.ts'
import { isFromOurselves, isNavigation, isSafeMethod } from './request-kind.ts'
import { localPath } from './return-to.ts'
import { pathOf } from './url.ts'
import type { Refuse } from './refusals.ts'

/**
 * Lets requests pass with their session. A warm one is answered at once: nothing is awaited and nothing made but the
 * answer. Who is not signed in goes to the login, or is told 401; where it cannot be known, 503.
 */
export function createGuard<Data extends SessionData>(
  context: Context<Data>,
  handle: Auth<Data>['handle'],
): Auth<Data>['guard'] {
  const { settings, sessions } = context
  const ourPaths = new Set<string>(Object.values(settings.routes))

  function turnAway(request: AuthRequest): GuardAnswer<Data> | Promise<GuardAnswer<Data>> {
    // A guard that stands before our routes must not keep people from the login.
    if (ourPaths.has(pathOf(request.url))) return handle(request).then((reply) => ({ reply: reply! }))
    if (!isNavigation(request)) {
      return refused(context.refuse, request, new SallyportError('ERR_LOGIN_REQUIRED', 'nobody is signed in'))
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return { reply: redirect(settings.routes.login, [], 303) }
    }
    return { reply: redirect(loginPath(settings, localPath(request.url, settings.origin))) }
  }

  async function settle(request: AuthRequest, found: Promise<Session<Data> | undefined>): Promise<GuardAnswer<Data>> {
    try {
      const session = await found
      return session === undefined ? await turnAway(request) : { session }
    } catch (error) {
      const path = request.method === 'GET' ? localPath(request.url, settings.origin) : undefined
      const retry = path === undefined ? {} : { retry: { label: 'Try again', href: path } }
      return { reply: context.refuse(request, error, retry) }
    }
  }

  return function guard(request, setCookie) {
    if (!isSafeMethod(request.method) && !isFromOurselves(request, settings.origin)) {
      const error = new SallyportError('ERR_REQUEST_CROSS_SITE', 'a change that another site asked for')
      return refused(context.refuse, request, error)
    }
    const found = sessions.authenticate(request.header('cookie'), setCookie)
    if (found instanceof Promise) return settle(request, found)
    return found === undefined ? turnAway(request) : { session: found }
  }
}

type Refusal = Extract<GuardAnswer, { reply: AuthReply }>

/** With `pages: 'framework'` a refusal is thrown: whoever guards gets a rejection, never an exception. */
function refused(refuse: Refuse, request: AuthRequest, error: SallyportError): Refusal | Promise<Refusal> {
  try {
    return { reply: refuse(request, error) }
  } catch (thrown) {
    return Promise.reject(thrown)
  }
}
