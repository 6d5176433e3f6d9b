import type { Auth } from '../../src/auth/auth.ts'
import type { AuthReply } from '../../src/auth/http.ts'
import { session } from './auth-context.ts'

/** What the fake's routes tell of a request. */
export interface Echo {
  method: string
  url: string
  accept: string | null
  form: [name: string, value: string][]
}

export interface FakeAuthPlan {
  /** Every answer waits for a turn, as when the store is asked. */
  slow?: boolean
  /** What `handle` and `guard` reject with, as with `pages: 'framework'`. */
  error?: Error
}

/**
 * Just enough of an `Auth` for adapters: paths below `/auth/` answer with an `Echo` and two cookies; a request with the
 * cookie `user` is signed in, and whoever updates that session gets the cookie `version`.
 */
export function fakeAuth({ slow = false, error }: FakeAuthPlan = {}): Auth {
  const authenticate: Auth['authenticate'] = (cookieHeader, setCookie = () => {}) => {
    const found = cookieHeader?.startsWith('user=')
      ? { ...session, update: async () => setCookie('version=2') }
      : undefined
    return slow ? Promise.resolve(found) : found
  }
  return {
    authenticate,
    async handle(request) {
      if (error !== undefined) throw error
      if (!request.url.startsWith('/auth/')) return undefined
      const { method, url } = request
      const echo: Echo = { method, url, accept: request.header('accept') ?? null, form: [...(await request.form())] }
      return reply(200, JSON.stringify(echo))
    },
    guard(request, setCookie) {
      if (error !== undefined) return Promise.reject(error)
      const found = authenticate(request.header('cookie'), setCookie)
      if (found instanceof Promise) return found.then((late) => (late === undefined ? refusal : { session: late }))
      return found === undefined ? refusal : { session: found }
    },
  } satisfies Partial<Auth> as unknown as Auth
}

function reply(status: number, body: string): AuthReply {
  return {
    status,
    headers: [
      ['Content-Type', 'application/json'],
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
    ],
    body,
  }
}

const refusal = { reply: { status: 401, headers: [], body: 'refused' } } satisfies { reply: AuthReply }
