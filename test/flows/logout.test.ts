import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { createAuth } from '../../src/index.ts'
import { manualClock } from '../../src/testing/manual-clock.ts'
import {
  clientId,
  clientSecret,
  secret,
  serveAuth,
  silentLogger,
  startServer,
  startWorld,
  storeKinds,
} from '../support/app.ts'
import type { App, World, WorldPlan } from '../support/app.ts'
import { failingStore } from '../support/failing-store.ts'
import type { FailingStore } from '../support/failing-store.ts'
import { createUserAgent } from '../support/user-agent.ts'
import type { ExtraHeaders, Page, UserAgent } from '../support/user-agent.ts'
import { askMe, browserWith, script, sessionCookie, setCookies, signedIn } from '../support/sign-in.ts'

const crossSite: ExtraHeaders = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }

interface SignedIn extends World {
  browser: UserAgent
  cookie: string
}

async function startSignedIn(t: TestContext, plan: WorldPlan = {}): Promise<SignedIn> {
  const world = await startWorld(t, plan)
  const browser = await signedIn(world.app)
  return { ...world, browser, cookie: sessionCookie(browser, world.app) }
}

const logout = (browser: UserAgent, app: App, headers: ExtraHeaders = {}): Promise<Page> =>
  browser.post(`${app.baseUrl}/auth/logout`, {}, headers)

const statusOf = async (app: App, cookie: string): Promise<number> =>
  (await askMe(browserWith(app, cookie), app)).status

function assertSignedOut(browser: UserAgent, app: App): void {
  assert.equal(browser.cookies(app.baseUrl).get('sallyport'), undefined)
}

for (const store of storeKinds) {
  describe(`a logout, sessions in ${store}`, () => {
    it('ends the session here before the browser goes on to the provider', async (t) => {
      const { app, browser, cookie, provider } = await startSignedIn(t, { store })
      const page = await logout(browser, app)
      assert.ok(page.status === 302 || page.status === 303, `status ${page.status}`)
      assert.equal(new URL(page.location!).origin, provider.issuer)
      assertSignedOut(browser, app)
      assert.equal(await statusOf(app, cookie), 401)
      assert.deepEqual(await app.auth.sessions.list({ subject: 'alice' }), [])
    })

    it('asks the provider with the ID token as hint, a state and the way back', async (t) => {
      const { app, browser } = await startSignedIn(t, { store })
      const { idToken } = JSON.parse((await browser.get(`${app.baseUrl}/token`, script)).text) as { idToken: string }
      const asked = new URL((await logout(browser, app)).location!).searchParams
      assert.equal(asked.get('id_token_hint'), idToken)
      assert.equal(asked.get('post_logout_redirect_uri'), `${app.baseUrl}/`)
      assert.match(asked.get('state') ?? '', /^[\w.~-]{16,}$/)
    })

    it('comes back, and the provider asks for the password the next time', async (t) => {
      const { app, browser, provider } = await startSignedIn(t, { store })
      const home = await browser.followRedirects(await logout(browser, app))
      assert.equal(home.status, 200)
      assert.equal(new URL(home.url).origin + new URL(home.url).pathname, `${app.baseUrl}/`)
      assert.equal(provider.stats().endSessions, 1)
      const next = await browser.followRedirects(`${app.baseUrl}/orders`)
      assert.equal(new URL(next.url).origin, provider.issuer)
      assert.match(next.text, /password/i)
    })

    it('leaves other sessions of the same user alone', async (t) => {
      const { app, browser } = await startSignedIn(t, { store })
      const other = await signedIn(app)
      await logout(browser, app)
      assert.equal((await askMe(other, app)).status, 200)
    })

    it('is refused by every instance within maxStalenessMs', async (t) => {
      const clock = manualClock({ startAt: Date.now() })
      const { app, other, browser, cookie } = await startSignedIn(t, { store, instances: 2, clock })
      assert.equal((await askMe(browser, other)).status, 200)
      await logout(browser, app)
      await clock.advance(1_000)
      assert.equal(await statusOf(other, cookie), 401)
    })

    it('cannot be answered while the store is down: 503, the cookie stays, nobody is signed out', async (t) => {
      let ailing: FailingStore | undefined
      const { app, browser, cookie } = await startSignedIn(t, {
        store,
        wrap: (inner) => (ailing = failingStore(inner)).store,
        options: { cache: { operationTimeoutMs: 200, enableL1: false } },
      })
      ailing!.hangAlways()
      const page = await logout(browser, app)
      assert.equal(page.status, 503)
      assert.match(String(page.headers['retry-after']), /^\d+$/)
      assert.deepEqual(setCookies(page), [])
      ailing!.heal()
      assert.equal((await logout(browser, app)).status < 400, true)
      assert.equal(await statusOf(app, cookie), 401)
    })
  })
}

describe('a logout while the provider is down', () => {
  it('is complete here', async (t) => {
    const { app, browser, cookie, provider } = await startSignedIn(t)
    await provider.close()
    const page = await logout(browser, app)
    assert.ok(page.status < 400, `status ${page.status}`)
    assertSignedOut(browser, app)
    assert.equal(await statusOf(app, cookie), 401)
  })

  it('is complete on an instance that never reached it, and ends at logout.returnTo', async (t) => {
    const world = await startSignedIn(t)
    await world.provider.close()
    const server = await startServer(t)
    const auth = createAuth({
      issuer: world.provider.issuer,
      clientId,
      clientSecret,
      baseUrl: server.baseUrl,
      secret,
      store: world.app.store,
      logger: silentLogger,
      logout: { returnTo: '/' },
      hooks: { onSignIn: () => ({ data: { notes: [] as string[] } }) },
    })
    serveAuth(t, server, auth)
    const place = { ...world.app, baseUrl: server.baseUrl }
    const page = await logout(world.browser, place)
    assert.equal(page.location, `${server.baseUrl}/`)
    assertSignedOut(world.browser, place)
    assert.equal(await statusOf(place, world.cookie), 401)
  })
})

describe('a logout that another site asks for', () => {
  it('by POST is refused and changes nothing', async (t) => {
    const { app, browser, cookie } = await startSignedIn(t)
    const page = await logout(browser, app, crossSite)
    assert.equal(page.status, 403)
    assert.deepEqual(setCookies(page), [])
    assert.equal(await statusOf(app, cookie), 200)
  })

  it('by POST of a browser without fetch metadata is refused', async (t) => {
    const { app, browser, cookie } = await startSignedIn(t)
    const page = await logout(browser, app, { 'sec-fetch-site': undefined, origin: 'https://evil.example' })
    assert.equal(page.status, 403)
    assert.equal(await statusOf(app, cookie), 200)
  })

  for (const site of ['cross-site', 'same-site', 'none', undefined]) {
    it(`by GET (Sec-Fetch-Site ${site ?? 'absent'}) shows a form and changes nothing`, async (t) => {
      const { app, browser, cookie } = await startSignedIn(t)
      const page = await browser.get(`${app.baseUrl}/auth/logout`, { 'sec-fetch-site': site })
      assert.equal(page.status, 200)
      assert.match(String(page.headers['content-type']), /text\/html/)
      assert.match(page.text, /<form[^>]*method="?post/i)
      assert.deepEqual(setCookies(page), [])
      assert.equal(await statusOf(app, cookie), 200)
    })
  }

  it('the form works', async (t) => {
    const { app, browser, cookie } = await startSignedIn(t)
    const page = await browser.get(`${app.baseUrl}/auth/logout`, { 'sec-fetch-site': 'cross-site' })
    const action = /<form[^>]*action="([^"]*)"/i.exec(page.text)?.[1] ?? ''
    const fields = Object.fromEntries(
      [...page.text.matchAll(/<input[^>]*name="([^"]*)"[^>]*value="([^"]*)"/gi)].map(([, name, value]) => [
        name!,
        value!,
      ]),
    )
    const done = await browser.post(new URL(action, page.url).href, fields)
    assert.ok(done.status < 400, `status ${done.status}`)
    assertSignedOut(browser, app)
    assert.equal(await statusOf(app, cookie), 401)
  })

  it('may not be framed, so that nobody clicks the form unknowingly', async (t) => {
    const { app, browser } = await startSignedIn(t)
    const page = await browser.get(`${app.baseUrl}/auth/logout`, { 'sec-fetch-site': 'cross-site' })
    assert.match(
      [page.headers['content-security-policy'], page.headers['x-frame-options']].join(' '),
      /frame-ancestors|DENY/i,
    )
  })
})

describe('a logout', () => {
  it('by GET from our own pages needs no form', async (t) => {
    const { app, browser, cookie } = await startSignedIn(t)
    const page = await browser.get(`${app.baseUrl}/auth/logout`, { 'sec-fetch-site': 'same-origin' })
    assert.ok(page.location !== undefined, `answered ${page.status}`)
    assert.equal(await statusOf(app, cookie), 401)
  })

  it('without a session ends at logout.returnTo without fuss', async (t) => {
    const { app } = await startWorld(t)
    const page = await logout(createUserAgent(), app)
    assert.ok(page.status < 400, `status ${page.status}`)
  })

  it('twice is the same as once', async (t) => {
    const { app, browser, cookie } = await startSignedIn(t)
    await logout(browser, app)
    const again = await logout(browserWith(app, cookie), app)
    assert.ok(again.status < 400, `status ${again.status}`)
    assert.equal(await statusOf(app, cookie), 401)
  })

  it('stays here if logout.provider is false', async (t) => {
    const { app, browser, provider } = await startSignedIn(t, {
      options: { logout: { provider: false, returnTo: '/bye' } },
    })
    assert.equal((await logout(browser, app)).location, `${app.baseUrl}/bye`)
    assert.equal(provider.stats().endSessions, 0)
  })

  it('tells the hook who left, and why', async (t) => {
    const told: string[] = []
    const { app, browser } = await startSignedIn(t, {
      options: {
        hooks: {
          onSignIn: () => ({ data: { notes: [] } }),
          onSignOut: (claims, { reason }) => void told.push(`${claims.sub} ${reason}`),
        },
      },
    })
    await logout(browser, app)
    assert.deepEqual(told, ['alice logout'])
  })

  it('is not stopped by a hook that throws', async (t) => {
    const { app, browser, cookie } = await startSignedIn(t, {
      options: {
        hooks: {
          onSignIn: () => ({ data: { notes: [] } }),
          onSignOut() {
            throw new Error('internal-detail')
          },
        },
      },
    })
    const page = await logout(browser, app)
    assert.ok(page.status < 400, `status ${page.status}`)
    assert.doesNotMatch(page.text, /internal-detail/)
    assert.equal(await statusOf(app, cookie), 401)
  })
})
