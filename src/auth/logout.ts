import type { Ended } from '../session/service.ts'
import type { SessionData } from '../session/tokens.ts'
import { SallyportError } from '../shared/errors.ts'
import type { Context } from './context.ts'
import { attemptHook } from './hook-call.ts'
import type { AuthReply, AuthRequest } from './http.ts'
import { pageReply } from './pages.ts'
import { json, redirect, setting } from './replies.ts'
import { isFromOurselves, isNavigation } from './request-kind.ts'

/**
 * `POST {base}/logout`: ends the session here first, then sends the browser to end the provider's. A script gets the
 * address as JSON. `GET` does the same for a link on our own pages, and asks for confirmation otherwise.
 */
export async function logout<Data extends SessionData>(
  context: Context<Data>,
  request: AuthRequest,
): Promise<AuthReply> {
  const { settings, sessions } = context
  if (request.method === 'GET') {
    if (!isFollowedLink(request)) return confirmation(settings.routes.logout)
  } else if (!isFromOurselves(request, settings.origin)) {
    const error = new SallyportError('ERR_REQUEST_CROSS_SITE', 'a logout that another site asked for')
    return context.refuse(request, error)
  }

  const cookies: string[] = []
  const setCookie = (cookie: string): void => void cookies.push(cookie)
  const ended = await sessions.close({ cookieHeader: request.header('cookie'), setCookie })
  if (ended !== undefined) await afterwards(context, ended)
  const location = await whereTo(context, ended)
  return isNavigation(request) ? redirect(location, cookies, 303) : json(200, { location }, setting(cookies))
}

/** Nothing a browser does by itself: no prefetch, no image, no frame, nothing that another site began. */
function isFollowedLink(request: AuthRequest): boolean {
  const isPrefetch = request.header('sec-purpose') !== undefined || request.header('purpose') !== undefined
  return (
    !isPrefetch &&
    request.header('sec-fetch-site') === 'same-origin' &&
    request.header('sec-fetch-mode') === 'navigate' &&
    request.header('sec-fetch-dest') === 'document'
  )
}

function confirmation(path: string): AuthReply {
  return pageReply({
    status: 200,
    title: 'Sign out?',
    text: 'You will have to sign in again to go on.',
    action: { label: 'Sign out', postTo: path },
  })
}

/** The session is over by now: nothing here may make the logout fail. */
async function afterwards<Data extends SessionData>(context: Context<Data>, ended: Ended): Promise<void> {
  const { provider, hooks, clock, logger } = context
  if (ended.refreshToken !== undefined) void provider.revoke(ended.refreshToken)
  const { onSignOut } = hooks
  if (onSignOut === undefined) return
  await attemptHook({ clock, logger }, 'onSignOut', () => onSignOut(ended.claims, { reason: 'logout' }))
}

/** The provider's logout (OpenID Connect RP-Initiated Logout §2), or our own page if that cannot be had. */
async function whereTo<Data extends SessionData>(context: Context<Data>, ended: Ended | undefined): Promise<string> {
  const { settings, provider, randomness } = context
  if (ended === undefined || !settings.logsOutAtProvider) return settings.logoutReturnTo
  const url = await provider.endSessionUrl({
    idToken: ended.idToken,
    postLogoutRedirectUri: settings.origin + settings.logoutReturnTo,
    state: Buffer.from(randomness.bytes(16)).toString('base64url'),
  })
  return url?.href ?? settings.logoutReturnTo
}
