import type { Auth, GuardAnswer } from '../auth/auth.ts'
import type { Session } from '../session/session.ts'
import type { SessionData } from '../session/tokens.ts'
import { FetchRequest, PendingCookies, toResponse } from './_fetch-http.ts'

/** Sign-in and sessions for servers that take a `Request` and give a `Response`. */
export interface FetchAuth<Data extends SessionData = SessionData> {
  /** Answers login, callback, logout and the session route; `undefined` for any other path. */
  handle(request: Request): Promise<Response | undefined>
  /** The session, or the reply that refuses the request. Synchronous when memory can answer. */
  requireSession(request: Request): Admission<Data> | Promise<Admission<Data>>
  /** The session, if somebody is signed in. Rejects with `ERR_STORE_UNAVAILABLE` when it cannot be known. */
  optionalSession(request: Request): Promise<Visit<Data, Session<Data> | undefined>>
}

/** A request whose sender is known. */
export interface Visit<Data extends SessionData, Found extends Session<Data> | undefined> {
  readonly session: Found
  readonly reply?: undefined
  /** Adds the cookies of what was done with the session to the response: return what it returns. */
  finish(response: Response): Response
}

export type Admission<Data extends SessionData> =
  Visit<Data, Session<Data>> | { readonly session?: undefined; readonly reply: Response }

/** Connects `auth` to the Fetch API's requests and responses. */
export function fetchAuth<Data extends SessionData>(auth: Auth<Data>): FetchAuth<Data> {
  function admit(answer: GuardAnswer<Data>, cookies: PendingCookies): Admission<Data> {
    if (answer.reply !== undefined) return { reply: toResponse(answer.reply) }
    return { session: answer.session, finish: cookies.addTo }
  }

  return {
    async handle(request) {
      const reply = await auth.handle(new FetchRequest(request))
      return reply && toResponse(reply)
    },
    requireSession(request) {
      const cookies = new PendingCookies()
      const answer = auth.guard(new FetchRequest(request), cookies.set)
      if (!(answer instanceof Promise)) return admit(answer, cookies)
      return answer.then((settled) => admit(settled, cookies))
    },
    async optionalSession(request) {
      const cookies = new PendingCookies()
      const session = await auth.authenticate(request.headers.get('cookie') ?? undefined, cookies.set)
      return { session, finish: cookies.addTo }
    },
  }
}
