import { BrowserBinding } from '../../src/auth/browser-binding.ts'
import type { Context } from '../../src/auth/context.ts'
import { createHandle } from '../../src/auth/handle.ts'
import type { AuthReply, AuthRequest } from '../../src/auth/http.ts'
import type { AuthOptions, Hooks } from '../../src/auth/options.ts'
import { createRefuse } from '../../src/auth/refusals.ts'
import { settle } from '../../src/auth/settings.ts'
import type { Provider } from '../../src/oidc/provider.ts'
import { createKeyRing } from '../../src/session/key-ring.ts'
import type { SessionService } from '../../src/session/service.ts'
import type { Session } from '../../src/session/session.ts'
import type { SessionData } from '../../src/session/tokens.ts'
import type { Logger } from '../../src/shared/logger.ts'
import { systemRandomness } from '../../src/shared/randomness.ts'
import { manualClock, type ManualClock } from '../../src/testing/manual-clock.ts'

export const options = {
  issuer: 'https://login.example',
  clientId: 'web',
  baseUrl: 'https://app.example',
  secret: 'primary-0123456789-0123456789-0123456789',
} satisfies AuthOptions

export interface Logged {
  level: keyof Logger
  fields: Record<string, unknown>
  message: string
}

/** The use cases with fakes below them, and what the fakes saw. */
export interface Workbench {
  context: Context<SessionData>
  handle: (request: AuthRequest) => Promise<AuthReply | undefined>
  clock: ManualClock
  logged: Logged[]
  /** The calls of sessions and provider, by name, in order. */
  calls: string[]
  /** Login transactions that were put and not yet taken. */
  transactions: Map<string, unknown>
}

export interface Fakes {
  options?: Partial<AuthOptions>
  sessions?: Partial<SessionService>
  provider?: Partial<Provider>
  hooks?: Hooks
}

/** Use cases over sessions and a provider that always do as asked, unless a test replaces an operation. */
export function workbench(fakes: Fakes = {}): Workbench {
  const calls: string[] = []
  const transactions = new Map<string, unknown>()
  const logged: Logged[] = []
  const log =
    (level: keyof Logger) =>
    (fields: object, message: string): void =>
      void logged.push({ level, fields: { ...fields }, message })
  const logger: Logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }
  const settings = settle({ ...options, ...fakes.options } as AuthOptions)
  const keyRing = createKeyRing([options.secret])
  const clock = manualClock()
  const randomness = systemRandomness
  const { bindingCookieName: name, isSecure: secure } = settings
  const context: Context<SessionData> = {
    settings,
    keyRing,
    clock,
    randomness,
    logger,
    sessions: recorded(
      'sessions',
      { ...fakeSessions(transactions, calls), ...fakes.sessions } as SessionService,
      calls,
    ),
    provider: recorded('provider', { ...fakeProvider, ...fakes.provider }, calls),
    binding: new BrowserBinding(keyRing, randomness, { name, secure }),
    hooks: fakes.hooks ?? {},
    refuse: createRefuse({ settings, randomness, logger }),
  }
  return { context, handle: createHandle(context), clock, logged, calls, transactions }
}

export const claims = { sub: 'alice', iss: options.issuer, name: 'Alice' }

export const session: Session = {
  id: 'handle',
  claims,
  data: {},
  createdAt: 1,
  lastSeenAt: 2,
  idleExpiresAt: 3,
  absoluteExpiresAt: 4,
  accessTokenExpiresAt: 5,
  refreshCount: 0,
  device: undefined,
  accessToken: async () => 'access-token',
  idToken: async () => 'id-token',
  update: async () => {},
  revoke: async () => {},
}

const navigation = {
  accept: 'text/html',
  'sec-fetch-site': 'same-origin',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
}

/** A person going to `url`; a header given as `undefined` is left out. */
export function navigate(url: string, headers: Record<string, string | undefined> = {}, method = 'GET'): AuthRequest {
  return request(url, { ...navigation, ...headers }, method)
}

/** A script of our own pages asking. */
export function ask(url: string, headers: Record<string, string | undefined> = {}, method = 'GET'): AuthRequest {
  const script = { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }
  return request(url, { ...script, ...headers }, method)
}

export function header(reply: AuthReply | undefined, name: string): string | undefined {
  return reply?.headers.find(([candidate]) => candidate === name)?.[1]
}

export function cookiesOf(reply: AuthReply | undefined): string[] {
  return reply?.headers.filter(([name]) => name === 'Set-Cookie').map(([, value]) => value) ?? []
}

function request(url: string, headers: Record<string, string | undefined>, method: string): AuthRequest {
  return { method, url, header: (name) => headers[name], form: async () => new URLSearchParams() }
}

function fakeSessions(transactions: Map<string, unknown>, calls: string[]): Partial<SessionService> {
  return {
    authenticate: () => undefined,
    async open(_opening, { setCookie }) {
      setCookie('session=opened')
      return session
    },
    async close({ setCookie }) {
      setCookie('session=; Max-Age=0')
      return { claims, idToken: 'id-token', refreshToken: undefined }
    },
    transactions: recorded(
      'transactions',
      {
        put: async (id, value) => void transactions.set(id, value),
        async take(id) {
          const value = transactions.get(id)
          transactions.delete(id)
          return value
        },
      },
      calls,
    ),
  }
}

const fakeProvider: Provider = {
  ready: async () => {},
  isUp: async () => true,
  async authorizationUrl({ state, nonce }) {
    return new URL(`https://login.example/authorize?state=${state}&nonce=${nonce}`)
  },
  exchange: async () => ({ claims, tokens: { accessToken: 'access-token', tokenType: 'Bearer' } }),
  refresh: () => Promise.reject(new Error('not asked for')),
  revoke: async () => {},
  endSessionUrl: async ({ postLogoutRedirectUri }) =>
    new URL(`https://login.example/end?post_logout_redirect_uri=${encodeURIComponent(postLogoutRedirectUri)}`),
}

/** Notes the name of every operation that is called. */
function recorded<T extends object>(prefix: string, operations: T, calls: string[]): T {
  const wrapped = Object.entries(operations).map(([name, operation]) => {
    if (typeof operation !== 'function') return [name, operation]
    return [
      name,
      (...args: unknown[]) => {
        calls.push(`${prefix}.${name}`)
        return Reflect.apply(operation, operations, args) as unknown
      },
    ]
  })
  return Object.fromEntries(wrapped) as T
}
