import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { manualClock } from '../../src/testing/manual-clock.ts'
import type { ManualClock } from '../../src/testing/manual-clock.ts'
import { startWorld } from '../support/app.ts'
import type { World, WorldPlan } from '../support/app.ts'
import { countingStore } from '../support/counting-store.ts'
import type { CountingStore } from '../support/counting-store.ts'
import { ticking } from '../support/eventually.ts'
import { createUserAgent } from '../support/user-agent.ts'
import type { UserAgent } from '../support/user-agent.ts'
import { askMe, me, reachCallback, script, signedIn } from '../support/sign-in.ts'

const hour = 3_600_000

interface Started extends World {
  clock: ManualClock
  counting: CountingStore
  browser: UserAgent
}

/** A warm session; the store lives by the same clock, as one on the same machine does. */
async function start(t: TestContext, plan: WorldPlan = {}): Promise<Started> {
  const clock = manualClock({ startAt: Date.now() })
  let counting: CountingStore | undefined
  const world = await startWorld(t, {
    clock,
    wrap: (store) => (counting = countingStore(store)).store,
    provider: { accessTokenTtlSec: 86_400 },
    options: { session: { idleTimeoutSec: 5 * 3_600, absoluteLifetimeSec: 8 * 3_600 } },
    ...plan,
  })
  const browser = await signedIn(world.app)
  assert.equal((await askMe(browser, world.app)).status, 200)
  await clock.advance(0)
  return { ...world, clock, counting: counting!, browser }
}

for (const [what, step] of [
  ['forward by an hour', hour],
  ['back by an hour', -hour],
] as const) {
  describe(`the wall clock set ${what}`, () => {
    it('ends no session whose deadline is further away', async (t) => {
      const { app, clock, browser } = await start(t)
      const before = await me(browser, app)
      clock.stepWall(step)
      assert.equal((await me(browser, app)).id, before.id)
      await clock.advance(2_000)
      assert.equal((await me(browser, app)).id, before.id)
    })

    it('makes no answer fail: pages, changes, sign-in and sign-out work as before', async (t) => {
      const { app, clock, browser } = await start(t)
      clock.stepWall(step)
      assert.equal((await browser.post(`${app.baseUrl}/note`, { text: 'x' }, script)).status, 200)
      assert.equal((await browser.get(`${app.baseUrl}/auth/session`, script)).status, 200)
      assert.equal((await ticking(clock, browser.get(`${app.baseUrl}/token`, script))).status, 200)
      const second = await ticking(clock, signedIn(app, 'bob'))
      assert.equal((await me(second, app)).sub, 'bob')
      assert.ok((await browser.post(`${app.baseUrl}/auth/logout`, {})).status < 400)
      assert.equal((await askMe(browser, app)).status, 401)
    })

    it('lets a sign-in that is under way end well', async (t) => {
      const { app, clock } = await start(t)
      const browser = createUserAgent()
      const callback = await reachCallback(browser, app)
      clock.stepWall(step)
      await ticking(clock, browser.followRedirects(callback))
      assert.equal((await me(browser, app)).sub, 'alice')
    })

    it('does not switch L1 off for good: soon warm requests cost no store operation again', async (t) => {
      const { app, clock, counting, browser } = await start(t)
      clock.stepWall(step)
      await askMe(browser, app)
      await clock.advance(1_000)
      await askMe(browser, app)
      await clock.advance(500)
      await askMe(browser, app)
      counting.reset()
      for (let ask = 0; ask < 20; ask += 1) assert.equal((await askMe(browser, app)).status, 200)
      assert.equal(counting.requestOperations(), 0)
      assert.equal((await app.auth.health()).lease, 'held')
    })

    it('lets no session live beyond its deadline by that clock', async (t) => {
      const { app, clock, browser } = await start(t)
      const { absoluteExpiresAt } = await me(browser, app)
      clock.stepWall(step)
      while (clock.wall() < absoluteExpiresAt - hour) {
        await clock.advance(hour)
        await askMe(browser, app)
      }
      await clock.advance(absoluteExpiresAt - clock.wall() + 1_000)
      assert.equal((await askMe(browser, app)).status, 401)
    })

    it('does not keep a revoked session alive', async (t) => {
      const { app, clock, browser } = await start(t)
      clock.stepWall(step)
      await app.auth.sessions.revokeAll({ subject: 'alice' })
      clock.stepWall(-step)
      assert.equal((await askMe(browser, app)).status, 401)
      await clock.advance(2_000)
      assert.equal((await askMe(browser, app)).status, 401)
    })
  })
}

describe('the wall clock set forward past a deadline', () => {
  it('ends the session at once, also in memory', async (t) => {
    const { app, clock, browser } = await start(t)
    clock.stepWall(9 * hour)
    assert.equal((await askMe(browser, app)).status, 401)
  })

  it('and back again crashes nothing', async (t) => {
    const { app, clock, browser } = await start(t)
    clock.stepWall(9 * hour)
    await askMe(browser, app)
    clock.stepWall(-9 * hour)
    const page = await askMe(browser, app)
    assert.ok(page.status === 200 || page.status === 401, `status ${page.status}`)
  })
})
