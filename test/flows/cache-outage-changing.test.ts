import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import type { TwoTierCacheConfig } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { manualClock } from '../../src/testing/manual-clock.ts'
import { ailingStore, type AilingStore, type Ailment } from '../support/ailing-store.ts'
import { idsUpTo, sessionOf, setAll, settled, startCache } from '../support/cached-sessions.ts'
import type { Started } from '../support/cached-sessions.ts'
import { heldStore } from '../support/held-store.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { watch, type Watched } from '../support/watch.ts'

interface Ill extends Started {
  ailing: AilingStore
}

/** A cache over a store with the sessions id0 … id99, none of them in memory. */
async function startIll(t: TestContext, config: TwoTierCacheConfig = {}): Promise<Ill> {
  const clock = manualClock()
  const inner = memoryStore({ clock })
  await setAll(startCache(t, { store: inner, clock }), idsUpTo(100))
  const ailing = ailingStore(inner, clock)
  return { ...startCache(t, { store: ailing.store, clock, ...config }), ailing }
}

interface Asked {
  id: string
  at: number
  got: Watched<unknown>
}

/** Asks for sessions all the time, `perSecond`, while `ailmentAt` says how the store is. */
async function underWeather(
  { cache, clock, ailing }: Ill,
  { forMs, everyMs = 20 }: { forMs: number; everyMs?: number },
  ailmentAt: (passedMs: number) => Ailment,
): Promise<Asked[]> {
  const asked: Asked[] = []
  const startedAt = clock.monotonic()
  for (let n = 0; clock.monotonic() < startedAt + forMs; n += 1) {
    ailing.fall(ailmentAt(clock.monotonic() - startedAt))
    const id = `id${(n * 7) % 100}`
    asked.push({ id, at: clock.monotonic(), got: watch(cache.getAuthSession(id)) })
    await clock.advance(everyMs)
  }
  return asked
}

/** Every question was answered, rightly or with 503; how many rightly. */
function assertHonest(asked: readonly Asked[]): number {
  let answered = 0
  for (const { id, got } of asked) {
    assert.notEqual(got.state, 'pending', `${id} is still waited for`)
    if (got.state === 'rejected') assert.equal(got.error, 'ERR_STORE_UNAVAILABLE')
    else assert.deepEqual(got.value, sessionOf(id))
    if (got.state === 'fulfilled') answered += 1
  }
  return answered
}

async function assertWellAgain(ill: Ill): Promise<void> {
  ill.ailing.fall(undefined)
  await ill.clock.advance(2_000)
  for (const id of idsUpTo(100)) assert.deepEqual(await ill.cache.getAuthSession(id), sessionOf(id))
  const crowd = await Promise.allSettled(idsUpTo(50, 'nobody').map((id) => ill.cache.getAuthSession(id)))
  assert.ok(
    crowd.every(({ status }) => status === 'fulfilled'),
    'somebody of a crowd was refused',
  )
  await ill.clock.advance(400)
  const { store, coherence } = ill.cache.stats()
  assert.deepEqual([store.breaker, coherence.lease], ['closed', 'held'])
}

describe('a store that', () => {
  for (const enableL1 of [true, false]) {
    for (const [what, ill] of [
      ['throws', 'throws'],
      ['hangs', 'hangs'],
      ['is slow', { slowMs: 1_500 }],
    ] as const) {
      it(`${what} every other 700 ms, loses nobody (L1 ${enableL1 ? 'on' : 'off'})`, async (t) => {
        const flapping = await startIll(t, { enableL1 })
        const asked = await underWeather(flapping, { forMs: 30_000 }, (passed) =>
          Math.floor(passed / 700) % 2 === 0 ? undefined : ill,
        )
        await flapping.clock.advance(1_000)
        const answered = assertHonest(asked)
        assert.ok(answered > asked.length / 10, `${answered} of ${asked.length}`)
        if (enableL1) await assertWellAgain(flapping)
      })
    }
  }

  for (const seed of [1, 2, 3, 4, 5]) {
    it(`is ill at random, loses nobody (seed ${seed})`, async (t) => {
      const random = seededRandom(seed)
      const flapping = await startIll(t)
      let [now, until]: [Ailment, number] = [undefined, 0]
      const asked = await underWeather(flapping, { forMs: 30_000 }, (passed) => {
        if (passed >= until) {
          now = random.pick<Ailment>([undefined, undefined, 'throws', 'hangs', { slowMs: random.below(3_000) }])
          until = passed + random.between(50, 2_000)
        }
        return now
      })
      await flapping.clock.advance(1_000)
      assertHonest(asked)
      await assertWellAgain(flapping)
    })
  }

  it('dies slowly: answers are right until they are 503', async (t) => {
    const dying = await startIll(t)
    const asked = await underWeather(dying, { forMs: 20_000 }, (passed) => ({ slowMs: passed / 10 }))
    await dying.clock.advance(1_000)
    const answered = assertHonest(asked)
    assert.ok(answered > 100 && answered < asked.length, `${answered} of ${asked.length}`)
    await assertWellAgain(dying)
  })

  it('is slow, but answers in time, is no failure', async (t) => {
    const { cache, clock, ailing } = await startIll(t)
    await cache.getAuthSession('id0')
    ailing.fall({ slowMs: 900 })
    for (const id of idsUpTo(10))
      assert.deepEqual((await settled(clock, cache.getAuthSession(id))).value, sessionOf(id))
    const { store } = cache.stats()
    assert.equal(store.breaker, 'closed')
  })

  it('answers reads, but no polls, is asked each time, and loses nobody', async (t) => {
    const clock = manualClock()
    const held = heldStore(memoryStore({ clock }))
    const { cache } = startCache(t, { store: held.store, clock })
    await setAll({ cache }, idsUpTo(5))
    held.hold('epochs', 'request')
    for (let step = 0; step < 50; step += 1) {
      await clock.advance(100)
      for (const id of idsUpTo(5))
        assert.deepEqual((await settled(clock, cache.getAuthSession(id))).value, sessionOf(id))
    }
    assert.equal(cache.stats().coherence.lease, 'lost')
    held.pass('epochs')
    while (held.waiting('epochs') > 0) held.release('epochs')
    await clock.advance(2_000)
    await cache.getAuthSession('id0')
    const before = held.calls('read')
    await cache.getAuthSession('id0')
    assert.deepEqual([held.calls('read'), cache.stats().coherence.lease], [before, 'held'])
  })
})

describe('what was ended while the store was ill', () => {
  for (const seed of [11, 12, 13]) {
    it(`and was acknowledged stays ended; what was not is there or not, for good (seed ${seed})`, async (t) => {
      const random = seededRandom(seed)
      const ill = await startIll(t)
      const { cache, clock, ailing } = ill
      const ended = new Map<string, Watched<void>>()
      for (const id of idsUpTo(100)) {
        ailing.fall(random.pick<Ailment>([undefined, 'throws', 'hangs', { slowMs: 300 }, { slowMs: 1_200 }]))
        await settled(clock, cache.getAuthSession(id))
        const work = watch(cache.invalidateAuthSession(id))
        ended.set(id, work)
        await clock.advance(random.between(0, 300))
        if (work.state === 'fulfilled') {
          assert.equal((await settled(clock, cache.getAuthSession(id))).value, undefined)
        }
      }
      await clock.advance(3_000)
      ailing.fall(undefined)
      await clock.advance(2_000)
      let acknowledged = 0
      for (const [id, work] of ended) {
        assert.notEqual(work.state, 'pending')
        const found = await cache.getAuthSession(id)
        if (work.state === 'fulfilled') acknowledged += 1
        if (work.state === 'fulfilled') assert.equal(found, undefined, id)
        else assert.equal(work.error, 'ERR_STORE_UNAVAILABLE')
        await clock.advance(5_000)
        assert.deepEqual(await cache.getAuthSession(id), found)
      }
      assert.ok(acknowledged > 3, `${acknowledged} acknowledged`)
    })
  }
})

describe('an answer that comes when nobody waits for it any more', () => {
  it('is not kept: what was written meanwhile stays', async (t) => {
    const clock = manualClock()
    const held = heldStore(memoryStore({ clock }))
    const { cache } = startCache(t, { store: held.store, clock })
    await setAll(startCache(t, { store: held.store, clock }), ['x'])
    await cache.getAuthSession('warm up')
    held.hold('read', 'answer')
    const { error } = await settled(clock, cache.getAuthSession('x'))
    assert.equal(error, 'ERR_STORE_UNAVAILABLE')
    held.pass('read')
    await clock.advance(1_000)
    await cache.setAuthSession('x', sessionOf('x', { turn: 2 }))
    held.release('read')
    await clock.advance(0)
    assert.deepEqual(await cache.getAuthSession('x'), sessionOf('x', { turn: 2 }))
  })

  it('revives nobody: a write that was late and lost is not kept in memory', async (t) => {
    const clock = manualClock()
    const held = heldStore(memoryStore({ clock }))
    const { cache } = startCache(t, { store: held.store, clock })
    await setAll({ cache }, ['x'])
    held.hold('replace', 'answer')
    const { error } = await settled(clock, cache.setAuthSession('x', sessionOf('x', { turn: 2 })))
    assert.equal(error, 'ERR_STORE_UNAVAILABLE')
    held.pass('replace')
    await settled(clock, cache.invalidateAuthSession('x'))
    while (held.waiting('replace') > 0) held.release('replace')
    await clock.advance(2_000)
    assert.equal(await cache.getAuthSession('x'), undefined)
  })

  it('does not leave the old value in memory: what a write did that nobody heard of is seen at once', async (t) => {
    const clock = manualClock()
    const held = heldStore(memoryStore({ clock }))
    const { cache } = startCache(t, { store: held.store, clock })
    await setAll({ cache }, ['x'])
    await cache.getAuthSession('x')
    held.hold('replace', 'answer')
    const { error } = await settled(clock, cache.setAuthSession('x', sessionOf('x', { turn: 2 })))
    assert.equal(error, 'ERR_STORE_UNAVAILABLE')
    assert.deepEqual(await cache.getAuthSession('x'), sessionOf('x', { turn: 2 }))
  })

  it('of a creation that may have happened or not: it is there whole, or not at all', async (t) => {
    const clock = manualClock()
    const held = heldStore(memoryStore({ clock }))
    const { cache } = startCache(t, { store: held.store, clock })
    await cache.getAuthSession('warm up')
    for (const where of ['request', 'answer'] as const) {
      held.hold('create', where)
      const { error } = await settled(clock, cache.setAuthSession(where, sessionOf(where)))
      assert.equal(error, 'ERR_STORE_UNAVAILABLE')
      held.pass('create')
      while (held.waiting('create') > 0) held.lose('create')
      await clock.advance(2_000)
      const found = await cache.getAuthSession(where)
      if (found !== undefined) assert.deepEqual(found, sessionOf(where))
    }
  })
})
