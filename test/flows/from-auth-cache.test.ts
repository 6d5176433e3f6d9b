import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { fromAuthCache, TwoTierAuthCache } from '../../src/index.ts'
import type { AuthSession } from '../../src/index.ts'
import { manualClock } from '../../src/testing/manual-clock.ts'
import type { ManualClock } from '../../src/testing/manual-clock.ts'
import { secret, silentLogger, startWorld } from '../support/app.ts'
import type { App, World, WorldPlan } from '../support/app.ts'
import { ticking } from '../support/eventually.ts'
import { mapAuthCache } from '../support/map-auth-cache.ts'
import type { MapAuthCache } from '../support/map-auth-cache.ts'
import { askMe, directRequest, me, script, sessionCookie, signedIn } from '../support/sign-in.ts'
import type { UserAgent } from '../support/user-agent.ts'

const minutes = (count: number): number => count * 60_000

interface Plain extends World {
  clock: ManualClock
  mine: MapAuthCache
  browser: UserAgent
  /** How often the cache was asked for something since the last time this was asked. */
  asked: (operation?: string) => number
}

/** Two instances, each with a store object of its own over one plain cache, and a browser that is signed in. */
async function start(t: TestContext, plan: WorldPlan = {}): Promise<Plain> {
  const clock = manualClock({ startAt: Date.now() })
  const mine = mapAuthCache(clock)
  const world = await startWorld(t, {
    clock,
    instances: 2,
    // Tokens that outlast every test: a refresh under way would see the clock jump.
    provider: { accessTokenTtlSec: 604_800 },
    ...plan,
    wrap: () => fromAuthCache(mine, { clock }),
  })
  const browser = await signedIn(world.app)
  const asked = (operation = ''): number => mine.asked.splice(0).filter((line) => line.startsWith(operation)).length
  return { ...world, clock, mine, browser, asked }
}

const note = (browser: UserAgent, app: App, text: string): Promise<unknown> =>
  browser.post(`${app.baseUrl}/note`, { text }, script)

const cookieOf = ({ browser, app }: Plain): string => `sallyport=${sessionCookie(browser, app)}`

describe('createAuth over a plain cache', () => {
  it('signs in, and every instance knows the session', async (t) => {
    const { app, other, browser } = await start(t)
    assert.equal((await me(browser, app)).sub, 'alice')
    assert.equal((await me(browser, other)).id, (await me(browser, app)).id)
  })

  it('gives it hashed keys and sealed texts only', async (t) => {
    const world = await start(t)
    await note(world.browser, world.app, 'a private note')
    const { mine, app, browser } = world
    const seen = JSON.stringify([mine.asked, [...mine.sessions], [...mine.verifiers]])
    const text = [...mine.sessions.values()][0]!.text
    const decoded = seen + Buffer.from(text.split('.').at(-1)!, 'base64url').toString('latin1')
    const [, , token, mac] = sessionCookie(browser, app).split('.')
    for (const secretText of ['alice', 'private', 'access', token!, mac!]) assert.ok(!decoded.includes(secretText))
  })

  it('leaves no code verifier behind', async (t) => {
    const { mine } = await start(t)
    assert.equal(mine.verifiers.size, 0)
  })

  it('shows a change to the one who made it on the very next request, wherever that goes', async (t) => {
    const { app, other, browser } = await start(t)
    const expected: string[] = []
    for (let turn = 0; turn < 6; turn += 1) {
      const [writer, reader] = turn % 2 === 0 ? [app, other] : [other, app]
      expected.push(`note ${turn}`)
      await note(browser, writer, `note ${turn}`)
      assert.deepEqual((await me(browser, reader)).notes, expected)
    }
  })

  it('shows a change to others of the same session within maxStalenessMs', async (t) => {
    const world = await start(t)
    const { app, other, browser, clock } = world
    const cookie = cookieOf(world)
    await other.auth.authenticate(cookie)
    await note(browser, app, 'news')
    await clock.advance(1_000)
    assert.deepEqual((await other.auth.authenticate(cookie))?.data.notes, ['news'])
  })

  it('answers from memory for maxStalenessMs after a read, and not longer', async (t) => {
    const world = await start(t)
    const { app, clock, asked } = world
    await clock.advance(1_000)
    await app.auth.authenticate(cookieOf(world))
    asked()
    await clock.advance(999)
    await app.auth.authenticate(cookieOf(world))
    assert.equal(asked(), 0)
    await clock.advance(1)
    await app.auth.authenticate(cookieOf(world))
    assert.equal(asked(), 1)
  })

  it('asks the cache for nothing while nobody asks', async (t) => {
    const { clock, asked } = await start(t)
    asked()
    await clock.advance(minutes(10))
    assert.equal(asked(), 0)
  })

  it('refreshes an expired access token once for many requests, and the other instance sees the new one', async (t) => {
    const { app, other, browser, clock, provider } = await start(t, { provider: { accessTokenTtlSec: 300 } })
    const token = async (at: App): Promise<string> => {
      const page = await ticking(clock, browser.get(`${at.baseUrl}/token`, script))
      return (JSON.parse(page.text) as { accessToken: string }).accessToken
    }
    const before = await token(app)
    await clock.advance(301_000)
    const [first, second] = await Promise.all([token(app), token(app)])
    assert.notEqual(first, before)
    assert.deepEqual([second, await token(other)], [first, first])
    assert.equal(provider.stats().refreshGrants, 1)
  })
})

describe('the end of a session over a plain cache', () => {
  const endings: [what: string, end: (world: Plain) => Promise<unknown>][] = [
    ['sessions.revoke', async ({ app, browser }) => app.auth.sessions.revoke((await me(browser, app)).id)],
    ['a logout', ({ app, browser }) => browser.post(`${app.baseUrl}/auth/logout`, {})],
    ['session.revoke', ({ app, browser }) => browser.post(`${app.baseUrl}/end`, {}, script)],
  ]
  for (const [what, end] of endings) {
    it(`${what} at one instance is seen at the other within maxStalenessMs`, async (t) => {
      const world = await start(t)
      const cookie = cookieOf(world)
      for (const { auth } of world.apps) assert.ok(await auth.authenticate(cookie))
      await end(world)
      assert.equal(await world.app.auth.authenticate(cookie), undefined)
      await world.clock.advance(1_000)
      assert.equal(await world.other.auth.authenticate(cookie), undefined)
      assert.equal(world.mine.sessions.size, 0)
    })
  }

  it('comes at the idle timeout if nobody uses it', async (t) => {
    const world = await start(t)
    await world.clock.advance(minutes(30) + 1_000)
    assert.equal(await world.app.auth.authenticate(cookieOf(world)), undefined)
  })

  it('does not come while it is used, at any instance', async (t) => {
    const world = await start(t)
    for (let use = 0; use < 6; use += 1) {
      await world.clock.advance(minutes(20))
      assert.ok(await world.apps[use % 2]!.auth.authenticate(cookieOf(world)), `after ${(use + 1) * 20} minutes`)
      await world.clock.advance(0)
    }
  })

  it('comes at the absolute lifetime, however long the cache would keep it', async (t) => {
    const world = await start(t, { options: { session: { absoluteLifetimeSec: 3_600 } } })
    const keepForEver = (): void => world.mine.sessions.forEach((kept) => (kept.expiresAt = Infinity))
    for (let use = 0; use < 5; use += 1) {
      await world.clock.advance(minutes(10))
      assert.ok(await world.app.auth.authenticate(cookieOf(world)))
      await world.clock.advance(0)
      keepForEver()
    }
    await world.clock.advance(minutes(10))
    assert.equal(world.mine.sessions.size, 1)
    for (const { auth } of world.apps) assert.equal(await auth.authenticate(cookieOf(world)), undefined)
  })
})

describe('touches over a plain cache', () => {
  it('come once per quarter of the idle timeout and instance, though every second is a read', async (t) => {
    const world = await start(t)
    world.asked()
    let touches = 0
    for (let second = 0; second < 30 * 60; second += 10) {
      await world.clock.advance(10_000)
      await world.app.auth.authenticate(cookieOf(world))
      await world.clock.advance(0)
      touches += world.asked('extendAuthSession')
    }
    assert.ok(touches >= 3 && touches <= 4, `${touches} touches`)
  })

  it('show in lastSeenAt', async (t) => {
    const world = await start(t)
    const { app, clock } = world
    await clock.advance(minutes(8))
    await app.auth.authenticate(cookieOf(world))
    const usedAt = clock.wall()
    await clock.advance(minutes(2))
    assert.equal((await app.auth.authenticate(cookieOf(world)))?.lastSeenAt, usedAt)
  })
})

describe('what a plain cache cannot do', () => {
  it('is refused with a code of its own, and ends nothing', async (t) => {
    const world = await start(t)
    const { app, browser } = world
    const unsupported = { code: 'ERR_STORE_UNSUPPORTED', status: 501 }
    await assert.rejects(app.auth.sessions.list({ subject: 'alice' }), unsupported)
    await assert.rejects(app.auth.sessions.revokeAll({ subject: 'alice' }), unsupported)
    await assert.rejects(app.auth.sessions.revokeAll({ sid: 'sid' }), unsupported)
    assert.equal((await browser.post(`${app.baseUrl}/end-others`, {}, script)).status, 501)
    assert.equal((await askMe(browser, app)).status, 200)
  })
})

describe('a plain cache that does not answer', () => {
  async function askAfter(t: TestContext, break_: (world: Plain) => void): Promise<{ world: Plain; code: string }> {
    const world = await start(t)
    const cookie = cookieOf(world)
    break_(world)
    await world.clock.advance(1_000)
    const { reply } = await world.app.auth.guard(directRequest('/me', { cookie }), () =>
      assert.fail('a cookie was set'),
    )
    assert.equal(reply?.status, 503)
    return { world, code: (JSON.parse(reply.body) as { code: string }).code }
  }

  it('is 503, keeps the cookie, and is forgiven when it answers again', async (t) => {
    const { world, code } = await askAfter(t, ({ mine }) => {
      mine.around = () => Promise.reject(new Error('ECONNRESET'))
    })
    assert.equal(code, 'ERR_STORE_UNAVAILABLE')
    world.mine.around = () => {}
    await world.clock.advance(minutes(2))
    assert.equal((await askMe(world.browser, world.app)).status, 200)
  })

  it('is 503 by throwing, too', async (t) => {
    const { code } = await askAfter(t, ({ mine }) => {
      mine.getAuthSession = () => {
        throw new Error('no pool')
      }
    })
    assert.equal(code, 'ERR_STORE_UNAVAILABLE')
  })

  it('is 503 by answering what is no string, too', async (t) => {
    const { code } = await askAfter(t, ({ mine }) => {
      mine.getAuthSession = () => Promise.resolve(null as unknown as undefined)
    })
    assert.equal(code, 'ERR_STORE_CORRUPT')
  })

  it('shows in the health', async (t) => {
    const { app, mine } = await start(t)
    assert.equal((await app.auth.health()).store, 'up')
    mine.around = () => Promise.reject(new Error('ECONNRESET'))
    assert.equal((await app.auth.health()).store, 'down')
  })
})

describe('a plain cache after close', () => {
  it('is still its owner’s', async (t) => {
    const { app, mine } = await start(t)
    await app.auth.close()
    await mine.setAuthSession('own', 'text', 60)
    assert.equal(await mine.getAuthSession('own'), 'text')
  })
})

describe('TwoTierAuthCache over a plain cache', () => {
  const session: AuthSession = {
    accessToken: 'access-token-0123456789',
    tokenType: 'Bearer',
    claims: { sub: 'alice', iss: 'https://login.example' },
    data: { cart: ['apple'] },
  }

  function startTwo(t: TestContext): { clock: ManualClock; mine: MapAuthCache; caches: TwoTierAuthCache[] } {
    const clock = manualClock()
    const mine = mapAuthCache(clock)
    const caches = [1, 2].map(() => {
      const store = fromAuthCache(mine, { clock })
      return new TwoTierAuthCache({ store, secret, clock, logger: silentLogger, sessionTtlSec: 1_800 })
    })
    t.after(() => Promise.all(caches.map((cache) => cache.close())))
    return { clock, mine, caches }
  }

  it('does all seven operations', async (t) => {
    const { clock, mine, caches } = startTwo(t)
    const [one, other] = caches as [TwoTierAuthCache, TwoTierAuthCache]
    await one.setCodeVerifier('state', 'verifier')
    assert.equal(await other.getCodeVerifier('state'), 'verifier')
    await other.invalidateCodeVerifier('state')
    await clock.advance(1_000)
    assert.equal(await one.getCodeVerifier('state'), undefined)

    await one.setAuthSession('id', session)
    assert.deepEqual(await other.getAuthSession('id'), session)
    await one.setAuthSession('id', { ...session, accessToken: 'second' })
    await clock.advance(1_000)
    assert.equal((await other.getAuthSession('id'))?.accessToken, 'second')

    await other.extendAuthSession('id', 7_200)
    await clock.advance(minutes(100))
    assert.equal((await one.getAuthSession('id'))?.accessToken, 'second')
    await clock.advance(minutes(21))
    assert.equal(await one.getAuthSession('id'), undefined)

    await one.setAuthSession('id', session, 60)
    await one.invalidateAuthSession('id')
    await one.extendAuthSession('id', 60)
    await clock.advance(1_000)
    assert.deepEqual([await one.getAuthSession('id'), await other.getAuthSession('id')], [undefined, undefined])
    assert.equal(mine.sessions.size, 0)
  })

  it('shows neither id nor session to the cache', async (t) => {
    const { mine, caches } = startTwo(t)
    await caches[0]!.setAuthSession('the-very-id', session)
    const seen = JSON.stringify([mine.asked, [...mine.sessions]])
    for (const text of ['the-very-id', 'alice', 'apple', session.accessToken]) assert.ok(!seen.includes(text))
  })
})
