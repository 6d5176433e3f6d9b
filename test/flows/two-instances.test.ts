import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { manualClock } from '../../src/testing/manual-clock.ts'
import type { ManualClock } from '../../src/testing/manual-clock.ts'
import { startWorld, storeKinds } from '../support/app.ts'
import type { App, World, WorldPlan } from '../support/app.ts'
import { countingStore } from '../support/counting-store.ts'
import type { CountingStore } from '../support/counting-store.ts'
import { eventually } from '../support/eventually.ts'
import { failingStore } from '../support/failing-store.ts'
import type { FailingStore } from '../support/failing-store.ts'
import type { UserAgent } from '../support/user-agent.ts'
import { askMe, directRequest, me, script, sessionCookie, signedIn, signIn } from '../support/sign-in.ts'

const note = (browser: UserAgent, app: App, text: string): Promise<unknown> =>
  browser.post(`${app.baseUrl}/note`, { text }, script)

/** Two instances, and a browser whose session both hold in memory. */
async function startWarm(t: TestContext, plan: WorldPlan = {}): Promise<World & { browser: UserAgent }> {
  const world = await startWorld(t, { instances: 2, ...plan })
  const browser = await signedIn(world.app)
  for (const app of [world.app, world.other, world.app, world.other])
    assert.equal((await askMe(browser, app)).status, 200)
  return { ...world, browser }
}

async function startWarmAndTimed(
  t: TestContext,
  plan: WorldPlan = {},
): Promise<World & { browser: UserAgent; clock: ManualClock }> {
  const clock = manualClock({ startAt: Date.now() })
  const warm = await startWarm(t, { clock, ...plan })
  await clock.advance(0)
  return { ...warm, clock }
}

/** Forgets the version cookie, as a browser whose answer got lost never had it. */
function forgetAllButTheSession(browser: UserAgent, app: App): void {
  for (const name of browser.cookies(app.baseUrl).keys()) {
    if (name !== 'sallyport') browser.setCookie(app.baseUrl, name, undefined)
  }
}

for (const store of storeKinds) {
  describe(`two instances on one ${store} store`, () => {
    it('know the same session', async (t) => {
      const { app, other, browser } = await startWarm(t, { store })
      assert.equal((await me(browser, other)).id, (await me(browser, app)).id)
    })

    it('show a change to the one who made it on the very next request, wherever that goes', async (t) => {
      const { app, other, browser } = await startWarm(t, { store })
      const expected: string[] = []
      for (let turn = 0; turn < 10; turn += 1) {
        const [writer, reader] = turn % 2 === 0 ? [app, other] : [other, app]
        expected.push(`note ${turn}`)
        await note(browser, writer, `note ${turn}`)
        assert.deepEqual((await me(browser, reader)).notes, expected)
      }
    })

    it('tell the version in a small cookie that scripts cannot read and that soon ends', async (t) => {
      const { app, browser } = await startWarm(t, { store })
      const page = await browser.post(`${app.baseUrl}/note`, { text: 'x' }, script)
      const others = (page.headers['set-cookie'] ?? []).filter((text) => !text.startsWith('sallyport='))
      assert.equal(others.length, 1)
      assert.ok(others[0]!.length < 200)
      assert.match(others[0]!, /; *httponly/i)
      const maxAge = Number(/max-age=(\d+)/i.exec(others[0]!)?.[1])
      assert.ok(maxAge >= 1 && maxAge <= 10, `Max-Age ${maxAge}`)
    })

    it('take no harm from a forged version cookie, which costs no store operation', async (t) => {
      let counting: CountingStore | undefined
      const { app, other, browser, clock } = await startWarmAndTimed(t, {
        store,
        wrap: (inner, instance) => (instance === 1 ? (counting = countingStore(inner)).store : inner),
      })
      const before = browser.cookies(app.baseUrl)
      await note(browser, app, 'x')
      const name = [...browser.cookies(app.baseUrl).keys()].find((candidate) => !before.has(candidate))
      assert.ok(name !== undefined, 'no version cookie')
      const genuine = browser.cookies(app.baseUrl).get(name)!
      await askMe(browser, other)
      await clock.advance(0)
      await askMe(browser, other)
      counting!.reset()
      const higher = genuine.replace(/\d+/, (version) => String(Number(version) + 1))
      for (const forged of [
        '',
        '1',
        '999999999',
        '9.',
        '.x',
        '999999999.x',
        'a'.repeat(4_000),
        `${genuine}x`,
        higher,
      ]) {
        browser.setCookie(app.baseUrl, name, forged)
        assert.equal((await askMe(browser, other)).status, 200, forged.slice(0, 20))
      }
      assert.equal(counting!.requestOperations(), 0)
    })

    it('show a change to others of the same session within maxStalenessMs', async (t) => {
      const { app, other, browser, clock } = await startWarmAndTimed(t, { store })
      await note(browser, app, 'news')
      forgetAllButTheSession(browser, app)
      if (store === 'sqlite') assert.deepEqual((await me(browser, other)).notes, [], 'memory was not asked at all')
      await clock.advance(1_000)
      assert.deepEqual((await me(browser, other)).notes, ['news'])
    })

    it('a version told about an earlier session costs a later one nothing', async (t) => {
      let counting: CountingStore | undefined
      const { app, other, browser, clock } = await startWarmAndTimed(t, {
        store,
        wrap: (inner, instance) => (instance === 1 ? (counting = countingStore(inner)).store : inner),
      })
      for (const text of ['one', 'two', 'three']) await note(browser, app, text)
      await signIn(browser, app)
      await clock.advance(0)
      for (let ask = 0; ask < 2; ask += 1) assert.deepEqual((await me(browser, other)).notes, [])
      counting!.reset()
      for (let ask = 0; ask < 5; ask += 1) assert.equal((await askMe(browser, other)).status, 200)
      assert.equal(counting!.requestOperations(), 0)
    })

    it('a session used at one only does not fall idle at the other', async (t) => {
      const { app, other, browser, clock } = await startWarmAndTimed(t, {
        store,
        provider: { accessTokenTtlSec: 604_800 },
      })
      for (let use = 0; use < 6; use += 1) {
        await clock.advance(10 * 60_000)
        assert.equal((await askMe(browser, app)).status, 200)
      }
      assert.equal((await askMe(browser, other)).status, 200)
    })

    it('both keep what is written at both at once', async (t) => {
      const { app, other, browser } = await startWarm(t, { store })
      const texts = Array.from({ length: 8 }, (_, i) => `note ${i}`)
      await Promise.all(texts.map((text, i) => note(browser, i % 2 === 0 ? app : other, text)))
      await eventually(
        () => me(browser, app),
        ({ notes }) => notes.length === texts.length,
      )
      assert.deepEqual((await me(browser, app)).notes.toSorted(), texts)
    })

    const endings: [what: string, end: (world: World & { browser: UserAgent }) => Promise<unknown>][] = [
      ['revoke', async ({ app, browser }) => app.auth.sessions.revoke((await me(browser, app)).id)],
      ['revokeAll', ({ app }) => app.auth.sessions.revokeAll({ subject: 'alice' })],
      ['a logout', ({ app, browser }) => browser.post(`${app.baseUrl}/auth/logout`, {})],
      ['session.revoke', ({ app, browser }) => browser.post(`${app.baseUrl}/end`, {}, script)],
    ]
    for (const [what, end] of endings) {
      it(`${what} at one ends it at the other within maxStalenessMs`, async (t) => {
        const world = await startWarmAndTimed(t, { store, options: { cache: { maxStalenessMs: 1_000 } } })
        const cookie = `sallyport=${sessionCookie(world.browser, world.app)}`
        assert.ok(world.apps.every(({ auth }) => auth.cache.stats().answers.l1 > 0))
        await end(world)
        await world.clock.advance(1_000)
        for (const { auth } of world.apps) assert.equal(await auth.authenticate(cookie), undefined)
      })
    }

    it('a session ended at one is refused there at once', async (t) => {
      const { app, browser } = await startWarmAndTimed(t, { store })
      await app.auth.sessions.revokeAll({ subject: 'alice' })
      assert.equal((await askMe(browser, app)).status, 401)
    })

    it('in real time: the other refuses after a bounded number of tries, and then for good', async (t) => {
      const { app, other, browser } = await startWarm(t, { store, options: { cache: { maxStalenessMs: 200 } } })
      await app.auth.sessions.revokeAll({ subject: 'alice' })
      await eventually(
        () => askMe(browser, other),
        (page) => page.status === 401,
      )
      for (let again = 0; again < 5; again += 1) assert.equal((await askMe(browser, other)).status, 401)
    })

    it('a sign-in at one replaces the session the browser had at the other', async (t) => {
      const { app, other, browser, clock } = await startWarmAndTimed(t, { store })
      const old = `sallyport=${sessionCookie(browser, app)}`
      const login = await browser.get(`${other.baseUrl}/auth/login`)
      await browser.get(await browser.signInAtProvider(login.location!, { user: 'alice' }))
      await clock.advance(1_000)
      for (const { auth } of [app, other]) assert.equal(await auth.authenticate(old), undefined)
      assert.equal((await askMe(browser, app)).status, 200)
    })
  })
}

describe('an instance that cannot reach the store', () => {
  async function startCutOff(
    t: TestContext,
    way: 'throwAlways' | 'hangAlways',
  ): Promise<{ answer: () => Promise<number | undefined>; clock: ManualClock; app: App; browser: UserAgent }> {
    let ailing: FailingStore | undefined
    const world = await startWarmAndTimed(t, {
      store: 'sqlite',
      wrap: (inner, instance) => (instance === 1 ? (ailing = failingStore(inner)).store : inner),
    })
    const { other, browser, clock, app } = world
    ailing![way]()
    const cookie = `sallyport=${sessionCookie(browser, app)}`
    async function answer(): Promise<number | undefined> {
      let status: number | undefined
      const asked = Promise.resolve(other.auth.guard(directRequest('/me', { cookie }), () => {})).then((given) => {
        status = given.reply === undefined ? 200 : given.reply.status
      })
      await clock.advance(0)
      if (status === undefined) await clock.advance(1_000)
      await asked
      return status
    }
    return { answer, clock, app, browser }
  }

  for (const way of ['throwAlways', 'hangAlways'] as const) {
    it(`answers from memory for maxStalenessMs at most, then 503 (${way})`, async (t) => {
      const { answer, clock, app } = await startCutOff(t, way)
      assert.equal(await answer(), 200)
      await app.auth.sessions.revokeAll({ subject: 'alice' })
      await clock.advance(1_000)
      assert.equal(await answer(), 503)
    })
  }
})
