import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { createAuth } from '../../src/index.ts'
import type { Auth, AuthReply, CookieOptions } from '../../src/index.ts'
import { manualClock } from '../../src/testing/manual-clock.ts'
import {
  clientId,
  clientSecret,
  secret,
  serveAuth,
  silentLogger,
  startProviderFor,
  startServer,
  startWorld,
  storeKinds,
} from '../support/app.ts'
import type { Notes } from '../support/app.ts'
import { createUserAgent } from '../support/user-agent.ts'
import {
  askMe,
  browserWith,
  cookieAttributes,
  directRequest,
  followCounting,
  me,
  reachCallback,
  sessionCookie,
  setCookies,
  signIn,
} from '../support/sign-in.ts'

describe('the login route', () => {
  it('redirects to the provider with code, S256, state and nonce', async (t) => {
    const { app, provider } = await startWorld(t)
    const page = await createUserAgent().get(`${app.baseUrl}/auth/login?returnTo=/orders`)
    assert.ok(page.status === 302 || page.status === 303)
    const target = new URL(page.location!)
    assert.equal(target.origin, provider.issuer)
    const asked = Object.fromEntries(target.searchParams)
    assert.equal(asked['client_id'], 'web')
    assert.equal(asked['response_type'], 'code')
    assert.equal(asked['redirect_uri'], `${app.baseUrl}/auth/callback`)
    assert.equal(asked['scope'], 'openid profile email')
    assert.equal(asked['code_challenge_method'], 'S256')
    assert.match(asked['code_challenge'] ?? '', /^[\w-]{43}$/)
    assert.match(asked['state'] ?? '', /^[\w.~-]{43,}$/)
    assert.match(asked['nonce'] ?? '', /^[\w.~-]{22,}$/)
    assert.equal(asked['code_verifier'], undefined)
  })

  it('does not ask for consent or a password again unless told to', async (t) => {
    const { app } = await startWorld(t)
    const page = await createUserAgent().get(`${app.baseUrl}/auth/login`)
    assert.equal(new URL(page.location!).searchParams.get('prompt'), null)
  })

  it('sends the configured scope and parameters', async (t) => {
    const { app } = await startWorld(t, {
      options: { login: { scope: 'openid email', params: { login_hint: 'bob' } } },
    })
    const page = await createUserAgent().get(`${app.baseUrl}/auth/login`)
    const asked = new URL(page.location!).searchParams
    assert.equal(asked.get('scope'), 'openid email')
    assert.equal(asked.get('login_hint'), 'bob')
  })

  it('tells the provider nothing of where the user wants to go', async (t) => {
    const { app } = await startWorld(t)
    const page = await createUserAgent().get(`${app.baseUrl}/auth/login?returnTo=/very-private-path`)
    const decoded = [...new URL(page.location!).searchParams.values()]
      .flatMap((value) => value.split('.'))
      .map((part) => `${part} ${Buffer.from(part, 'base64url').toString('latin1')}`)
    assert.doesNotMatch(decoded.join('\n'), /very-private-path/)
  })

  it('sets one small binding cookie and no session cookie, and is never cached', async (t) => {
    const { app } = await startWorld(t)
    const page = await createUserAgent().get(`${app.baseUrl}/auth/login`)
    const binding = cookieAttributes(setCookies(page), 'sallyport-login')
    assert.equal(setCookies(page).length, 1)
    assert.ok(binding.has('httponly'))
    assert.equal(binding.get('samesite')?.toLowerCase(), 'lax')
    assert.ok(!binding.has('domain'))
    assert.match(String(page.headers['cache-control']), /no-store/)
  })

  it('gives every sign-in its own state, nonce and challenge, under one binding cookie', async (t) => {
    const { app } = await startWorld(t)
    const browser = createUserAgent()
    const first = new URL((await browser.get(`${app.baseUrl}/auth/login`)).location!).searchParams
    const binding = browser.cookies(app.baseUrl).get('sallyport-login')
    const second = new URL((await browser.get(`${app.baseUrl}/auth/login`)).location!).searchParams
    for (const name of ['state', 'nonce', 'code_challenge']) assert.notEqual(first.get(name), second.get(name))
    assert.equal(browser.cookies(app.baseUrl).get('sallyport-login'), binding)
  })
})

for (const store of storeKinds) {
  describe(`a sign-in, sessions in ${store}`, () => {
    it('ends where it was to return to, signed in', async (t) => {
      const { app } = await startWorld(t, { store })
      const browser = createUserAgent()
      const page = await signIn(browser, app, { user: 'alice', returnTo: '/orders?tab=2' })
      assert.equal(page.location, `${app.baseUrl}/orders?tab=2`)
      assert.equal((await me(browser, app)).sub, 'alice')
    })

    it('ends at the default without returnTo', async (t) => {
      const { app } = await startWorld(t, { store, options: { login: { defaultReturnTo: '/home' } } })
      const page = await signIn(createUserAgent(), app)
      assert.equal(page.location, `${app.baseUrl}/home`)
    })

    it('makes a new session every time, and the old cookie is dead', async (t) => {
      const { app } = await startWorld(t, { store })
      const browser = createUserAgent()
      await signIn(browser, app)
      const oldCookie = sessionCookie(browser, app)
      const old = await me(browser, app)
      await signIn(browser, app)
      assert.notEqual(sessionCookie(browser, app), oldCookie)
      assert.notEqual((await me(browser, app)).id, old.id)
      assert.equal((await askMe(browserWith(app, oldCookie), app)).status, 401)
      assert.equal((await app.auth.sessions.list({ subject: 'alice' })).length, 1)
    })

    it('does not adopt a session cookie that was there before', async (t) => {
      const { app } = await startWorld(t, { store })
      const mallory = createUserAgent()
      await signIn(mallory, app, { user: 'bob' })
      const planted = sessionCookie(mallory, app)
      const victim = browserWith(app, planted)
      await signIn(victim, app, { user: 'alice' })
      assert.notEqual(sessionCookie(victim, app), planted)
      assert.notEqual((await askMe(browserWith(app, planted), app)).status, 200)
    })

    it('works in ten tabs at once, with one binding cookie for all', async (t) => {
      const { app } = await startWorld(t, { store })
      const browser = createUserAgent()
      const callbacks: string[] = []
      for (let tab = 0; tab < 10; tab += 1) {
        callbacks.push(await reachCallback(browser, app, { returnTo: `/tab/${tab}` }))
      }
      const ours = [...browser.cookies(app.baseUrl).keys()].filter((name) => name.startsWith('sallyport'))
      assert.deepEqual(ours, ['sallyport-login'])

      const pages = await Promise.all(callbacks.toReversed().map((callback) => browser.get(callback)))
      assert.deepEqual(
        pages.map((page) => page.location),
        callbacks.map((_, tab) => `${app.baseUrl}/tab/${tab}`).toReversed(),
      )
      assert.equal((await me(browser, app)).sub, 'alice')
    })

    it('is bound to its browser: elsewhere its callback makes no session and burns nothing', async (t) => {
      const { app } = await startWorld(t, { store })
      const victim = createUserAgent()
      const callback = await reachCallback(victim, app, { returnTo: '/mine' })
      const mallory = createUserAgent()
      await mallory.get(callback)
      assert.equal(mallory.cookies(app.baseUrl).get('sallyport'), undefined)

      const page = await victim.get(callback)
      assert.equal(page.location, `${app.baseUrl}/mine`)
      assert.equal((await me(victim, app)).sub, 'alice')
    })

    it('is not taken over by the login of another browser that is under way itself', async (t) => {
      const { app } = await startWorld(t, { store })
      const mallory = createUserAgent()
      const malloryCallback = await reachCallback(mallory, app, { user: 'bob' })
      const victim = createUserAgent()
      await victim.get(`${app.baseUrl}/auth/login`)
      await victim.get(malloryCallback)
      assert.equal(victim.cookies(app.baseUrl).get('sallyport'), undefined)
    })
  })
}

describe('the session cookie', () => {
  it('is version.kid.token.mac with 32 random bytes, for this host only and not for scripts', async (t) => {
    const { app } = await startWorld(t)
    const browser = createUserAgent()
    const page = await signIn(browser, app)
    const attributes = cookieAttributes(setCookies(page), 'sallyport')
    assert.match(sessionCookie(browser, app), /^\w+\.[\w-]+\.[\w-]{43}\.[\w-]+$/)
    assert.ok(attributes.has('httponly'))
    assert.equal(attributes.get('samesite')?.toLowerCase(), 'lax')
    assert.equal(attributes.get('path'), '/')
    assert.equal(attributes.get('max-age'), '86400')
    assert.ok(!attributes.has('domain'))
    assert.match(String(page.headers['cache-control']), /no-store/)
  })

  it('lives as long as the absolute lifetime', async (t) => {
    const { app } = await startWorld(t, { options: { session: { absoluteLifetimeSec: 7_200 } } })
    const attributes = cookieAttributes(setCookies(await signIn(createUserAgent(), app)), 'sallyport')
    assert.equal(attributes.get('max-age'), '7200')
  })

  it('ends with the browser if it is not to be persistent', async (t) => {
    const { app } = await startWorld(t, { options: { session: { cookie: { persistent: false } } } })
    const attributes = cookieAttributes(setCookies(await signIn(createUserAgent(), app)), 'sallyport')
    assert.ok(!attributes.has('max-age') && !attributes.has('expires'))
  })

  it('can have another name', async (t) => {
    const { app } = await startWorld(t, { options: { session: { cookie: { name: 'shop' } } } })
    const browser = createUserAgent()
    await signIn(browser, app)
    assert.ok(browser.cookies(app.baseUrl).has('shop'))
    assert.equal((await askMe(browser, app)).status, 200)
  })

  it('is set once, not on every request', async (t) => {
    const { app } = await startWorld(t)
    const browser = createUserAgent()
    await signIn(browser, app)
    for (let i = 0; i < 3; i += 1) assert.deepEqual(setCookies(await askMe(browser, app)), [])
  })
})

describe('under https', () => {
  const of = (reply: AuthReply | undefined, wanted: string): string[] =>
    (reply?.headers ?? []).filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value)

  /** Signs in without a server of ours: what the callback answered. */
  async function signInDirectly(
    t: TestContext,
    cookie: CookieOptions = {},
    returnTo = '/',
  ): Promise<AuthReply & { auth: Auth }> {
    const baseUrl = 'https://app.example'
    const { issuer } = await startProviderFor(t, [{ baseUrl }])
    const auth = createAuth({
      issuer,
      clientId,
      clientSecret,
      baseUrl,
      secret,
      logger: silentLogger,
      session: { cookie },
    })
    t.after(() => auth.close())
    const login = await auth.handle(directRequest(`/auth/login?returnTo=${encodeURIComponent(returnTo)}`))
    const callback = new URL(await createUserAgent().signInAtProvider(of(login, 'location')[0]!, { user: 'alice' }))
    const binding = of(login, 'set-cookie')[0]!
    assert.match(binding, /^__(Host|Secure)-/)
    assert.match(binding, /; *secure/i)
    const headers = { cookie: binding.split(';')[0], 'sec-fetch-mode': 'navigate', 'sec-fetch-site': 'cross-site' }
    const done = await auth.handle(directRequest(callback.pathname + callback.search, headers))
    assert.ok(done !== undefined, 'the callback was not answered')
    return { ...done, auth }
  }

  it('the cookie has the prefix __Host- and is Secure', async (t) => {
    const attributes = cookieAttributes(of(await signInDirectly(t), 'set-cookie'), '__Host-sallyport')
    assert.ok(attributes.has('secure') && attributes.has('httponly'))
    assert.equal(attributes.get('path'), '/')
    assert.ok(!attributes.has('domain'))
  })

  it('with a domain it has the prefix __Secure- instead', async (t) => {
    const attributes = cookieAttributes(
      of(await signInDirectly(t, { domain: 'app.example' }), 'set-cookie'),
      '__Secure-sallyport',
    )
    assert.ok(attributes.has('secure') && attributes.has('httponly'))
    assert.equal(attributes.get('domain'), 'app.example')
  })

  it('no other host can toss us a cookie: without the prefix it is not ours', async (t) => {
    const { auth, ...reply } = await signInDirectly(t)
    const cookie = of(reply, 'set-cookie')
      .find((text) => text.startsWith('__Host-sallyport='))!
      .split(';')[0]!
    assert.equal((await auth.authenticate(cookie))?.claims.sub, 'alice')
    assert.equal(await auth.authenticate(cookie.replace('__Host-', '')), undefined)
    assert.equal(await auth.authenticate(cookie.replace('__Host-', '__Secure-')), undefined)
  })

  it('it can be SameSite=Strict; then a page of ours leads on, for the redirects came from another site', async (t) => {
    const reply = await signInDirectly(t, { sameSite: 'strict' }, '/orders?a="1"&lt=2')
    const attributes = cookieAttributes(of(reply, 'set-cookie'), '__Host-sallyport')
    assert.equal(attributes.get('samesite')?.toLowerCase(), 'strict')
    assert.equal(reply.status, 200)
    assert.match(reply.body, /<meta http-equiv="refresh" content="0; url=\/orders\?a=%221%22&amp;lt=2">/)
  })
})

describe('on plain http', () => {
  it('the log says that the cookie lost its prefix', async (t) => {
    const said: string[] = []
    const note = (fields: object, message: string): void => void said.push(`${message} ${JSON.stringify(fields)}`)
    await startWorld(t, { options: { logger: { debug: note, info: note, warn: note, error: note } } })
    assert.match(said.join('\n'), /__Host-|cookie/i)
  })
})

describe('a client', () => {
  it('without a secret signs in by PKCE alone', async (t) => {
    const server = await startServer(t)
    const redirectUris = [`${server.baseUrl}/auth/callback`]
    const { issuer } = await startProviderFor(t, [server], { clients: [{ clientId, redirectUris }] })
    const auth = createAuth<Notes>({
      issuer,
      clientId,
      baseUrl: server.baseUrl,
      secret,
      logger: silentLogger,
      hooks: { onSignIn: () => ({ data: { notes: [] } }) },
    })
    serveAuth(t, server, auth)
    const browser = createUserAgent()
    await signIn(browser, server)
    assert.equal((await me(browser, server)).sub, 'alice')
  })

  it('gets the claims of the UserInfo endpoint if it asks for them', async (t) => {
    for (const userinfo of [false, true]) {
      const seen: unknown[] = []
      const { app, provider } = await startWorld(t, {
        provider: { claimsInIdToken: false },
        options: { provider: { userinfo }, hooks: { onSignIn: (claims) => void seen.push(claims.email) } },
      })
      await signIn(createUserAgent(), app)
      assert.deepEqual(seen, [userinfo ? 'alice@example.com' : undefined])
      assert.equal(provider.stats().userinfos, userinfo ? 1 : 0)
    }
  })
})

describe('a callback that lost its login', () => {
  it('leads home if the browser is signed in (losing tab, reload, back button)', async (t) => {
    const { app } = await startWorld(t)
    const browser = createUserAgent()
    const callback = await reachCallback(browser, app, { returnTo: '/orders' })
    await browser.get(callback)
    const before = await me(browser, app)
    const again = await browser.get(callback)
    assert.equal(again.location, `${app.baseUrl}/`)
    assert.equal((await me(browser, app)).id, before.id)
  })

  it('starts a fresh login otherwise, which succeeds', async (t) => {
    const { app } = await startWorld(t)
    const browser = createUserAgent()
    const callback = await reachCallback(browser, app)
    await browser.get(callback)
    browser.setCookie(app.baseUrl, 'sallyport', undefined)
    const { page } = await followCounting(browser, callback, '/auth/callback')
    assert.equal(page.status, 200)
    assert.equal((await me(browser, app)).sub, 'alice')
  })

  it('opened from a bookmark in a new browser leads to the provider, not to an error', async (t) => {
    const { app, provider } = await startWorld(t)
    const callback = await reachCallback(createUserAgent(), app)
    const page = await createUserAgent().followRedirects(callback)
    assert.equal(page.status, 200)
    assert.equal(new URL(page.url).origin, provider.issuer)
  })

  it('never loops while the browser refuses our cookies: a page comes by the third time', async (t) => {
    const { app } = await startWorld(t)
    const browser = createUserAgent()
    const callback = await reachCallback(browser, app)
    const forgetOurs = (): void => {
      for (const name of browser.cookies(app.baseUrl).keys()) {
        if (name.startsWith('sallyport')) browser.setCookie(app.baseUrl, name, undefined)
      }
    }
    const { page, visits } = await followCounting(browser, callback, '/auth/callback', forgetOurs)
    assert.ok(visits <= 3, `${visits} visits of the callback`)
    assert.equal(new URL(page.url).origin, app.baseUrl)
    assert.match(String(page.headers['content-type']), /text\/html/)
    assert.match(page.text, /cookie/i)
  })
})

describe('a sign-in that is refused', () => {
  it('by the user at the provider shows a page with the code', async (t) => {
    const { app } = await startWorld(t)
    const browser = createUserAgent()
    const login = await browser.get(`${app.baseUrl}/auth/login`)
    const callback = await browser.signInAtProvider(login.location!, 'cancel')
    const page = await browser.get(callback)
    assert.ok(page.status >= 400 && page.status < 500, `status ${page.status}`)
    assert.match(String(page.headers['content-type']), /text\/html/)
    assert.match(page.text, /access_denied/)
    assert.equal(browser.cookies(app.baseUrl).get('sallyport'), undefined)
  })

  it('has consumed its transaction: the same callback again starts afresh', async (t) => {
    const { app } = await startWorld(t)
    const browser = createUserAgent()
    const login = await browser.get(`${app.baseUrl}/auth/login`)
    const callback = await browser.signInAtProvider(login.location!, 'cancel')
    await browser.get(callback)
    const again = await browser.get(callback)
    assert.ok(again.location !== undefined, `answered ${again.status}`)
    assert.doesNotMatch(again.text, /access_denied/)
  })

  it('by onSignIn shows its message, escaped, and makes no session', async (t) => {
    const { app } = await startWorld(t, {
      options: { hooks: { onSignIn: () => ({ refuse: 'Members <b>only</b>' }) } },
    })
    const browser = createUserAgent()
    const page = await browser.get(await reachCallback(browser, app))
    assert.equal(page.status, 403)
    assert.match(page.text, /Members &lt;b&gt;only/)
    assert.equal(browser.cookies(app.baseUrl).get('sallyport'), undefined)
    assert.deepEqual(await app.auth.sessions.list({ subject: 'alice' }), [])
  })

  it('by an onSignIn that throws shows a page without the reason, and makes no session', async (t) => {
    const { app } = await startWorld(t, {
      options: {
        hooks: {
          onSignIn() {
            throw new Error('internal-detail')
          },
        },
      },
    })
    const browser = createUserAgent()
    const page = await browser.get(await reachCallback(browser, app))
    assert.ok(page.status >= 500, `status ${page.status}`)
    assert.doesNotMatch(page.text, /internal-detail/)
    assert.equal(browser.cookies(app.baseUrl).get('sallyport'), undefined)
  })
})

describe('a binding cookie that is not ours', () => {
  for (const forged of ['', 'x', 'a'.repeat(4_000), '1.x.y.z']) {
    it(`is replaced, and the sign-in works (${forged.slice(0, 10)})`, async (t) => {
      const { app } = await startWorld(t)
      const browser = createUserAgent()
      browser.setCookie(app.baseUrl, 'sallyport-login', forged)
      await signIn(browser, app)
      assert.equal((await me(browser, app)).sub, 'alice')
    })
  }
})

describe('onSignIn', () => {
  it('that never ends is waited for five seconds, then there is no session', async (t) => {
    const clock = manualClock({ startAt: Date.now() })
    let called = (): void => {}
    const entered = new Promise<void>((resolve) => (called = resolve))
    const { app } = await startWorld(t, {
      clock,
      options: { hooks: { onSignIn: () => (called(), new Promise<never>(() => {})) } },
    })
    const browser = createUserAgent()
    const answer = browser.get(await reachCallback(browser, app))
    await entered
    await clock.advance(5_000)
    const page = await answer
    assert.ok(page.status >= 500, `status ${page.status}`)
    assert.equal(browser.cookies(app.baseUrl).get('sallyport'), undefined)
  })

  it('that gives data which is not JSON makes no session', async (t) => {
    const { app } = await startWorld(t, {
      options: { hooks: { onSignIn: () => ({ data: { notes: [1n as unknown as string] } }) } },
    })
    const browser = createUserAgent()
    const page = await browser.get(await reachCallback(browser, app))
    assert.ok(page.status >= 500, `status ${page.status}`)
    assert.equal(browser.cookies(app.baseUrl).get('sallyport'), undefined)
    assert.deepEqual(await app.auth.sessions.list({ subject: 'alice' }), [])
  })

  it('gets the claims and where the user is going, and gives the session its first data', async (t) => {
    const seen: unknown[] = []
    const { app } = await startWorld(t, {
      options: {
        hooks: {
          async onSignIn(claims, { returnTo }) {
            seen.push(claims.sub, claims.email, returnTo)
            return { data: { notes: [`welcome ${claims.sub}`] } }
          },
        },
      },
    })
    const browser = createUserAgent()
    await signIn(browser, app, { returnTo: '/orders' })
    assert.deepEqual(seen, ['alice', 'alice@example.com', '/orders'])
    assert.deepEqual((await me(browser, app)).notes, ['welcome alice'])
  })
})
