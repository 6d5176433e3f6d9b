import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import { createAuth } from '../../src/index.ts'
import type { Auth } from '../../src/index.ts'
import {
  clientId,
  clientSecret,
  secret,
  silentLogger,
  startProviderFor,
  startServer,
  storesOf,
} from '../support/app.ts'
import type { MoreOptions, Notes } from '../support/app.ts'
import { failingStore } from '../support/failing-store.ts'
import type { FailingStore } from '../support/failing-store.ts'
import { createUserAgent } from '../support/user-agent.ts'
import type { ExtraHeaders } from '../support/user-agent.ts'
import { browserWith, script, sessionCookie, setCookies, signedIn } from '../support/sign-in.ts'

/** Where the application parses bodies, if at all: ahead of our middleware, behind it, or only in its own handler. */
export type BodyParser = 'before' | 'after' | 'none'
export const bodyParsers: readonly BodyParser[] = ['before', 'after', 'none']

/**
 * One application, to be written in each framework:
 *
 * - our middleware for every path, with the body parser where `bodyParser` says
 * - `GET /public`: the text `public`
 * - `GET /me`, guarded: JSON `{ sub, notes }`; it also sets the header `x-app: fixture` and the cookie `app=1`
 * - `GET /maybe`: JSON `{ sub }` of the optional session, `null` without one
 * - `GET /unguarded`: asks for the session although there is no guard
 * - `POST /note`, guarded: appends `text` of the form to the notes, JSON `{ notes }`, and sets the cookie `app=1`
 * - `POST /end`, guarded: ends its session, JSON `{ ended: true }`
 * - `GET /shop/orders`, guarded, inside a sub-application mounted at `/shop`: JSON `{ sub }`
 * - any other path: 404 with the text `no such page`
 * - an error handler of its own: the error's `status`, JSON `{ code, handledBy: 'fixture' }`
 */
export interface Framework {
  name: string
  create(
    auth: Auth<Notes>,
    bodyParser: BodyParser,
  ): (request: IncomingMessage, response: ServerResponse) => Promise<void> | void
}

interface Running {
  baseUrl: string
  auth: Auth<Notes>
  ailing: FailingStore
}

interface Plan {
  bodyParser?: BodyParser
  options?: MoreOptions
}

async function start(t: TestContext, framework: Framework, plan: Plan = {}): Promise<Running> {
  const server = await startServer(t)
  const provider = await startProviderFor(t, [server])
  const ailing = failingStore((await storesOf(t, 'memory'))())
  const auth = createAuth<Notes>({
    issuer: provider.issuer,
    clientId,
    clientSecret,
    baseUrl: server.baseUrl,
    secret,
    store: ailing.store,
    logger: silentLogger,
    hooks: { onSignIn: () => ({ data: { notes: [] } }) },
    ...plan.options,
  })
  t.after(() => auth.close())
  const listener = framework.create(auth, plan.bodyParser ?? 'none')
  server.answer = async (request, response) => listener(request, response)
  return { baseUrl: server.baseUrl, auth, ailing }
}

const crossSite: ExtraHeaders = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }

/** The scenarios every adapter passes. */
export function adapterScenarios(framework: Framework): void {
  describe(`${framework.name}: our routes`, () => {
    it('sign a user in and bring them back', async (t) => {
      const { baseUrl } = await start(t, framework)
      const browser = createUserAgent()
      const login = await browser.followRedirects(`${baseUrl}/me?x=1`)
      assert.match(login.text, /password/i)
      const callback = await browser.signInAtProvider(
        (await browser.get(`${baseUrl}/auth/login?returnTo=/me`)).location!,
        {
          user: 'alice',
        },
      )
      const page = await browser.followRedirects(callback)
      assert.equal(page.url, `${baseUrl}/me`)
      assert.deepEqual(JSON.parse(page.text), { sub: 'alice', notes: [] })
    })

    it('leave every other path to the application', async (t) => {
      const { baseUrl } = await start(t, framework)
      const browser = createUserAgent()
      assert.equal((await browser.get(`${baseUrl}/public`)).text, 'public')
      for (const path of ['/nowhere', '/auth/unknown', '/auth', '/authentic/login']) {
        const page = await browser.get(baseUrl + path)
        assert.deepEqual([page.status, page.text], [404, 'no such page'], path)
      }
    })

    it('tell scripts about the session', async (t) => {
      const { baseUrl } = await start(t, framework)
      const page = await (await signedIn({ baseUrl })).get(`${baseUrl}/auth/session`, script)
      assert.equal((JSON.parse(page.text) as { claims: { sub: string } }).claims.sub, 'alice')
    })

    for (const bodyParser of bodyParsers) {
      it(`sign a user out, with a body parser ${bodyParser}`, async (t) => {
        const { baseUrl } = await start(t, framework, { bodyParser })
        const browser = await signedIn({ baseUrl })
        const cookie = sessionCookie(browser, { baseUrl })
        const page = await browser.post(`${baseUrl}/auth/logout`, { returnTo: '/', filler: 'x'.repeat(100) })
        assert.ok(page.location !== undefined, `answered ${page.status}: ${page.text}`)
        const after = await browserWith({ baseUrl }, cookie).get(`${baseUrl}/me`, script)
        assert.equal(after.status, 401)
      })
    }

    it('refuse a logout that another site asks for', async (t) => {
      const { baseUrl } = await start(t, framework)
      const browser = await signedIn({ baseUrl })
      assert.equal((await browser.post(`${baseUrl}/auth/logout`, {}, crossSite)).status, 403)
      assert.equal((await browser.get(`${baseUrl}/me`, script)).status, 200)
    })
  })

  describe(`${framework.name}: the guard`, () => {
    it('sends a navigation to the login with the way back', async (t) => {
      const { baseUrl } = await start(t, framework)
      const page = await createUserAgent().get(`${baseUrl}/me?tab=2`)
      const login = new URL(page.location!)
      assert.equal(login.pathname, '/auth/login')
      assert.equal(login.searchParams.get('returnTo'), '/me?tab=2')
    })

    it('knows the whole path inside a mounted sub-application', async (t) => {
      const { baseUrl } = await start(t, framework)
      const page = await createUserAgent().get(`${baseUrl}/shop/orders?id=7`)
      assert.equal(new URL(page.location!).searchParams.get('returnTo'), '/shop/orders?id=7')
      const inside = await (await signedIn({ baseUrl })).get(`${baseUrl}/shop/orders?id=7`)
      assert.deepEqual(JSON.parse(inside.text), { sub: 'alice' })
    })

    it('answers a script 401 with the login URL', async (t) => {
      const { baseUrl } = await start(t, framework)
      const page = await createUserAgent().get(`${baseUrl}/me`, script)
      assert.equal(page.status, 401)
      assert.match(String(page.headers['content-type']), /json/)
      assert.ok(page.headers['www-authenticate'])
      assert.match(page.text, /\/auth\/login/)
    })

    it('answers 503 while the store is down, and the cookie stays', async (t) => {
      const { baseUrl, ailing } = await start(t, framework, { options: { cache: { enableL1: false } } })
      const browser = await signedIn({ baseUrl })
      ailing.throwAlways()
      const page = await browser.get(`${baseUrl}/me`, script)
      assert.equal(page.status, 503)
      assert.ok(page.headers['retry-after'])
      assert.deepEqual(setCookies(page), [])
      ailing.heal()
      assert.equal((await browser.get(`${baseUrl}/me`, script)).status, 200)
    })

    it('refuses an unsafe request of another site before the handler runs', async (t) => {
      const { baseUrl } = await start(t, framework)
      const browser = await signedIn({ baseUrl })
      assert.equal((await browser.post(`${baseUrl}/note`, { text: 'x' }, crossSite)).status, 403)
      assert.deepEqual(JSON.parse((await browser.get(`${baseUrl}/me`)).text), { sub: 'alice', notes: [] })
    })

    it('refuses a cookie it cannot read as text', async (t) => {
      const { baseUrl } = await start(t, framework)
      for (const cookie of [
        `sallyport=${'a'.repeat(8_192)}`,
        'sallyport=\u00e9',
        'sallyport=a; sallyport=b',
        ';;=;=',
      ]) {
        assert.equal((await createUserAgent().get(`${baseUrl}/me`, { ...script, cookie })).status, 401)
      }
    })
  })

  describe(`${framework.name}: the session`, () => {
    it("leaves the application's own headers and cookies in place", async (t) => {
      const { baseUrl } = await start(t, framework)
      const browser = await signedIn({ baseUrl })
      const page = await browser.get(`${baseUrl}/me`, script)
      assert.equal(page.headers['x-app'], 'fixture')
      assert.deepEqual(
        setCookies(page).map((text) => text.split(';')[0]),
        ['app=1'],
      )
    })

    for (const bodyParser of bodyParsers) {
      it(`changes with a form the application reads itself, body parser ${bodyParser}`, async (t) => {
        const { baseUrl } = await start(t, framework, { bodyParser })
        const browser = await signedIn({ baseUrl })
        const page = await browser.post(`${baseUrl}/note`, { text: 'h\u00e9llo' }, script)
        assert.deepEqual(JSON.parse(page.text), { notes: ['h\u00e9llo'] })
        assert.deepEqual(JSON.parse((await browser.get(`${baseUrl}/me`)).text), { sub: 'alice', notes: ['h\u00e9llo'] })
      })
    }

    it("tells the browser its version beside the application's own cookie", async (t) => {
      const { baseUrl } = await start(t, framework)
      const browser = await signedIn({ baseUrl })
      const page = await browser.post(`${baseUrl}/note`, { text: 'x' }, script)
      const names = setCookies(page).map((text) => text.split('=')[0])
      assert.equal(names.length, 2)
      assert.ok(names.includes('app'))
      assert.ok(names.some((name) => name!.startsWith('sallyport')))
      assert.match(String(page.headers['cache-control']), /no-store/)
    })

    it('ended by its handler takes its cookie along', async (t) => {
      const { baseUrl } = await start(t, framework)
      const browser = await signedIn({ baseUrl })
      const page = await browser.post(`${baseUrl}/end`, {}, script)
      assert.deepEqual(JSON.parse(page.text), { ended: true })
      assert.equal(browser.cookies(baseUrl).get('sallyport'), undefined)
      assert.equal((await browser.get(`${baseUrl}/me`, script)).status, 401)
    })

    it('may be optional', async (t) => {
      const { baseUrl } = await start(t, framework)
      assert.equal((await createUserAgent().get(`${baseUrl}/maybe`)).text, '{"sub":null}')
      assert.equal((await (await signedIn({ baseUrl })).get(`${baseUrl}/maybe`)).text, '{"sub":"alice"}')
    })

    it('that cannot be known is an error of the framework where it is optional', async (t) => {
      const { baseUrl, ailing } = await start(t, framework, { options: { cache: { enableL1: false } } })
      const browser = await signedIn({ baseUrl })
      ailing.throwAlways()
      const page = await browser.get(`${baseUrl}/maybe`)
      assert.equal(page.status, 503)
      assert.deepEqual(JSON.parse(page.text), { code: 'ERR_STORE_UNAVAILABLE', handledBy: 'fixture' })
    })

    it('asked for without the guard is ERR_GUARD_MISSING, also for somebody signed in', async (t) => {
      const { baseUrl } = await start(t, framework)
      for (const browser of [createUserAgent(), await signedIn({ baseUrl })]) {
        const page = await browser.get(`${baseUrl}/unguarded`)
        assert.equal(page.status, 500)
        assert.deepEqual(JSON.parse(page.text), { code: 'ERR_GUARD_MISSING', handledBy: 'fixture' })
      }
    })

    it('of one user is never answered to another, however many ask at once', async (t) => {
      const { baseUrl } = await start(t, framework)
      const browsers = [await signedIn({ baseUrl }), await signedIn({ baseUrl }, 'bob')]
      const pages = await Promise.all(
        Array.from({ length: 40 }, (_, i) => browsers[i % 2]!.get(`${baseUrl}/me`, script)),
      )
      for (const [i, page] of pages.entries()) {
        assert.equal((JSON.parse(page.text) as { sub: string }).sub, i % 2 === 0 ? 'alice' : 'bob')
      }
    })
  })

  describe(`${framework.name}: pages 'framework'`, () => {
    it('hands an error of the provider to the error handler', async (t) => {
      const { baseUrl } = await start(t, framework, { options: { pages: 'framework' } })
      const browser = createUserAgent()
      const login = await browser.get(`${baseUrl}/auth/login`)
      const page = await browser.get(await browser.signInAtProvider(login.location!, 'cancel'))
      assert.equal(page.status, 400)
      assert.deepEqual(JSON.parse(page.text), { code: 'ERR_PROVIDER_REFUSED', handledBy: 'fixture' })
    })

    it('hands a store that is down at the login to the error handler', async (t) => {
      const { baseUrl, ailing } = await start(t, framework, { options: { pages: 'framework' } })
      ailing.throwAlways()
      const page = await createUserAgent().get(`${baseUrl}/auth/login`)
      assert.equal(page.status, 503)
      assert.deepEqual(JSON.parse(page.text), { code: 'ERR_STORE_UNAVAILABLE', handledBy: 'fixture' })
    })

    it('hands a store that is down at the guard to the error handler', async (t) => {
      const { baseUrl, ailing } = await start(t, framework, {
        options: { pages: 'framework', cache: { enableL1: false } },
      })
      const browser = await signedIn({ baseUrl })
      ailing.throwAlways()
      const page = await browser.get(`${baseUrl}/me`, script)
      assert.equal(page.status, 503)
      assert.deepEqual(JSON.parse(page.text), { code: 'ERR_STORE_UNAVAILABLE', handledBy: 'fixture' })
    })
  })
}
