import type { Context, MiddlewareHandler } from 'hono'
import type { Auth } from '../auth/auth.ts'
import type { Session } from '../session/session.ts'
import type { SessionData } from '../session/tokens.ts'
import { guardMissing, guardNotCalled } from './_guard-missing.ts'
import { FetchRequest, toResponse } from './_fetch-http.ts'
import { fetchAuth, type Visit } from './fetch.ts'

/** Sign-in and sessions as Hono middleware: `app.use(web)` answers our routes. */
export interface HonoAuth<Data extends SessionData = SessionData> extends MiddlewareHandler {
  /** Middleware that lets a request pass with its session as `c.var.session`, or refuses it. */
  requireSession(none?: undefined): MiddlewareHandler<{ Variables: { session: Session<Data> } }>
  /** The session of a request that `requireSession` let pass. Throws `ERR_GUARD_MISSING` without it. */
  session(c: Context): Session<Data>
  /**
   * The session, if somebody is signed in. Rejects with `ERR_STORE_UNAVAILABLE` when it cannot be known. Cookies of
   * what is done with it are set by `app.use(web)`.
   */
  optionalSession(c: Context): Promise<Session<Data> | undefined>
}

/** Connects `auth` to Hono. */
export function honoAuth<Data extends SessionData>(auth: Auth<Data>): HonoAuth<Data> {
  const web = fetchAuth(auth)
  const admitted = new WeakMap<Context, Session<Data>>()
  const visits = new WeakMap<Context, Visit<Data, Session<Data> | undefined>>()

  function finish(c: Context): void {
    const visit = visits.get(c)
    const answer = visit?.finish(c.res)
    if (answer === undefined || answer === c.res) return
    // Hono would put the headers of the response before over those of this one.
    c.res = undefined
    c.res = answer
  }

  const routes: MiddlewareHandler = async (c, next) => {
    const reply = await auth.handle(new FetchRequest(c.req.raw, () => c.req.parseBody({ all: true })))
    if (reply !== undefined) return toResponse(reply)
    await next()
    finish(c)
    return undefined
  }
  const requireSession: MiddlewareHandler<{ Variables: { session: Session<Data> } }> = async (c, next) => {
    const admission = await web.requireSession(c.req.raw)
    if (admission.reply !== undefined) return admission.reply
    admitted.set(c, admission.session)
    visits.set(c, admission)
    c.set('session', admission.session)
    await next()
    finish(c)
    return undefined
  }

  return Object.assign(routes, {
    requireSession(none?: undefined) {
      if (none !== undefined) throw guardNotCalled()
      return requireSession
    },
    session(c: Context) {
      const session = admitted.get(c)
      if (session === undefined) throw guardMissing('web.requireSession()', 'web.optionalSession(c)')
      return session
    },
    async optionalSession(c: Context) {
      const known = visits.get(c)
      if (known !== undefined) return known.session
      const visit = await web.optionalSession(c.req.raw)
      visits.set(c, visit)
      return visit.session
    },
  })
}
