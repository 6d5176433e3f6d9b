import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { manualClock } from '../../src/testing/manual-clock.ts'
import type { ManualClock } from '../../src/testing/manual-clock.ts'
import { startWorld } from '../support/app.ts'
import type { App, World, WorldPlan } from '../support/app.ts'
import { eventually, ticking } from '../support/eventually.ts'
import { failingStore } from '../support/failing-store.ts'
import type { FailingStore } from '../support/failing-store.ts'
import type { UserAgent } from '../support/user-agent.ts'
import { askMe, me, script, sessionCookie, signedIn } from '../support/sign-in.ts'

const lifetimeMs = 300_000

interface Started extends World {
  clock: ManualClock
  browser: UserAgent
  line: TokenLine
}

/** The wire to the token endpoint: refreshes over it can be answered by the test, or held back. */
interface TokenLine {
  /** Answers refreshes instead of the provider; `undefined` lets them through. */
  answer: ((form: URLSearchParams) => Response | Promise<Response> | undefined) | undefined
  /** Changes what the provider answered to any grant. */
  change: ((answer: Record<string, unknown>) => Record<string, unknown>) | undefined
  refreshes: number
}

function tokenLine(): { line: TokenLine; fetch: typeof globalThis.fetch } {
  const line: TokenLine = { answer: undefined, change: undefined, refreshes: 0 }
  const through: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init)
    const body = request.method === 'POST' ? await request.clone().text() : ''
    if (body.includes('grant_type=refresh_token')) {
      line.refreshes += 1
      const answer = line.answer?.(new URLSearchParams(body))
      if (answer !== undefined) return answer
    }
    const reply = await fetch(request)
    if (line.change === undefined || !body.includes('grant_type=')) return reply
    return Response.json(line.change((await reply.json()) as Record<string, unknown>), { status: reply.status })
  }
  return { line, fetch: through }
}

const refused = (status: number, body: object, headers: Record<string, string> = {}): Response =>
  Response.json(body, { status, headers })

async function start(
  t: TestContext,
  plan: WorldPlan = {},
  prepare: (line: TokenLine) => void = () => {},
): Promise<Started> {
  const clock = manualClock({ startAt: Date.now() })
  const { line, fetch } = tokenLine()
  prepare(line)
  const world = await startWorld(t, {
    clock,
    provider: { accessTokenTtlSec: lifetimeMs / 1_000 },
    ...plan,
    options: { ...plan.options, fetch },
  })
  const browser = await signedIn(world.app)
  return { ...world, clock, browser, line }
}

interface Tokens {
  status: number
  accessToken?: string
  idToken?: string
  code?: string
}

async function askTokens({ clock, browser }: Started, app: App): Promise<Tokens> {
  const page = await ticking(clock, browser.get(`${app.baseUrl}/token`, script))
  return { status: page.status, ...(JSON.parse(page.text) as object) }
}

describe('an access token', () => {
  it('is the one of the sign-in as long as it is good', async (t) => {
    const world = await start(t)
    const first = await askTokens(world, world.app)
    await world.clock.advance(lifetimeMs / 2)
    assert.equal((await askTokens(world, world.app)).accessToken, first.accessToken)
    assert.equal(world.provider.stats().refreshGrants, 0)
  })

  it('is refreshed once it expired', async (t) => {
    const world = await start(t)
    const first = await askTokens(world, world.app)
    await world.clock.advance(lifetimeMs + 1_000)
    const second = await askTokens(world, world.app)
    assert.equal(second.status, 200)
    assert.notEqual(second.accessToken, first.accessToken)
    const session = await me(world.browser, world.app)
    assert.equal(session.refreshCount, 1)
    assert.ok(session.accessTokenExpiresAt! > world.clock.wall())
  })

  it('is refreshed again and again, with the refresh token of the time before', async (t) => {
    const world = await start(t)
    const seen = new Set<string | undefined>()
    for (let turn = 0; turn < 4; turn += 1) {
      seen.add((await askTokens(world, world.app)).accessToken)
      await world.clock.advance(lifetimeMs + 1_000)
    }
    assert.equal(seen.size, 4)
    assert.deepEqual([world.provider.stats().refreshGrants, world.provider.stats().refreshGrantsRefused], [3, 0])
  })

  it('keeps the session as it was: same id, same data, same cookie', async (t) => {
    const world = await start(t)
    await world.browser.post(`${world.app.baseUrl}/note`, { text: 'mine' }, script)
    const before = await me(world.browser, world.app)
    const cookie = sessionCookie(world.browser, world.app)
    await world.clock.advance(lifetimeMs + 1_000)
    await askTokens(world, world.app)
    const after = await me(world.browser, world.app)
    assert.deepEqual([after.id, after.notes, after.createdAt], [before.id, ['mine'], before.createdAt])
    assert.equal(sessionCookie(world.browser, world.app), cookie)
  })

  it('is refreshed with the old refresh token again if no new one came', async (t) => {
    const world = await start(t)
    const sent: (string | null)[] = []
    world.line.answer = (form) => {
      sent.push(form.get('refresh_token'))
      return Response.json({ access_token: `made-up-${sent.length}`, token_type: 'Bearer', expires_in: 300 })
    }
    for (const accessToken of ['made-up-1', 'made-up-2']) {
      await world.clock.advance(lifetimeMs + 1_000)
      assert.equal((await askTokens(world, world.app)).accessToken, accessToken)
    }
    assert.equal(sent.length, 2)
    assert.ok(sent[0] !== null && sent[0] === sent[1])
  })

  it('tells the onRefresh hook', async (t) => {
    const told: string[] = []
    const world = await start(t, {
      options: {
        hooks: { onSignIn: () => ({ data: { notes: [] } }), onRefresh: (claims) => void told.push(claims.sub) },
      },
    })
    await world.clock.advance(lifetimeMs + 1_000)
    await askTokens(world, world.app)
    await eventually(
      () => told.length,
      (count) => count > 0,
    )
    assert.deepEqual(told, ['alice'])
  })
})

describe('an early refresh', () => {
  it('happens in the background of a guarded request, which does not wait for it', async (t) => {
    const world = await start(t)
    let release = (): void => {}
    const held = new Promise<void>((resolve) => (release = resolve))
    world.line.answer = () => held.then(() => refused(503, {}))
    await world.clock.advance(lifetimeMs * 0.97)
    for (let ask = 0; ask < 3; ask += 1) assert.equal((await askMe(world.browser, world.app)).status, 200)
    await eventually(
      () => world.line.refreshes,
      (count) => count === 1,
    )
    assert.equal((await askMe(world.browser, world.app)).status, 200)
    release()
  })

  it('lets everybody use the valid token meanwhile', async (t) => {
    const world = await start(t)
    const first = await askTokens(world, world.app)
    let release = (): void => {}
    const held = new Promise<void>((resolve) => (release = resolve))
    world.line.answer = () => held.then(() => refused(503, {}))
    await world.clock.advance(lifetimeMs * 0.97)
    assert.equal((await askTokens(world, world.app)).accessToken, first.accessToken)
    release()
  })
})

for (const [what, plan] of [
  ['one instance, memory', { store: 'memory' }],
  ['one instance, sqlite', { store: 'sqlite' }],
  ['two instances, memory', { store: 'memory', instances: 2 }],
  ['two instances, sqlite', { store: 'sqlite', instances: 2 }],
] as [string, WorldPlan][]) {
  it(`fifty calls for an expired token are one refresh: ${what}`, async (t) => {
    const world = await start(t, plan)
    for (const app of world.apps) assert.equal((await askMe(world.browser, app)).status, 200)
    await world.clock.advance(lifetimeMs + 1_000)
    const calls = Array.from({ length: 50 }, (_, i) => {
      const { baseUrl } = world.apps[i % world.apps.length]!
      return world.browser.get(`${baseUrl}/token`, script)
    })
    const pages = await ticking(world.clock, Promise.all(calls))
    assert.deepEqual(new Set(pages.map((page) => page.status)), new Set([200]))
    assert.equal(new Set(pages.map((page) => page.text)).size, 1)
    assert.deepEqual([world.provider.stats().refreshGrants, world.provider.stats().refreshGrantsRefused], [1, 0])
  })
}

describe('a refresh that fails', () => {
  const unavailable: [what: string, answer: () => Response | Promise<Response>][] = [
    ['500', () => refused(500, { error: 'server_error' })],
    ['503 with Retry-After', () => refused(503, {}, { 'retry-after': '7' })],
    ['429', () => refused(429, {}, { 'retry-after': '7' })],
    ['502 with a page of HTML', () => new Response('<h1>Bad gateway</h1>', { status: 502 })],
    [
      'refused connections',
      () => Promise.reject(Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNREFUSED' } })),
    ],
  ]
  for (const [what, answer] of unavailable) {
    it(`with ${what}: ERR_REFRESH_UNAVAILABLE, and the session stays`, async (t) => {
      const world = await start(t)
      world.line.answer = answer
      await world.clock.advance(lifetimeMs + 1_000)
      const tokens = await askTokens(world, world.app)
      assert.deepEqual([tokens.status, tokens.code], [503, 'ERR_REFRESH_UNAVAILABLE'])
      assert.equal((await askMe(world.browser, world.app)).status, 200)
      assert.equal(world.provider.stats().refreshGrants, 0)
    })

    it(`with ${what}: works again once the provider does`, async (t) => {
      const world = await start(t)
      world.line.answer = answer
      await world.clock.advance(lifetimeMs + 1_000)
      await askTokens(world, world.app)
      world.line.answer = undefined
      await world.clock.advance(120_000)
      assert.equal((await askTokens(world, world.app)).status, 200)
      assert.equal(world.provider.stats().refreshGrantsRefused, 0)
    })
  }

  it('is not sent again at once: the next attempt backs off', async (t) => {
    const world = await start(t)
    world.line.answer = () => refused(500, {})
    await world.clock.advance(lifetimeMs + 1_000)
    for (let ask = 0; ask < 5; ask += 1) {
      assert.equal((await askTokens(world, world.app)).code, 'ERR_REFRESH_UNAVAILABLE')
    }
    assert.equal(world.line.refreshes, 1)
  })

  it('is not sent again before the time the provider named', async (t) => {
    const world = await start(t)
    world.line.answer = () => refused(503, {}, { 'retry-after': '90' })
    await world.clock.advance(lifetimeMs + 1_000)
    await askTokens(world, world.app)
    world.line.answer = undefined
    await world.clock.advance(80_000)
    assert.equal((await askTokens(world, world.app)).code, 'ERR_REFRESH_UNAVAILABLE')
    assert.equal(world.line.refreshes, 1)
    await world.clock.advance(11_000)
    assert.equal((await askTokens(world, world.app)).status, 200)
  })

  it('in the background is not sent again with every request', async (t) => {
    const world = await start(t)
    world.line.answer = () => refused(503, {}, { 'retry-after': '90' })
    await world.clock.advance(lifetimeMs + 1_000)
    for (let ask = 0; ask < 5; ask += 1) {
      assert.equal((await ticking(world.clock, askMe(world.browser, world.app))).status, 200)
      await world.clock.advance(1_000)
    }
    assert.equal(world.line.refreshes, 1)
  })

  it('with invalid_grant ends the session, and says so to the hook', async (t) => {
    const reasons: string[] = []
    const world = await start(t, {
      options: {
        hooks: {
          onSignIn: () => ({ data: { notes: [] } }),
          onSignOut: (_claims, { reason }) => void reasons.push(reason),
        },
      },
    })
    world.line.answer = () => refused(400, { error: 'invalid_grant' })
    await world.clock.advance(lifetimeMs + 1_000)
    const tokens = await askTokens(world, world.app)
    assert.deepEqual([tokens.status, tokens.code], [401, 'ERR_SESSION_ENDED'])
    assert.equal((await askMe(world.browser, world.app)).status, 401)
    await eventually(
      () => reasons.length,
      (count) => count > 0,
    )
    assert.deepEqual(reasons, ['refused-by-provider'])
  })

  it('because there is no refresh token: ERR_LOGIN_REQUIRED, and the session stays', async (t) => {
    const world = await start(t, {}, (line) => {
      line.change = ({ refresh_token: _dropped, ...answer }) => answer
    })
    await world.clock.advance(lifetimeMs + 1_000)
    const tokens = await askTokens(world, world.app)
    assert.deepEqual([tokens.status, tokens.code], [401, 'ERR_LOGIN_REQUIRED'])
    assert.equal((await askMe(world.browser, world.app)).status, 200)
  })

  it('because the ID token it brought is of somebody else is not believed', async (t) => {
    const world = await start(t)
    const stranger = await signedIn(world.app, 'bob')
    const bobs = JSON.parse((await stranger.get(`${world.app.baseUrl}/token`, script)).text) as { idToken: string }
    world.line.change = (answer) => ({ ...answer, id_token: bobs.idToken })
    await world.clock.advance(lifetimeMs + 1_000)
    const tokens = await askTokens(world, world.app)
    assert.notEqual(tokens.status, 200)
    const after = await askMe(world.browser, world.app)
    assert.ok(after.status === 401 || (JSON.parse(after.text) as { sub: string }).sub === 'alice')
  })

  it('after a logout does not bring the session back', async (t) => {
    const world = await start(t)
    let release = (): void => {}
    const held = new Promise<void>((resolve) => (release = resolve))
    world.line.answer = () => held.then(() => refused(503, {}))
    await world.clock.advance(lifetimeMs + 1_000)
    const cookie = `sallyport=${sessionCookie(world.browser, world.app)}`
    const asking = askTokens(world, world.app)
    await eventually(
      () => world.line.refreshes,
      (count) => count === 1,
    )
    await world.app.auth.sessions.revokeAll({ subject: 'alice' })
    release()
    assert.notEqual((await asking).status, 200)
    assert.equal(await world.app.auth.authenticate(cookie), undefined)
    assert.deepEqual(await world.app.auth.sessions.list({ subject: 'alice' }), [])
  })

  it('without an answer is tried once more at most, then it takes a login', async (t) => {
    const world = await start(t, { options: { provider: { timeoutMs: 300 } } })
    world.line.answer = () => new Promise(() => {})
    await world.clock.advance(lifetimeMs + 1_000)
    let last: Tokens = { status: 0 }
    for (let ask = 0; ask < 4; ask += 1) {
      last = await askTokens(world, world.app)
      await world.clock.advance(120_000)
    }
    assert.equal(last.status, 401)
    assert.ok(world.line.refreshes <= 2, `${world.line.refreshes} requests`)
  })

  it('is not even tried while the store is down, for its result could not be kept', async (t) => {
    let ailing: FailingStore | undefined
    const world = await start(t, { wrap: (inner) => (ailing = failingStore(inner)).store })
    const session = await world.app.auth.authenticate(`sallyport=${sessionCookie(world.browser, world.app)}`)
    ailing!.throwAlways()
    await world.clock.advance(lifetimeMs + 1_000)
    await assert.rejects(ticking(world.clock, session!.accessToken()), { status: 503 })
    assert.equal(world.line.refreshes, 0)
  })
})
