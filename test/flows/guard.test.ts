import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import type { GuardAnswer } from '../../src/index.ts'
import { manualClock } from '../../src/testing/manual-clock.ts'
import { startWorld, storeKinds } from '../support/app.ts'
import type { Notes, StoreKind, World } from '../support/app.ts'
import { failingStore } from '../support/failing-store.ts'
import type { FailingStore } from '../support/failing-store.ts'
import { createUserAgent } from '../support/user-agent.ts'
import type { ExtraHeaders, Page, UserAgent } from '../support/user-agent.ts'
import {
  askMe,
  directRequest,
  me,
  reachCallback,
  script,
  sessionCookie,
  setCookies,
  signedIn,
} from '../support/sign-in.ts'

const noFetchMetadata: ExtraHeaders = {
  'sec-fetch-mode': undefined,
  'sec-fetch-dest': undefined,
  'sec-fetch-site': undefined,
}

function assertRefusedInJson(page: Page, status: number): void {
  assert.equal(page.status, status)
  assert.match(String(page.headers['content-type']), /^application\/(problem\+)?json/)
  assert.ok(page.headers['www-authenticate'], 'no WWW-Authenticate')
  const texts = Object.values(JSON.parse(page.text) as object)
  assert.ok(
    texts.some((value) => typeof value === 'string' && value.includes('/auth/login')),
    `no login URL in ${page.text}`,
  )
  assert.deepEqual(setCookies(page), [])
}

describe('a request without a session', () => {
  const navigations: [what: string, headers: ExtraHeaders][] = [
    ['a navigation', {}],
    ['a navigation from another site', { 'sec-fetch-site': 'cross-site' }],
    ['a navigation of a browser without fetch metadata', noFetchMetadata],
  ]
  it('is sent to the login with the way back if it is a navigation', async (t) => {
    const { app } = await startWorld(t)
    for (const [what, headers] of navigations) {
      await t.test(what, async () => {
        const page = await createUserAgent().get(`${app.baseUrl}/orders?id=7&x=a%26b`, headers)
        assert.ok(page.status === 302 || page.status === 303, `status ${page.status}`)
        const login = new URL(page.location!)
        assert.equal(login.origin + login.pathname, `${app.baseUrl}/auth/login`)
        assert.equal(login.searchParams.get('returnTo'), '/orders?id=7&x=a%26b')
        assert.deepEqual(setCookies(page), [])
      })
    }
  })

  it('reaches the page it asked for after the sign-in', async (t) => {
    const { app } = await startWorld(t)
    const browser = createUserAgent()
    const login = await browser.get((await browser.get(`${app.baseUrl}/orders?id=7`)).location!)
    const callback = await browser.signInAtProvider(login.location!, { user: 'bob' })
    const page = await browser.followRedirects(callback)
    assert.equal(page.url, `${app.baseUrl}/orders?id=7`)
    assert.equal(page.status, 200)
  })

  const scripts: [what: string, headers: ExtraHeaders][] = [
    ['fetch', script],
    ['fetch that accepts anything', { ...script, accept: '*/*' }],
    ['fetch that accepts HTML', { ...script, accept: 'text/html' }],
    ['XMLHttpRequest without fetch metadata', { ...noFetchMetadata, accept: 'application/json' }],
    ['a command-line client', { ...noFetchMetadata, accept: '*/*', 'user-agent': 'curl/8' }],
    ['a client that sends no Accept', { ...noFetchMetadata, accept: undefined }],
    ['EventSource', { ...script, accept: 'text/event-stream' }],
    ['EventSource without fetch metadata', { ...noFetchMetadata, accept: 'text/event-stream' }],
    ['an image', { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image', accept: 'image/*' }],
  ]
  it('is answered 401 with the login URL if it is no navigation', async (t) => {
    const { app } = await startWorld(t)
    for (const [what, headers] of scripts) {
      await t.test(what, async () => {
        assertRefusedInJson(await createUserAgent().get(`${app.baseUrl}/orders`, headers), 401)
      })
    }
  })

  it('WebSocket is answered 401', async (t) => {
    const { app } = await startWorld(t)
    const headers = {
      'sec-fetch-mode': 'websocket',
      'sec-fetch-dest': 'websocket',
      accept: '*/*',
      connection: 'Upgrade',
      upgrade: 'websocket',
    }
    const answer = await app.auth.guard(directRequest('/live', headers), () => assert.fail('sets a cookie'))
    assert.equal(answer.reply?.status, 401)
    assert.ok(answer.reply.headers.some(([name]) => name.toLowerCase() === 'www-authenticate'))
  })

  it('WebSocket of a browser without fetch metadata is answered 401', async (t) => {
    const { app } = await startWorld(t)
    const headers = { ...noFetchMetadata, accept: 'text/html', connection: 'Upgrade', upgrade: 'websocket' }
    const answer = await app.auth.guard(directRequest('/live', headers), () => assert.fail('sets a cookie'))
    assert.equal(answer.reply?.status, 401)
  })

  it('is let in where a session is optional', async (t) => {
    const { app } = await startWorld(t)
    const page = await createUserAgent().get(`${app.baseUrl}/maybe`)
    assert.deepEqual([page.status, page.text], [200, '{"sub":null}'])
  })
})

describe('the session route', () => {
  it('tells scripts the claims and the deadlines, and no token', async (t) => {
    const { app } = await startWorld(t)
    const browser = await signedIn(app)
    const { accessToken, idToken } = JSON.parse((await browser.get(`${app.baseUrl}/token`)).text) as Record<
      string,
      string
    >
    const page = await browser.get(`${app.baseUrl}/auth/session`, script)
    const shown = JSON.parse(page.text) as { claims: { sub: string } }
    assert.equal(page.status, 200)
    assert.equal(shown.claims.sub, 'alice')
    const mine = await me(browser, app)
    for (const deadline of [mine.absoluteExpiresAt, mine.idleExpiresAt]) {
      assert.ok(page.text.includes(String(deadline)), `${deadline} is missing in ${page.text}`)
    }
    for (const token of [accessToken!, idToken!, sessionCookie(browser, app)]) assert.ok(!page.text.includes(token))
    assert.match(String(page.headers['cache-control']), /no-store/)
  })

  it('answers 401 without a session, and changes no cookie', async (t) => {
    const { app } = await startWorld(t)
    const page = await createUserAgent().get(`${app.baseUrl}/auth/session`, script)
    assert.equal(page.status, 401)
    assert.deepEqual(setCookies(page), [])
  })
})

interface Ailing {
  world: World
  browser: UserAgent
  ailing: FailingStore
}

/** A signed-in browser whose next request needs the store. */
async function startAiling(t: TestContext, store: StoreKind): Promise<Ailing> {
  let ailing: FailingStore | undefined
  const world = await startWorld(t, {
    store,
    wrap: (inner) => (ailing = failingStore(inner)).store,
    options: { cache: { enableL1: false, operationTimeoutMs: 200 } },
  })
  return { world, browser: await signedIn(world.app), ailing: ailing! }
}

function assertUnavailable(page: Page): void {
  assert.equal(page.status, 503)
  assert.match(String(page.headers['retry-after']), /^\d+$/)
  assert.deepEqual(setCookies(page), [])
}

for (const store of storeKinds) {
  for (const way of ['throwAlways', 'hangAlways'] as const) {
    describe(`while the ${store} store fails (${way})`, () => {
      it('a session is answered 503 and signed in again afterwards, with the same cookie', async (t) => {
        const { world, browser, ailing } = await startAiling(t, store)
        const cookie = sessionCookie(browser, world.app)
        const before = await me(browser, world.app)
        ailing[way]()
        assertUnavailable(await askMe(browser, world.app))
        assertUnavailable(await browser.get(`${world.app.baseUrl}/orders`))
        assertUnavailable(await browser.get(`${world.app.baseUrl}/auth/session`, script))
        ailing.heal()
        assert.equal((await me(browser, world.app)).id, before.id)
        assert.equal(sessionCookie(browser, world.app), cookie)
      })

      it('anonymous requests are answered as ever', async (t) => {
        const { world, ailing } = await startAiling(t, store)
        ailing[way]()
        const anonymous = createUserAgent()
        assert.equal((await askMe(anonymous, world.app)).status, 401)
        assert.equal((await anonymous.get(`${world.app.baseUrl}/orders`)).status, 302)
      })

      it('a login is answered 503', async (t) => {
        const { world, ailing } = await startAiling(t, store)
        ailing[way]()
        assertUnavailable(await createUserAgent().get(`${world.app.baseUrl}/auth/login`))
      })

      it('a callback is answered 503 and works afterwards, for nothing was consumed', async (t) => {
        const { world, ailing } = await startAiling(t, store)
        const browser = createUserAgent()
        const callback = await reachCallback(browser, world.app, { returnTo: '/orders' })
        ailing[way]()
        assertUnavailable(await browser.get(callback))
        ailing.heal()
        assert.equal((await browser.get(callback)).location, `${world.app.baseUrl}/orders`)
      })

      it('health says so', async (t) => {
        const { world, ailing } = await startAiling(t, store)
        ailing[way]()
        const health = await world.app.auth.health()
        assert.deepEqual([health.ok, health.store, health.provider], [false, 'down', 'up'])
      })

      it('the library rejects with ERR_STORE_UNAVAILABLE', async (t) => {
        const { world, browser, ailing } = await startAiling(t, store)
        ailing[way]()
        const cookie = `sallyport=${sessionCookie(browser, world.app)}`
        await assert.rejects(async () => world.app.auth.authenticate(cookie), { code: 'ERR_STORE_UNAVAILABLE' })
        await assert.rejects(world.app.auth.sessions.list({ subject: 'alice' }), { code: 'ERR_STORE_UNAVAILABLE' })
        await assert.rejects(world.app.auth.sessions.revokeAll({ subject: 'alice' }), { code: 'ERR_STORE_UNAVAILABLE' })
      })
    })
  }
}

describe('a store that never answers', () => {
  it('is waited for until operationTimeoutMs is over, and no longer', async (t) => {
    const clock = manualClock({ startAt: Date.now() })
    let ailing: FailingStore | undefined
    const { app } = await startWorld(t, {
      clock,
      wrap: (inner) => (ailing = failingStore(inner)).store,
      options: { cache: { enableL1: false, operationTimeoutMs: 700 } },
    })
    const browser = await signedIn(app)
    ailing!.hangAlways()
    let answer: GuardAnswer<Notes> | undefined
    const cookie = `sallyport=${sessionCookie(browser, app)}`
    void Promise.resolve(app.auth.guard(directRequest('/me', { cookie }), () => {})).then((given) => (answer = given))
    await clock.advance(699)
    assert.equal(answer, undefined)
    await clock.advance(1)
    assert.equal(answer!.reply?.status, 503)
  })
})

describe('an unsafe method on a guarded route', () => {
  const cases: [what: string, headers: (baseUrl: string) => ExtraHeaders, passes: boolean][] = [
    ['from our own pages', () => ({ 'sec-fetch-site': 'same-origin' }), true],
    ['from the address bar', () => ({ 'sec-fetch-site': 'none' }), true],
    ['from another site', () => ({ 'sec-fetch-site': 'cross-site' }), false],
    ['from a sibling site', () => ({ 'sec-fetch-site': 'same-site' }), false],
    [
      'from another site that claims our Origin',
      (baseUrl) => ({ 'sec-fetch-site': 'cross-site', origin: baseUrl }),
      false,
    ],
    ['with our Origin only', (baseUrl) => ({ 'sec-fetch-site': undefined, origin: baseUrl }), true],
    ['with another Origin only', () => ({ 'sec-fetch-site': undefined, origin: 'https://evil.example' }), false],
    [
      'with an Origin that begins like ours',
      (baseUrl) => ({ 'sec-fetch-site': undefined, origin: `${baseUrl}0` }),
      false,
    ],
    ['with Origin null', () => ({ 'sec-fetch-site': undefined, origin: 'null' }), false],
    ['with neither', () => ({ 'sec-fetch-site': undefined, origin: undefined }), false],
    ['with an unknown Sec-Fetch-Site', () => ({ 'sec-fetch-site': 'x', origin: 'https://evil.example' }), false],
  ]
  it('passes from our own pages only', async (t) => {
    const { app } = await startWorld(t)
    const browser = await signedIn(app)
    for (const [what, headers, passes] of cases) {
      await t.test(what, async () => {
        const { notes: before } = await me(browser, app)
        const page = await browser.post(`${app.baseUrl}/note`, { text: what }, { ...script, ...headers(app.baseUrl) })
        assert.equal(page.status, passes ? 200 : 403)
        if (!passes) assert.deepEqual(setCookies(page), [])
        assert.deepEqual((await me(browser, app)).notes, passes ? [...before, what] : before)
      })
    }
  })

  it('is each but GET, HEAD and OPTIONS', async (t) => {
    const { app } = await startWorld(t)
    const cookie = `sallyport=${sessionCookie(await signedIn(app), app)}`
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'post', 'REPORT', 'GET', 'HEAD', 'OPTIONS']) {
      await t.test(method, async () => {
        const request = directRequest('/note', { cookie, 'sec-fetch-site': 'cross-site' }, method)
        const answer = await app.auth.guard(request, () => assert.fail('sets a cookie'))
        if (['GET', 'HEAD', 'OPTIONS'].includes(method)) assert.equal(answer.session?.claims.sub, 'alice')
        else assert.equal(answer.reply?.status, 403)
      })
    }
  })

  it('believes baseUrl, never a forwarded header or the host', async (t) => {
    const { app } = await startWorld(t)
    const browser = await signedIn(app)
    const evil = { host: 'evil.example', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' }
    const headers = { ...script, ...evil, 'sec-fetch-site': undefined, origin: 'https://evil.example' }
    assert.equal((await browser.post(`${app.baseUrl}/note`, { text: 'x' }, headers)).status, 403)
    const login = await createUserAgent().get(`${app.baseUrl}/auth/login`, evil)
    assert.equal(new URL(login.location!).searchParams.get('redirect_uri'), `${app.baseUrl}/auth/callback`)
  })
})
