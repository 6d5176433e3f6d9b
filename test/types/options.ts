/** Compile-time tests: this file only has to pass the type checker. */
import { createAuth } from '../../src/index.ts'
import type { Auth, AuthOptions, Store } from '../../src/index.ts'

declare const store: Store

const required = {
  issuer: 'https://login.example',
  clientId: 'web',
  baseUrl: 'https://app.example',
  secret: 'primary-0123456789-0123456789-0123456789',
}

/** What must compile. */
export const accepted: Auth[] = [
  createAuth(required),
  createAuth({ ...required, clientSecret: 'x', store }),
  createAuth({ ...required, secret: ['primary', 'accepted'] }),
  createAuth({ ...required, secret: ['primary', 'accepted', 'older'] as const }),
  createAuth({ ...required, clientSecret: 'x', provider: { clientAuth: 'client_secret_post', userinfo: true } }),
  createAuth({ ...required, provider: { clientAuth: 'none' } }),
  createAuth({ ...required, session: { idleTimeoutSec: 60, cookie: { sameSite: 'strict', persistent: false } } }),
  createAuth({ ...required, session: { seal: 'server', compressAboveBytes: 1_024 } }),
  createAuth({ ...required, session: { seal: false } }),
  createAuth({ ...required, login: { basePath: '/account', params: { prompt: 'login' } } }),
  createAuth({ ...required, cache: { enableL1: false, maxStalenessMs: 500 } }),
  createAuth({ ...required, pages: 'framework', logout: { provider: false } }),
  createAuth({ ...required, hooks: { onSignIn: (claims) => (claims.email_verified ? undefined : { refuse: 'no' }) } }),
  createAuth({ ...required, hooks: { onSignIn: async (_claims, { returnTo }) => ({ data: { returnTo } }) } }),
  createAuth({ ...required, hooks: { onAnswer: ({ source, durationMs }) => void [source, durationMs] } }),
]

export function missingOptions(): void {
  // @ts-expect-error issuer is required
  createAuth({ clientId: 'web', baseUrl: 'https://app.example', secret: 'x' })
  // @ts-expect-error clientId is required
  createAuth({ issuer: 'https://login.example', baseUrl: 'https://app.example', secret: 'x' })
  // @ts-expect-error baseUrl is required
  createAuth({ issuer: 'https://login.example', clientId: 'web', secret: 'x' })
  // @ts-expect-error secret is required
  createAuth({ issuer: 'https://login.example', clientId: 'web', baseUrl: 'https://app.example' })
  // @ts-expect-error nothing at all
  createAuth()
}

export function misspeltOptions(): void {
  // @ts-expect-error stor
  createAuth({ ...required, stor: store })
  // @ts-expect-error sessions
  createAuth({ ...required, sessions: {} })
  // @ts-expect-error sealed
  createAuth({ ...required, session: { sealed: 'server' } })
  // @ts-expect-error idleTimeout
  createAuth({ ...required, session: { idleTimeout: 60 } })
  // @ts-expect-error samesite
  createAuth({ ...required, session: { cookie: { samesite: 'lax' } } })
  // @ts-expect-error scopes
  createAuth({ ...required, login: { scopes: 'openid' } })
  // @ts-expect-error l1Capacity
  createAuth({ ...required, cache: { l1Capacity: 10 } })
  // @ts-expect-error userInfo
  createAuth({ ...required, provider: { userInfo: true } })
  // @ts-expect-error redirectTo
  createAuth({ ...required, logout: { redirectTo: '/' } })
  // @ts-expect-error onSignin
  createAuth({ ...required, hooks: { onSignin: () => {} } })
}

export function wrongTypes(): void {
  // @ts-expect-error an empty list of secrets
  createAuth({ ...required, secret: [] })
  // @ts-expect-error a number as secret
  createAuth({ ...required, secret: 7 })
  // @ts-expect-error a URL object as issuer
  createAuth({ ...required, issuer: new URL('https://login.example') })
  // @ts-expect-error a path as store
  createAuth({ ...required, store: 'sessions.db' })
  // @ts-expect-error a way to seal there is not
  createAuth({ ...required, session: { seal: 'client' } })
  // @ts-expect-error bytes as text
  createAuth({ ...required, session: { compressAboveBytes: '1KB' } })
  // @ts-expect-error seconds as text
  createAuth({ ...required, session: { idleTimeoutSec: '60' } })
  // @ts-expect-error SameSite none is not offered
  createAuth({ ...required, session: { cookie: { sameSite: 'none' } } })
  // @ts-expect-error unknown client authentication
  createAuth({ ...required, provider: { clientAuth: 'private_key_jwt' } })
  // @ts-expect-error unknown page mode
  createAuth({ ...required, pages: 'html' })
  // @ts-expect-error parameters are texts
  createAuth({ ...required, login: { params: { max_age: 1 } } })
  // @ts-expect-error a logger needs all four levels
  createAuth({ ...required, logger: { warn() {}, error() {} } })
  // @ts-expect-error a verdict either refuses or gives data
  createAuth({ ...required, hooks: { onSignIn: () => ({ refuse: 'no', data: {} }) } })
  // @ts-expect-error a refusal is a text
  createAuth({ ...required, hooks: { onSignIn: () => ({ refuse: true }) } })
}

export function wrongCombinations(): void {
  // @ts-expect-error a secret that would never be sent
  createAuth({ ...required, clientSecret: 'x', provider: { clientAuth: 'none' } })
  // @ts-expect-error client_secret_basic without a secret
  createAuth({ ...required, provider: { clientAuth: 'client_secret_basic' } })
  // @ts-expect-error client_secret_post without a secret
  createAuth({ ...required, provider: { clientAuth: 'client_secret_post' } })
}

/** Options can be built apart from the call and keep their meaning. */
export const built: AuthOptions = { ...required, store, session: { absoluteLifetimeSec: 3_600 } }
export const fromBuilt: Auth = createAuth(built)
