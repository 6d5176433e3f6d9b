import type { SessionData } from '../session/tokens.ts'
import { SallyportError } from '../shared/errors.ts'
import type { Context } from './context.ts'
import type { AuthReply, AuthRequest } from './http.ts'
import { json } from './replies.ts'

/** `GET {base}/session`: who is signed in and for how long, for scripts; never a token. */
export async function sessionRoute<Data extends SessionData>(
  context: Context<Data>,
  request: AuthRequest,
): Promise<AuthReply> {
  try {
    const session = await context.sessions.authenticate(request.header('cookie'))
    if (session === undefined) throw new SallyportError('ERR_LOGIN_REQUIRED', 'nobody is signed in')
    const { claims, createdAt, lastSeenAt, idleExpiresAt, absoluteExpiresAt, accessTokenExpiresAt } = session
    return json(200, { claims, createdAt, lastSeenAt, idleExpiresAt, absoluteExpiresAt, accessTokenExpiresAt })
  } catch (error) {
    return context.refuse(request, error, { neverAsPage: true })
  }
}
