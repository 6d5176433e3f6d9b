import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import type { Store } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { manualClock } from '../../src/testing/manual-clock.ts'
import type { ManualClock } from '../../src/testing/manual-clock.ts'
import { startWorld, storesOf } from '../support/app.ts'
import type { World, WorldPlan } from '../support/app.ts'
import { alteredStore, idsUpTo, readsToGet, sessionOf, setAll, startCache } from '../support/cached-sessions.ts'
import type { Started } from '../support/cached-sessions.ts'
import { failingStore, type FailingStore } from '../support/failing-store.ts'
import { heldStore } from '../support/held-store.ts'
import { askMe, directRequest, script, sessionCookie, signedIn } from '../support/sign-in.ts'
import { watch } from '../support/watch.ts'

type Sharing = 'one memory store' | 'one memory store, as of two processes' | 'one SQLite store' | 'one SQLite file'
const sharings: readonly Sharing[] = [
  'one memory store',
  'one memory store, as of two processes',
  'one SQLite store',
  'one SQLite file',
]

interface Pair {
  one: Started
  two: Started
  clock: ManualClock
}

/** Two instances that both hold the session `x` in memory. */
async function startPair(t: TestContext, sharing: Sharing, maxStalenessMs = 1_000): Promise<Pair> {
  const clock = manualClock()
  const makeStore = await storesOf(t, sharing.includes('memory') ? 'memory' : 'sqlite', clock)
  const plan = { clock, maxStalenessMs }
  const one = startCache(t, { store: makeStore(), ...plan })
  const isOneObject = sharing === 'one memory store' || sharing === 'one SQLite store'
  const two = startCache(t, isOneObject ? { counting: one.counting, ...plan } : { store: makeStore(), ...plan })
  await one.cache.setAuthSession('x', sessionOf('x'))
  for (const instance of [one, two, one, two]) await readsToGet(instance, 'x')
  for (const instance of [one, two]) assert.equal(await readsToGet(instance, 'x'), 0)
  return { one, two, clock }
}

for (const sharing of sharings) {
  describe(`two instances on ${sharing}`, () => {
    for (const maxStalenessMs of [100, 1_000, 60_000]) {
      it(`an invalidation is seen within ${maxStalenessMs} ms, by whoever keeps asking and by who asks then`, async (t) => {
        for (const asksBetween of [true, false]) {
          const { one, two, clock } = await startPair(t, sharing, maxStalenessMs)
          await one.cache.invalidateAuthSession('x')
          for (let step = 0; step < 10; step += 1) {
            await clock.advance(maxStalenessMs / 10)
            if (asksBetween && step < 9) await two.cache.getAuthSession('x')
          }
          for (let again = 0; again < 5; again += 1) {
            assert.equal(await two.cache.getAuthSession('x'), undefined)
            await clock.advance(maxStalenessMs)
          }
        }
      })
    }

    it('a replacement is seen within maxStalenessMs', async (t) => {
      const { one, two, clock } = await startPair(t, sharing)
      await one.cache.setAuthSession('x', sessionOf('x', { turn: 2 }))
      await clock.advance(1_000)
      assert.deepEqual(await two.cache.getAuthSession('x'), sessionOf('x', { turn: 2 }))
    })

    it('each reads what it wrote itself at once', async (t) => {
      const { one, two } = await startPair(t, sharing)
      for (const [turn, { cache }] of [one, two, one, two, two, one].entries()) {
        await cache.setAuthSession('x', sessionOf('x', { turn }))
        assert.deepEqual(await cache.getAuthSession('x'), sessionOf('x', { turn }))
        await cache.setCodeVerifier('state', `verifier ${turn}`)
        assert.equal(await cache.getCodeVerifier('state'), `verifier ${turn}`)
      }
      await two.cache.invalidateAuthSession('x')
      assert.equal(await two.cache.getAuthSession('x'), undefined)
      await two.cache.invalidateCodeVerifier('state')
      assert.equal(await two.cache.getCodeVerifier('state'), undefined)
    })

    it('a verifier invalidated at one is gone at the other within maxStalenessMs', async (t) => {
      const { one, two, clock } = await startPair(t, sharing)
      await one.cache.setCodeVerifier('state', 'verifier')
      for (const { cache } of [one, two, two]) assert.equal(await cache.getCodeVerifier('state'), 'verifier')
      await one.cache.invalidateCodeVerifier('state')
      await clock.advance(1_000)
      assert.equal(await two.cache.getCodeVerifier('state'), undefined)
    })

    it('what does not change stays in the memory of both, whatever else is ended', async (t) => {
      const { one, two, clock } = await startPair(t, sharing)
      await setAll(one, idsUpTo(20))
      for (const id of idsUpTo(20)) await readsToGet(two, id)
      for (const id of idsUpTo(20).slice(10)) await one.cache.invalidateAuthSession(id)
      await clock.advance(1_000)
      for (const instance of [one, two]) assert.equal(await readsToGet(instance, 'x'), 0)
    })
  })
}

describe('an instance that no news reaches', () => {
  for (const [what, epochs] of [
    ['polls fail', () => Promise.reject(new Error('the connection broke'))],
    ['polls are never answered', () => new Promise<never>(() => {})],
  ] as const) {
    it(`reads the store once its lease is over (${what})`, async (t) => {
      const clock = manualClock()
      const inner = memoryStore({ clock })
      let isCut = false
      const store = alteredStore(inner, { epochs: (known) => (isCut ? epochs() : inner.epochs(known)) })
      const [one, two] = [startCache(t, { store: inner, clock }), startCache(t, { store, clock })]
      await setAll(one, ['x', 'y'])
      for (const id of ['x', 'x', 'y', 'y']) await readsToGet(two, id)
      isCut = true
      await one.cache.invalidateAuthSession('x')
      await clock.advance(1_000)
      assert.equal(await two.cache.getAuthSession('x'), undefined)
      assert.equal(await readsToGet(two, 'y'), 1)
      assert.equal(two.cache.stats().coherence.lease, 'lost')
      assert.ok(two.cache.stats().sessions.bypasses.lease >= 1)
    })
  }

  for (const [what, step] of [
    ['was suspended: only the wall clock went on', (clock: ManualClock) => clock.stepWall(1_000)],
    ['had its wall clock set back', (clock: ManualClock) => clock.stepWall(-5_000)],
  ] as const) {
    it(`serves nothing that was ended, if it ${what}`, async (t) => {
      const [clock, shared] = [manualClock(), manualClock()]
      const inner = memoryStore({ clock: shared })
      const [one, two] = [startCache(t, { store: inner, clock: shared }), startCache(t, { store: inner, clock })]
      await setAll(one, ['x'])
      for (let ask = 0; ask < 3; ask += 1) await readsToGet(two, 'x')
      await one.cache.invalidateAuthSession('x')
      step(clock)
      if (what.includes('set back')) await clock.advance(1_000)
      assert.equal(await two.cache.getAuthSession('x'), undefined)
    })
  }
})

describe('a strict revoke', () => {
  interface Uneven extends World {
    clock: ManualClock
    cookie: string
    id: string
    cut: FailingStore
  }

  /** Two instances that differ in how stale they may be, both with the session in memory; the second can be cut off. */
  async function startUneven(t: TestContext, store: WorldPlan['store'], graceSec = 0): Promise<Uneven> {
    const clock = manualClock({ startAt: Date.now() })
    let cut: FailingStore | undefined
    const world = await startWorld(t, {
      store: store!,
      clock,
      instances: 2,
      wrap: (inner, instance) => (instance === 1 ? (cut = failingStore(inner)).store : inner),
      optionsOf: (instance) => ({
        cache: instance === 0 ? { maxStalenessMs: 500 } : { maxStalenessMs: 3_000, serveStaleForSec: graceSec },
      }),
    })
    const browser = await signedIn(world.app)
    for (const app of [world.app, world.other, world.app, world.other]) {
      assert.equal((await askMe(browser, app)).status, 200)
    }
    const [session] = await world.app.auth.sessions.list({ subject: 'alice' })
    const cookie = `sallyport=${sessionCookie(browser, world.app)}`
    return { ...world, clock, cookie, id: session!.id, cut: cut! }
  }

  for (const store of ['memory', 'sqlite'] as const) {
    it(`returns when the slowest instance cannot answer from memory any more (${store})`, async (t) => {
      const { app, other, clock, cookie, id, cut } = await startUneven(t, store)
      cut.throwAlways()
      const revoked = watch(app.auth.sessions.revoke(id, { wait: 'all-instances' }))
      await clock.advance(2_990)
      assert.equal(revoked.state, 'pending')
      await clock.advance(1_000)
      assert.deepEqual([revoked.state, revoked.value], ['fulfilled', true])
      const guarded = watch(Promise.resolve(other.auth.guard(directRequest('/me', { cookie }), () => {})))
      await clock.advance(1_000)
      assert.equal(guarded.value?.reply?.status, 503)
      assert.equal(await app.auth.authenticate(cookie), undefined)
    })

    it(`waits for the grace of the slowest as well (${store})`, async (t) => {
      const { app, other, clock, cookie, id, cut } = await startUneven(t, store, 5)
      cut.throwAlways()
      const revoked = watch(app.auth.sessions.revoke(id, { wait: 'all-instances' }))
      await clock.advance(7_990)
      assert.equal(revoked.state, 'pending')
      await clock.advance(1_000)
      assert.equal(revoked.state, 'fulfilled')
      const guarded = watch(Promise.resolve(other.auth.guard(directRequest('/me', { cookie }), () => {})))
      await clock.advance(1_000)
      assert.equal(guarded.value?.reply?.status, 503)
    })
  }

  for (const how of ['revokeAll', 'revokeOthers', 'session.revoke'] as const) {
    it(`waits with ${how}, too, and is final at once on the instance that asked`, async (t) => {
      const { app, clock, cookie } = await startUneven(t, 'memory')
      const second = `sallyport=${sessionCookie(await signedIn(app), app)}`
      const mine = (await app.auth.authenticate(how === 'revokeOthers' ? second : cookie))!
      const wait = { wait: 'all-instances' } as const
      const work: Record<typeof how, () => Promise<unknown>> = {
        revokeAll: () => app.auth.sessions.revokeAll({ subject: 'alice' }, wait),
        revokeOthers: () => app.auth.sessions.revokeOthers(mine, wait),
        'session.revoke': () => mine.revoke(wait),
      }
      const revoked = watch(work[how]())
      await clock.advance(0)
      assert.equal(await app.auth.authenticate(cookie), undefined)
      await clock.advance(2_990)
      assert.equal(revoked.state, 'pending')
      await clock.advance(1_000)
      assert.equal(revoked.state, 'fulfilled')
    })
  }

  it('without it returns at once', async (t) => {
    const { app, clock, id } = await startUneven(t, 'memory')
    const revoked = watch(app.auth.sessions.revoke(id))
    await clock.advance(0)
    assert.equal(revoked.state, 'fulfilled')
  })
})

describe('while a session is being ended', () => {
  it('memory does not answer with it any more: done is done, although nobody has heard of it yet', async (t) => {
    const clock = manualClock()
    const held = heldStore(memoryStore({ clock }))
    const started = startCache(t, { store: held.store, clock })
    await setAll(started, ['x'])
    await readsToGet(started, 'x')
    held.hold('remove', 'answer')
    const ended = watch(started.cache.invalidateAuthSession('x'))
    await clock.advance(0)
    assert.equal(await started.cache.getAuthSession('x'), undefined)
    held.release('remove')
    await clock.advance(0)
    assert.equal(ended.state, 'fulfilled')
  })

  it('it may still be read where it is, but is not kept', async (t) => {
    const clock = manualClock()
    const held = heldStore(memoryStore({ clock }))
    const started = startCache(t, { store: held.store, clock })
    await setAll(started, ['x'])
    held.hold('remove', 'request')
    const ended = watch(started.cache.invalidateAuthSession('x'))
    await clock.advance(0)
    for (let ask = 0; ask < 3; ask += 1) assert.equal(await readsToGet(started, 'x'), 1)
    held.release('remove')
    await clock.advance(0)
    assert.equal(ended.state, 'fulfilled')
    assert.equal(await started.cache.getAuthSession('x'), undefined)
  })
})

describe('whoever writes', () => {
  for (const store of ['memory', 'sqlite'] as const) {
    it(`reads it on the very next request at an instance that holds the old value (${store})`, async (t) => {
      const clock = manualClock({ startAt: Date.now() })
      const world = await startWorld(t, { store, clock, instances: 2 })
      const browser = await signedIn(world.app)
      for (const app of [world.app, world.other, world.other]) await askMe(browser, app)
      for (let turn = 1; turn <= 6; turn += 1) {
        const [writer, reader] = turn % 2 === 0 ? [world.app, world.other] : [world.other, world.app]
        await browser.post(`${writer.baseUrl}/note`, { text: `note ${turn}` }, script)
        const page = await askMe(browser, reader)
        assert.equal((JSON.parse(page.text) as { notes: string[] }).notes.length, turn)
      }
    })
  }

  it('does not see an older version after a newer one, though reads overtake each other', async (t) => {
    const clock = manualClock()
    const inner = memoryStore({ clock })
    const answers: (() => void)[] = []
    let isSlow = false
    const read: Store['read'] = async (keys) => {
      const reply = await inner.read(keys)
      if (isSlow) await new Promise<void>((resolve) => void answers.push(resolve))
      return reply
    }
    const [writer, reader] = [
      startCache(t, { store: inner, clock }),
      startCache(t, { store: alteredStore(inner, { read }), clock }),
    ]
    await setAll(writer, ['x'])
    await reader.cache.getAuthSession('warm up')
    isSlow = true
    const old = watch(reader.cache.getAuthSession('x'))
    await clock.advance(0)
    isSlow = false
    await writer.cache.setAuthSession('x', sessionOf('x', { turn: 2 }))
    await reader.cache.setAuthSession('x', sessionOf('x', { turn: 3 }))
    assert.deepEqual(await reader.cache.getAuthSession('x'), sessionOf('x', { turn: 3 }))
    for (const answer of answers) answer()
    await clock.advance(0)
    assert.equal(old.state, 'fulfilled')
    assert.deepEqual(await reader.cache.getAuthSession('x'), sessionOf('x', { turn: 3 }))
  })
})
