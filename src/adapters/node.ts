import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Auth, GuardAnswer } from '../auth/auth.ts'
import type { Session } from '../session/session.ts'
import type { SessionData } from '../session/tokens.ts'
import { guardMissing } from './_guard-missing.ts'
import { cookieSetter, NodeRequest, writeReply } from './_node-http.ts'

/** Sign-in and sessions on `node:http`, and on everything built on its requests and responses. */
export interface NodeAuth<Data extends SessionData = SessionData> {
  /**
   * Answers login, callback, logout and the session route. Resolves to whether it did; if not, `next` is called, where
   * there is one. Rejects only with `pages: 'framework'`, and then calls `next` with the error instead, if there is one.
   */
  (request: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void): Promise<boolean>
  /** The session, or `undefined` if the request was answered with a refusal. Synchronous when memory can answer. */
  requireSession(
    request: IncomingMessage,
    response: ServerResponse,
  ): Session<Data> | undefined | Promise<Session<Data> | undefined>
  /** The session that `requireSession` found before. Throws `ERR_GUARD_MISSING` if it was not asked. */
  session(request: IncomingMessage): Session<Data>
  /** The session, if somebody is signed in. Rejects with `ERR_STORE_UNAVAILABLE` when it cannot be known. */
  optionalSession(request: IncomingMessage, response: ServerResponse): Promise<Session<Data> | undefined>
}

/** Connects `auth` to `node:http`. */
export function nodeAuth<Data extends SessionData>(auth: Auth<Data>): NodeAuth<Data> {
  const admitted = new WeakMap<IncomingMessage, Session<Data>>()

  function admit(
    request: IncomingMessage,
    response: ServerResponse,
    answer: GuardAnswer<Data>,
  ): Session<Data> | undefined {
    if (answer.reply !== undefined) {
      writeReply(response, answer.reply)
      return undefined
    }
    admitted.set(request, answer.session)
    return answer.session
  }

  const routes = async (
    request: IncomingMessage,
    response: ServerResponse,
    next?: (error?: unknown) => void,
  ): Promise<boolean> => {
    try {
      const reply = await auth.handle(new NodeRequest(request))
      if (reply !== undefined) {
        writeReply(response, reply)
        return true
      }
    } catch (error) {
      if (next === undefined) throw error
      next(error)
      return false
    }
    next?.()
    return false
  }

  return Object.assign(routes, {
    requireSession(request: IncomingMessage, response: ServerResponse) {
      const answer = auth.guard(new NodeRequest(request), cookieSetter(response))
      if (!(answer instanceof Promise)) return admit(request, response, answer)
      return answer.then((settled) => admit(request, response, settled))
    },

    session(request: IncomingMessage) {
      const session = admitted.get(request)
      if (session === undefined) throw guardMissing('requireSession', 'optionalSession')
      return session
    },

    async optionalSession(request: IncomingMessage, response: ServerResponse) {
      return admitted.get(request) ?? auth.authenticate(request.headers.cookie, cookieSetter(response))
    },
  })
}
