import type { SessionData } from '../session/tokens.ts'
import type { Auth } from './auth.ts'
import { callback } from './callback.ts'
import type { Context } from './context.ts'
import type { AuthReply, AuthRequest } from './http.ts'
import { login } from './login.ts'
import { logout } from './logout.ts'
import { methodNotAllowed } from './replies.ts'
import { sessionRoute } from './session-route.ts'
import { pathOf } from './url.ts'

interface Route<Data extends SessionData> {
  methods: readonly string[]
  answer: (context: Context<Data>, request: AuthRequest) => Promise<AuthReply>
}

/** Finds the use case by path and method, and answers for whatever goes wrong in it. */
export function createHandle<Data extends SessionData>(context: Context<Data>): Auth<Data>['handle'] {
  const paths = context.settings.routes
  const routes = new Map<string, Route<Data>>([
    [paths.login, { methods: ['GET'], answer: login }],
    [paths.callback, { methods: ['GET'], answer: callback }],
    [paths.logout, { methods: ['GET', 'POST'], answer: logout }],
    [paths.session, { methods: ['GET', 'HEAD'], answer: sessionRoute }],
  ])

  return async function handle(request) {
    const route = routes.get(pathOf(request.url))
    if (route === undefined) return undefined
    if (!route.methods.includes(request.method)) return methodNotAllowed(route.methods)
    try {
      return await route.answer(context, request)
    } catch (error) {
      return context.refuse(request, error)
    }
  }
}
