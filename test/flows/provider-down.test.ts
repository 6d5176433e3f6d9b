import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { describe, it } from 'node:test'
import type { AddressInfo } from 'node:net'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import { createAuth } from '../../src/index.ts'
import type { Auth } from '../../src/index.ts'
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
  storesOf,
} from '../support/app.ts'
import type { Notes, TestServer } from '../support/app.ts'
import { eventually, ticking } from '../support/eventually.ts'
import { createUserAgent } from '../support/user-agent.ts'
import type { Page } from '../support/user-agent.ts'
import { askMe, browserWith, me, reachCallback, sessionCookie, signIn, signedIn } from '../support/sign-in.ts'

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

interface Orphan {
  server: TestServer
  auth: Auth<Notes>
  port: number
}

/** An application whose provider is not there yet. */
async function startWithoutProvider(t: TestContext): Promise<Orphan> {
  const [server, port] = [await startServer(t), await freePort()]
  const auth = createAuth<Notes>({
    issuer: `http://localhost:${port}`,
    clientId,
    clientSecret,
    baseUrl: server.baseUrl,
    secret,
    store: (await storesOf(t, 'memory'))(),
    logger: silentLogger,
    provider: { timeoutMs: 500 },
    hooks: { onSignIn: () => ({ data: { notes: [] } }) },
  })
  serveAuth(t, server, auth)
  return { server, auth, port }
}

function assertUnavailablePage(page: Page): void {
  assert.equal(page.status, 503)
  assert.match(String(page.headers['content-type']), /text\/html/)
  assert.doesNotMatch(page.text, /ECONNREFUSED|fetch failed|at .*\.ts/)
}

describe('a provider that is down at the start', () => {
  it('does not keep the application from answering', async (t) => {
    const { server } = await startWithoutProvider(t)
    const browser = createUserAgent()
    assert.equal((await browser.get(`${server.baseUrl}/public`)).status, 200)
    assert.equal((await browser.get(`${server.baseUrl}/maybe`)).status, 200)
    assert.equal((await browser.get(`${server.baseUrl}/auth/session`)).status < 500, true)
    assert.equal((await browser.get(`${server.baseUrl}/orders`)).status, 302)
  })

  it('makes ready() reject and health() say so', async (t) => {
    const { auth } = await startWithoutProvider(t)
    await assert.rejects(auth.ready(), { code: 'ERR_PROVIDER_UNAVAILABLE' })
    const health = await auth.health()
    assert.deepEqual([health.ok, health.store, health.provider], [false, 'up', 'down'])
  })

  it('makes the login a 503 page', async (t) => {
    const { server } = await startWithoutProvider(t)
    assertUnavailablePage(await createUserAgent().get(`${server.baseUrl}/auth/login`))
  })

  it('is used as soon as it is there, without a restart', async (t) => {
    const { server, auth, port } = await startWithoutProvider(t)
    const browser = createUserAgent()
    await browser.get(`${server.baseUrl}/auth/login`)
    await assert.rejects(auth.ready())
    await startProviderFor(t, [server], { port })
    await eventually(
      () => browser.get(`${server.baseUrl}/auth/login`),
      (page) => page.location !== undefined,
    )
    await signIn(browser, server)
    assert.equal((await askMe(browser, server)).status, 200)
    await auth.ready()
  })

  it('does not disturb the sessions there are', async (t) => {
    const { app, provider } = await startWorld(t)
    const browser = await signedIn(app)
    const before = await me(browser, app)
    const cookie = sessionCookie(browser, app)
    await provider.close()
    const server = await startServer(t)
    const auth = createAuth<Notes>({
      issuer: provider.issuer,
      clientId,
      clientSecret,
      baseUrl: server.baseUrl,
      secret,
      store: app.store,
      logger: silentLogger,
    })
    serveAuth(t, server, auth)
    const place = { ...app, baseUrl: server.baseUrl }
    for (let ask = 0; ask < 3; ask += 1) assert.equal((await me(browserWith(place, cookie), place)).id, before.id)
  })
})

type Fault = (request: IncomingMessage, response: ServerResponse) => 'handled' | void

describe('a provider that names itself otherwise than configured', () => {
  it('is not used: ready() rejects, and a login is an error page', async (t) => {
    const server = await startServer(t)
    const provider = await startProviderFor(t, [server])
    const auth = createAuth<Notes>({
      issuer: `${provider.issuer}/`,
      clientId,
      clientSecret,
      baseUrl: server.baseUrl,
      secret,
      logger: silentLogger,
    })
    serveAuth(t, server, auth)
    await assert.rejects(auth.ready(), { code: 'ERR_PROVIDER_RESPONSE' })
    const page = await createUserAgent().get(`${server.baseUrl}/auth/login`)
    assert.equal(page.status, 502)
  })
})

describe('a provider that fails later', () => {
  const faults: [what: string, fault: Fault][] = [
    ['answers 500', (_request, response) => (response.writeHead(500).end('oops'), 'handled')],
    ['answers 503', (_request, response) => (response.writeHead(503, { 'retry-after': '5' }).end(), 'handled')],
    [
      'answers with HTML',
      (_request, response) => (response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>'), 'handled'),
    ],
    [
      'answers half',
      (_request, response) => (
        response.writeHead(200, { 'content-length': '100' }).write('{'),
        response.destroy(),
        'handled'
      ),
    ],
    ['never answers', () => 'handled'],
    ['hangs up', (request) => (request.socket.destroy(), 'handled')],
  ]

  for (const [what, fault] of faults) {
    it(`${what} at the code exchange: an error page, no session, and the next login works`, async (t) => {
      let failing = false
      const { app } = await startWorld(t, {
        provider: {
          onRequest: (request, response) =>
            failing && request.method === 'POST' ? fault(request, response) : undefined,
        },
        options: { provider: { timeoutMs: 400 } },
      })
      const browser = createUserAgent()
      const callback = await reachCallback(browser, app)
      failing = true
      const page = await browser.get(callback)
      assert.ok(page.status === 502 || page.status === 503, `status ${page.status}`)
      assert.match(String(page.headers['content-type']), /text\/html/)
      assert.equal(browser.cookies(app.baseUrl).get('sallyport'), undefined)
      failing = false
      await signIn(browser, app)
      assert.equal((await me(browser, app)).sub, 'alice')
    })

    it(`${what} at discovery: a login is an error page, later it works`, async (t) => {
      const clock = manualClock({ startAt: Date.now() })
      let failing = true
      const { app } = await startWorld(t, {
        clock,
        provider: { onRequest: (request, response) => (failing ? fault(request, response) : undefined) },
        options: { provider: { timeoutMs: 200 } },
      })
      const browser = createUserAgent()
      const page = await ticking(clock, browser.get(`${app.baseUrl}/auth/login`))
      assert.ok(page.status === 502 || page.status === 503, `status ${page.status}`)
      failing = false
      await clock.advance(60_000)
      await ticking(clock, signIn(browser, app))
      assert.equal((await me(browser, app)).sub, 'alice')
    })
  }
})
