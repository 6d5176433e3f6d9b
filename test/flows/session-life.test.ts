import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { createAuth } from '../../src/index.ts'
import { manualClock } from '../../src/testing/manual-clock.ts'
import type { ManualClock } from '../../src/testing/manual-clock.ts'
import { clientId, secret, silentLogger, startWorld, storeKinds } from '../support/app.ts'
import type { World, WorldPlan } from '../support/app.ts'
import { countingStore } from '../support/counting-store.ts'
import type { CountingStore } from '../support/counting-store.ts'
import { askMe, me, sessionCookie, setCookies, signedIn } from '../support/sign-in.ts'

const minutes = (count: number): number => count * 60_000

async function startTimed(t: TestContext, plan: WorldPlan = {}): Promise<World & { clock: ManualClock }> {
  const clock = manualClock({ startAt: Date.now() })
  // Tokens that outlast every test: a refresh under way would see the clock jump.
  return { ...(await startWorld(t, { clock, provider: { accessTokenTtlSec: 604_800 }, ...plan })), clock }
}

async function startCounted(
  t: TestContext,
  plan: WorldPlan = {},
): Promise<World & { clock: ManualClock; counting: CountingStore }> {
  let counting: CountingStore | undefined
  const world = await startTimed(t, { ...plan, wrap: (store) => (counting = countingStore(store)).store })
  return { ...world, counting: counting! }
}

for (const enableL1 of [true, false]) {
  describe(`the life of a session, L1 ${enableL1 ? 'on' : 'off'}`, () => {
    const cache = { enableL1 }

    it('ends after the idle timeout without use', async (t) => {
      const { app, clock } = await startTimed(t, { options: { cache } })
      const browser = await signedIn(app)
      await clock.advance(minutes(29))
      assert.equal((await askMe(browser, app)).status, 200)
      await clock.advance(minutes(30) + 1_000)
      assert.equal((await askMe(browser, app)).status, 401)
    })

    it('goes on while it is used', async (t) => {
      const { app, clock } = await startTimed(t, { options: { cache } })
      const browser = await signedIn(app)
      for (let use = 0; use < 6; use += 1) {
        await clock.advance(minutes(20))
        assert.equal((await askMe(browser, app)).status, 200, `after ${(use + 1) * 20} minutes`)
      }
    })

    it('ends after the absolute lifetime however much it is used', async (t) => {
      const { app, clock } = await startTimed(t, { options: { cache, session: { absoluteLifetimeSec: 3_600 } } })
      const browser = await signedIn(app)
      for (const at of [20, 40, 59]) {
        await clock.advance(minutes(at === 59 ? 19 : 20))
        assert.equal((await askMe(browser, app)).status, 200, `after ${at} minutes`)
      }
      await clock.advance(minutes(1) + 1_000)
      assert.equal((await askMe(browser, app)).status, 401)
    })

    it('does not come back: an ended session stays ended', async (t) => {
      const { app, clock } = await startTimed(t, { options: { cache } })
      const browser = await signedIn(app)
      await clock.advance(minutes(31))
      for (let ask = 0; ask < 3; ask += 1) {
        assert.equal((await askMe(browser, app)).status, 401)
        await clock.advance(1_000)
      }
      assert.deepEqual(await app.auth.sessions.list({ subject: 'alice' }), [])
    })

    it('ending leaves the cookie alone', async (t) => {
      const { app, clock } = await startTimed(t, { options: { cache } })
      const browser = await signedIn(app)
      await clock.advance(minutes(31))
      assert.deepEqual(setCookies(await askMe(browser, app)), [])
    })
  })
}

describe('the deadlines a session tells', () => {
  it('are its creation and last use plus the configured times', async (t) => {
    const { app, clock } = await startTimed(t, {
      options: { session: { idleTimeoutSec: 600, absoluteLifetimeSec: 3_600 } },
    })
    const startedAt = clock.wall()
    const browser = await signedIn(app)
    const shown = await me(browser, app)
    assert.equal(shown.createdAt, startedAt)
    assert.equal(shown.absoluteExpiresAt, startedAt + 3_600_000)
    assert.equal(shown.idleExpiresAt, startedAt + 600_000)
  })

  it('move on with use, and the idle one never beyond the absolute one', async (t) => {
    const { app, clock } = await startTimed(t, {
      options: { session: { idleTimeoutSec: 600, absoluteLifetimeSec: 1_500 } },
    })
    const browser = await signedIn(app)
    const first = await me(browser, app)
    for (let use = 0; use < 3; use += 1) {
      await clock.advance(minutes(8) - 1_000)
      await askMe(browser, app)
      await clock.advance(1_000)
    }
    const later = await me(browser, app)
    assert.ok(later.lastSeenAt > first.lastSeenAt)
    assert.equal(later.absoluteExpiresAt, first.absoluteExpiresAt)
    assert.equal(later.idleExpiresAt, first.absoluteExpiresAt)
  })
})

describe('store operations', () => {
  for (const store of storeKinds) {
    it(`are one read per request with L1 off, in ${store}`, async (t) => {
      const { app, counting } = await startCounted(t, { store, options: { cache: { enableL1: false } } })
      const browser = await signedIn(app)
      await askMe(browser, app)
      counting.reset()
      for (let ask = 0; ask < 5; ask += 1) assert.equal((await askMe(browser, app)).status, 200)
      assert.deepEqual([counting.count('read'), counting.requestOperations()], [5, 5])
    })

    it(`are none for read-only requests of a warm session, in ${store}`, async (t) => {
      const { app, clock, counting } = await startCounted(t, { store })
      const browser = await signedIn(app)
      await askMe(browser, app)
      await clock.advance(0)
      await askMe(browser, app)
      counting.reset()
      for (let ask = 0; ask < 50; ask += 1) assert.equal((await askMe(browser, app)).status, 200)
      assert.equal(counting.requestOperations(), 0)
    })
  }

  it('extend a session at most once per quarter of the idle timeout', async (t) => {
    const { app, clock, counting } = await startCounted(t, { options: { session: { idleTimeoutSec: 400 } } })
    const browser = await signedIn(app)
    counting.reset()
    for (let second = 0; second < 1_000; second += 20) {
      await clock.advance(20_000)
      assert.equal((await askMe(browser, app)).status, 200)
    }
    const extensions = counting.count('extend')
    assert.ok(extensions >= 3 && extensions <= 10, `${extensions} extensions in ten quarters`)
  })

  it('are one read for a hundred requests that miss the same session at once', async (t) => {
    const { app, provider, counting } = await startCounted(t)
    const browser = await signedIn(app)
    const cookie = `sallyport=${sessionCookie(browser, app)}`
    const cold = createAuth({
      issuer: provider.issuer,
      clientId,
      baseUrl: app.baseUrl,
      secret,
      store: counting.store,
      logger: silentLogger,
    })
    t.after(() => cold.close())
    counting.reset()
    const answers = await Promise.all(Array.from({ length: 100 }, async () => cold.authenticate(cookie)))
    assert.ok(answers.every((session) => session?.claims.sub === 'alice'))
    assert.equal(counting.count('read'), 1)
  })
})
