import type { IncomingMessage } from 'node:http'
import type { NextFunction, Request, RequestHandler } from 'express'
import type { Auth } from '../auth/auth.ts'
import type { Session } from '../session/session.ts'
import type { SessionData } from '../session/tokens.ts'
import { guardNotCalled } from './_guard-missing.ts'
import { nodeAuth } from './node.ts'

/** Sign-in and sessions as Express middleware: `app.use(web)` answers our routes. */
export interface ExpressAuth<Data extends SessionData = SessionData> extends RequestHandler {
  /** Middleware that lets a request pass with its session, or refuses it. */
  requireSession(none?: undefined): RequestHandler
  /** The session of a request that `requireSession` let pass. Throws `ERR_GUARD_MISSING` without it. */
  session(request: IncomingMessage): Session<Data>
  /** The session, if somebody is signed in. Rejects with `ERR_STORE_UNAVAILABLE` when it cannot be known. */
  optionalSession(request: Pick<Request, 'res'> & IncomingMessage): Promise<Session<Data> | undefined>
}

/** Connects `auth` to Express 5. Mounted below a path it still goes by the whole path. */
export function expressAuth<Data extends SessionData>(auth: Auth<Data>): ExpressAuth<Data> {
  const web = nodeAuth(auth)

  const routes: RequestHandler = async (request, response, next) => {
    await web(request, response, next)
  }
  const requireSession: RequestHandler = (request, response, next) => {
    const found = web.requireSession(request, response)
    if (found instanceof Promise) return proceed(found, next)
    if (found !== undefined) next()
    return undefined
  }

  return Object.assign(routes, {
    requireSession(none?: undefined) {
      if (none !== undefined) throw guardNotCalled()
      return requireSession
    },
    session(request: IncomingMessage) {
      return web.session(request)
    },
    optionalSession(request: Pick<Request, 'res'> & IncomingMessage) {
      // Express puts the response on each of its requests.
      return web.optionalSession(request, request.res!)
    },
  })
}

async function proceed(found: Promise<object | undefined>, next: NextFunction): Promise<void> {
  if ((await found) !== undefined) next()
}
