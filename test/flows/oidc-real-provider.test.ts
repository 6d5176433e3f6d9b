import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { startProvider } from '../../demo/provider.ts'
import type { ProviderOptions } from '../../demo/provider.ts'
import { createProvider } from '../../src/oidc/create-provider.ts'
import type { CreateProviderOptions } from '../../src/oidc/create-provider.ts'
import { ProviderRefusedError } from '../../src/oidc/provider-refused-error.ts'
import type { Provider, SignIn } from '../../src/oidc/provider.ts'
import { RefreshFailure } from '../../src/session/tokens.ts'
import type { TokenSet } from '../../src/session/tokens.ts'
import { systemClock } from '../../src/shared/clock.ts'
import type { Logger } from '../../src/shared/logger.ts'
import { createUserAgent } from '../support/user-agent.ts'
import type { UserAgent } from '../support/user-agent.ts'

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }
const ports = [3000, 4001]
const redirectUri = (port = ports[0]): string => `http://localhost:${port}/auth/callback`
const [confidential, open] = [
  { clientId: 'app', clientSecret: 'a-secret.with~all+kinds/of=characters & more' },
  { clientId: 'open-app' },
]
const started = { state: 'the-state', nonce: 'the-nonce', codeVerifier: 'v'.repeat(43) }

async function realProvider(options: Partial<ProviderOptions> = {}) {
  const redirectUris = ports.map(redirectUri)
  const clients = [confidential, open].map((client) => ({
    ...client,
    redirectUris,
    postLogoutRedirectUris: ['http://localhost:3000/'],
  }))
  const op = await startProvider({ port: 0, clients, ...options })
  after(() => op.close())
  return op
}

const op = await realProvider()

function connect(overrides: Partial<CreateProviderOptions> = {}): Provider {
  const logger = silent
  const defaults = { ...confidential, issuer: op.issuer, timeoutMs: 5000, userinfo: false, fetch, logger }
  return createProvider({ ...defaults, clock: systemClock, ...overrides })
}

async function authorizationUrl(provider: Provider, port?: number, params: Record<string, string> = {}) {
  const request = { ...started, redirectUri: redirectUri(port), scope: 'openid profile email', params }
  return (await provider.authorizationUrl(request)).href
}

async function signIn(provider: Provider, browser: UserAgent = createUserAgent(), port?: number): Promise<SignIn> {
  const back = await browser.signInAtProvider(await authorizationUrl(provider, port), { user: 'alice' })
  return provider.exchange({ url: new URL(back), ...started })
}

function refresh(
  provider: Provider,
  { claims, tokens }: SignIn,
  refreshToken = tokens.refreshToken!,
): Promise<TokenSet> {
  return provider.refresh({ refreshToken, claims, idToken: tokens.idToken, signal: AbortSignal.timeout(5000) })
}

async function outcomeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return error instanceof RefreshFailure ? error.outcome : `not a refresh failure: ${String(error)}`
}

describe('signing in at a real provider', () => {
  test('yields the user’s claims and tokens', async () => {
    const before = Date.now()
    const { claims, tokens } = await signIn(connect())
    assert.deepEqual(claims, {
      iss: op.issuer,
      sub: 'alice',
      name: 'Alice Liddell',
      email: 'alice@example.com',
      email_verified: true,
    })
    assert.ok(tokens.refreshToken && tokens.idToken && tokens.scope === 'openid profile email')
    assert.ok(tokens.expiresAt! >= before + 300_000 && tokens.expiresAt! <= Date.now() + 300_000)
  })

  test('works with the secret in the body', async () => {
    assert.equal((await signIn(connect({ clientAuth: 'client_secret_post' }))).claims.sub, 'alice')
  })

  test('with a wrong secret is refused', async () => {
    const error = await signIn(connect({ clientSecret: 'wrong' })).catch((reason: unknown) => reason)
    assert.ok(error instanceof ProviderRefusedError)
    assert.equal(error.providerCode, 'invalid_client')
  })

  test('works for a public client', async () => {
    assert.equal((await signIn(connect({ ...open, clientSecret: undefined }))).claims.sub, 'alice')
  })

  test('works for another port of the same client', async () => {
    assert.equal((await signIn(connect(), createUserAgent(), ports[1])).claims.sub, 'alice')
  })

  test('needs no password while the provider’s session lasts', async () => {
    const browser = createUserAgent()
    const provider = connect()
    await signIn(provider, browser)
    const page = await browser.get(await authorizationUrl(provider))
    assert.match(page.location!, /^http:\/\/localhost:3000\/auth\/callback\?code=/)
  })

  test('asks for the password again with `prompt=login`', async () => {
    const browser = createUserAgent()
    const provider = connect()
    await signIn(provider, browser)
    const page = await browser.followRedirects(await authorizationUrl(provider, undefined, { prompt: 'login' }))
    assert.match(page.text, /name="password"/)
  })

  test('grants consent by itself, also where it is asked for', async () => {
    const browser = createUserAgent()
    const url = await authorizationUrl(connect(), undefined, { prompt: 'consent' })
    assert.match(await browser.signInAtProvider(url, { user: 'bob' }), /[?&]code=/)
  })

  test('shows the form again after a wrong password', async () => {
    const attempt = createUserAgent().signInAtProvider(await authorizationUrl(connect()), {
      user: 'alice',
      password: 'x',
    })
    await assert.rejects(attempt, /do not match[^]*name="password"/)
  })

  test('that the user cancels is refused with the provider’s code', async () => {
    const provider = connect()
    const back = await createUserAgent().signInAtProvider(await authorizationUrl(provider), 'cancel')
    const error = await provider.exchange({ url: new URL(back), ...started }).catch((reason: unknown) => reason)
    assert.ok(error instanceof ProviderRefusedError)
    assert.equal(error.providerCode, 'access_denied')
  })

  test('with a code used twice is refused', async () => {
    const provider = connect()
    const back = await createUserAgent().signInAtProvider(await authorizationUrl(provider), { user: 'alice' })
    const callback = { url: new URL(back), ...started }
    await provider.exchange(callback)
    const error = await provider.exchange(callback).catch((reason: unknown) => reason)
    assert.equal((error as ProviderRefusedError).providerCode, 'invalid_grant')
  })

  test('with another verifier is refused', async () => {
    const provider = connect()
    const back = await createUserAgent().signInAtProvider(await authorizationUrl(provider), { user: 'alice' })
    const callback = { url: new URL(back), ...started, codeVerifier: 'w'.repeat(43) }
    const error = await provider.exchange(callback).catch((reason: unknown) => reason)
    assert.equal((error as ProviderRefusedError).providerCode, 'invalid_grant')
  })

  test('takes name and e-mail from UserInfo where the ID token has none', async () => {
    const bare = await realProvider({ claimsInIdToken: false })
    const without = await signIn(connect({ issuer: bare.issuer }))
    const { claims } = await signIn(connect({ issuer: bare.issuer, userinfo: true }))
    assert.equal(without.claims.name, undefined)
    assert.equal(claims.name, 'Alice Liddell')
  })
})

describe('refreshing at a real provider', () => {
  test('rotates the refresh token', async () => {
    const provider = connect()
    const first = await signIn(provider)
    const second = await refresh(provider, first)
    const third = await refresh(provider, { ...first, tokens: second })
    assert.equal(new Set([first.tokens, second, third].map(({ refreshToken }) => refreshToken)).size, 3)
    assert.equal(new Set([first.tokens, second, third].map(({ accessToken }) => accessToken)).size, 3)
  })

  test('with a token that was used before is refused', async () => {
    const provider = connect()
    const first = await signIn(provider)
    await refresh(provider, first)
    assert.equal(await outcomeOf(refresh(provider, first)), 'refused')
  })

  test('with a wrong client secret does not end the session', async () => {
    const first = await signIn(connect())
    assert.equal(await outcomeOf(refresh(connect({ clientSecret: 'wrong' }), first)), 'unavailable')
  })

  test('with a revoked token is refused', async () => {
    const provider = connect()
    const first = await signIn(provider)
    await provider.revoke(first.tokens.refreshToken!)
    assert.equal(await outcomeOf(refresh(provider, first)), 'refused')
  })

  test('while the provider is gone is unavailable', async () => {
    const gone = await startProvider({ port: 0, clients: [{ ...confidential, redirectUris: [redirectUri()] }] })
    const provider = connect({ issuer: gone.issuer })
    const first = await signIn(provider)
    await gone.close()
    // Whoever asks first may still write into a kept connection, and then cannot know whether it arrived.
    assert.equal(await connect({ issuer: gone.issuer }).isUp(), false)
    assert.equal(await outcomeOf(refresh(provider, first)), 'unavailable')
  })
})

describe('signing out at a real provider', () => {
  const back = { postLogoutRedirectUri: 'http://localhost:3000/', state: 'bye' }

  test('needs no confirmation with an ID token of the same user, and ends refreshing', async () => {
    const browser = createUserAgent()
    const provider = connect()
    const first = await signIn(provider, browser)
    const url = await provider.endSessionUrl({ ...back, idToken: first.tokens.idToken })

    assert.equal((await browser.get(url!.href)).location, 'http://localhost:3000/?state=bye')
    assert.match((await browser.followRedirects(await authorizationUrl(provider))).text, /name="password"/)
    assert.equal(await outcomeOf(refresh(provider, first)), 'refused')
  })

  test('asks first without one', async () => {
    const browser = createUserAgent()
    const provider = connect()
    await signIn(provider, browser)
    const url = await provider.endSessionUrl({ ...back, idToken: undefined })
    const page = await browser.get(url!.href)
    assert.match(page.text, /Sign out\?/)

    const [, action] = /action="([^"]+)"/.exec(page.text)!
    const [, xsrf] = /name="xsrf" value="([^"]+)"/.exec(page.text)!
    const done = await browser.post(action!, { xsrf: xsrf!, logout: 'yes' })
    assert.equal(done.location, 'http://localhost:3000/?state=bye')
  })

  test('comes straight back when there is no session', async () => {
    const url = await connect().endSessionUrl({ ...back, idToken: undefined })
    assert.equal((await createUserAgent().get(url!.href)).location, 'http://localhost:3000/?state=bye')
  })
})

test('the provider answers on both loopback addresses', async () => {
  for (const host of ['127.0.0.1', '[::1]']) {
    const page = await createUserAgent().get(`http://${host}:${op.port}/.well-known/openid-configuration`)
    assert.equal((JSON.parse(page.text) as { issuer: string }).issuer, op.issuer)
  }
})

test('the provider counts what it was asked', async () => {
  const counting = await realProvider()
  const provider = connect({ issuer: counting.issuer })
  const first = await signIn(provider)
  await refresh(provider, first)
  await outcomeOf(refresh(provider, first))
  const { signIns, codeGrants, refreshGrants, refreshGrantsRefused } = counting.stats()
  assert.deepEqual(
    { signIns, codeGrants, refreshGrants, refreshGrantsRefused },
    { signIns: 1, codeGrants: 1, refreshGrants: 2, refreshGrantsRefused: 1 },
  )
})
