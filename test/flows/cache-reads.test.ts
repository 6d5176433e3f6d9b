import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Store } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { manualClock } from '../../src/testing/manual-clock.ts'
import { batchingStore } from '../support/batching-store.ts'
import { alteredStore, idsUpTo, keepAsking, readsToGet, sessionOf, startCache } from '../support/cached-sessions.ts'
import { heldStore } from '../support/held-store.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { watch } from '../support/watch.ts'

/** Reads that take a few turns of the event loop, their sizes, and how many were under way at once. */
function slowReads(inner: Store): { store: Store; sizes: number[]; most: () => number } {
  const sizes: number[] = []
  let [underWay, most] = [0, 0]
  const read: Store['read'] = async (keys) => {
    sizes.push(keys.length)
    most = Math.max(most, (underWay += 1))
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => void setImmediate(resolve))
    underWay -= 1
    return inner.read(keys)
  }
  return { store: alteredStore(inner, { read }), sizes, most: () => most }
}

describe('one read for all who miss the same session', () => {
  it('a thousand at once', async (t) => {
    const writer = startCache(t)
    await writer.cache.setAuthSession('x', sessionOf('x'))
    const reader = startCache(t, { store: writer.counting.store, clock: writer.clock })
    const found = await Promise.all(Array.from({ length: 1_000 }, () => reader.cache.getAuthSession('x')))
    for (const session of found) assert.deepEqual(session, sessionOf('x'))
    assert.equal(reader.counting.count('read'), 1)
    const { answers, sessions } = reader.cache.stats()
    assert.deepEqual([answers.l2, answers.joined, sessions.joined], [1, 999, 999])
  })

  it('a thousand at once who ask for one that is not there', async (t) => {
    const { cache, counting } = startCache(t)
    const found = await Promise.all(Array.from({ length: 1_000 }, () => cache.getAuthSession('nobody')))
    assert.ok(found.every((session) => session === undefined))
    assert.equal(counting.count('read'), 1)
  })

  it('and of verifiers', async (t) => {
    const writer = startCache(t)
    await writer.cache.setCodeVerifier('state', 'verifier')
    const reader = startCache(t, { store: writer.counting.store, clock: writer.clock })
    const found = await Promise.all(Array.from({ length: 100 }, () => reader.cache.getCodeVerifier('state')))
    assert.deepEqual([new Set(found), reader.counting.count('read')], [new Set(['verifier']), 1])
  })

  it('unless that read was sent longer ago than maxStalenessMs', async (t) => {
    const clock = manualClock()
    const held = heldStore(memoryStore({ clock }))
    const { cache } = startCache(t, { store: held.store, clock, maxStalenessMs: 300, operationTimeoutMs: 5_000 })
    await cache.setAuthSession('other', sessionOf('other'))
    held.hold('read', 'answer')
    const before = held.calls('read')
    const waiting = [watch(cache.getAuthSession('x'))]
    await clock.advance(290)
    waiting.push(watch(cache.getAuthSession('x')))
    await clock.advance(0)
    assert.equal(held.calls('read'), before + 1)
    await clock.advance(20)
    waiting.push(watch(cache.getAuthSession('x')))
    await clock.advance(0)
    assert.equal(held.calls('read'), before + 2)
    held.pass('read')
    while (held.waiting('read') > 0) held.release('read')
    await clock.advance(0)
    assert.deepEqual(new Set(waiting.map(({ state }) => state)), new Set(['fulfilled']))
  })

  it('and nobody joins a read that was sent before the write of this instance returned', async (t) => {
    const clock = manualClock()
    const held = heldStore(memoryStore({ clock }))
    const { cache } = startCache(t, { store: held.store, clock })
    await cache.setAuthSession('x', sessionOf('x'))
    await cache.invalidateAuthSession('x')
    held.hold('read', 'answer')
    const early = watch(cache.getAuthSession('x'))
    await clock.advance(0)
    held.pass('read')
    await cache.setAuthSession('x', sessionOf('x'))
    assert.deepEqual(await cache.getAuthSession('x'), sessionOf('x'))
    held.release('read')
    await clock.advance(0)
    assert.equal(early.state, 'fulfilled')
    assert.deepEqual(await cache.getAuthSession('x'), sessionOf('x'))
  })
})

describe('round trips are shared', () => {
  it('a thousand different sessions cost at most 16 reads, of at most 100, at most four at a time', async (t) => {
    const ids = idsUpTo(1_000)
    const writer = startCache(t)
    await Promise.all(ids.map((id) => writer.cache.setAuthSession(id, sessionOf(id))))
    const slow = slowReads(writer.counting.store)
    const { cache } = startCache(t, { store: slow.store, clock: writer.clock })
    const found = await Promise.all(ids.map((id) => cache.getAuthSession(id)))
    for (const [i, id] of ids.entries()) assert.deepEqual(found[i], sessionOf(id))
    assert.ok(slow.sizes.length <= 16, `${slow.sizes.length} reads: ${slow.sizes.join()}`)
    assert.ok(Math.max(...slow.sizes) <= 100, slow.sizes.join())
    assert.ok(slow.most() <= 4, `${slow.most()} at once`)
    const { readBatches, reads } = cache.stats().store
    assert.deepEqual([readBatches, reads], [slow.sizes.length, 1_000])
  })

  it('also of a hundred times the usual crowd, and of sessions that are not there', async (t) => {
    const clock = manualClock()
    const slow = slowReads(memoryStore({ clock }))
    const { cache } = startCache(t, { store: slow.store, clock, enableL1: false })
    const found = await Promise.all(idsUpTo(5_000).map((id) => cache.getAuthSession(id)))
    assert.ok(found.every((session) => session === undefined))
    assert.ok(slow.sizes.length <= 60, `${slow.sizes.length} reads`)
    assert.ok(slow.most() <= 4, `${slow.most()} at once`)
  })

  it('writes share them where the store can', async (t) => {
    const clock = manualClock()
    const ids = idsUpTo(1_000)
    const { cache, counting } = startCache(t, { store: batchingStore(memoryStore({ clock })), clock })
    await Promise.all(ids.map((id) => cache.setAuthSession(id, sessionOf(id))))
    const trips = counting.count('writeMany') + counting.count('create') + counting.count('replace')
    assert.ok(trips <= 50, `${trips} round trips`)
    const { writeBatches, writes } = cache.stats().store
    assert.deepEqual([writeBatches, writes], [trips, 1_000])
    for (const id of ids) assert.deepEqual(await cache.getAuthSession(id), sessionOf(id))
  })

  it('and one write that fails does not fail those it travels with', async (t) => {
    const clock = manualClock()
    const inner = batchingStore(memoryStore({ clock }))
    let refused = 0
    const writeMany: typeof inner.writeMany = async (writes) => {
      const outcomes = await inner.writeMany(writes.slice(1))
      refused += 1
      return [{ error: new Error('the row is locked') }, ...outcomes]
    }
    const { cache } = startCache(t, { store: alteredStore(inner, { writeMany }), clock })
    const settled = await Promise.allSettled(idsUpTo(20).map((id) => cache.setAuthSession(id, sessionOf(id))))
    const failed = settled.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[]
    assert.ok(refused > 0 && failed.length <= refused, `${failed.length} failed, ${refused} refused`)
    for (const { reason } of failed) assert.equal((reason as { code: string }).code, 'ERR_STORE_UNAVAILABLE')
    for (const [i, id] of idsUpTo(20).entries()) {
      if (settled[i]!.status === 'fulfilled') assert.deepEqual(await cache.getAuthSession(id), sessionOf(id))
    }
  })
})

describe('polling', () => {
  it('ends when nobody has asked for ten times maxStalenessMs, and begins again with the next question', async (t) => {
    const started = startCache(t)
    const { cache, clock, counting } = started
    await cache.setAuthSession('x', sessionOf('x'))
    await readsToGet(started, 'x')
    await clock.advance(11_000)
    counting.reset()
    await clock.advance(60_000)
    assert.deepEqual([counting.count('epochs'), cache.stats().coherence.lease], [0, 'idle'])
    await readsToGet(started, 'x')
    await clock.advance(0)
    assert.equal(await readsToGet(started, 'x'), 0)
    await clock.advance(5_000)
    assert.equal(cache.stats().coherence.lease, 'held')
    assert.ok(counting.count('epochs') >= 10, `${counting.count('epochs')} polls in 5 s`)
  })

  it('that was idle misses nothing that was ended meanwhile', async (t) => {
    const one = startCache(t)
    const two = startCache(t, { store: one.counting.store, clock: one.clock })
    await one.cache.setAuthSession('x', sessionOf('x'))
    assert.equal(await readsToGet(two, 'x'), 1)
    await one.clock.advance(30_000)
    await one.cache.invalidateAuthSession('x')
    await one.clock.advance(30_000)
    assert.equal(await two.cache.getAuthSession('x'), undefined)
  })

  it('never starts before the first question', async (t) => {
    const { clock, counting } = startCache(t)
    await clock.advance(60_000)
    assert.equal(counting.allOperations(), 0)
  })

  for (const maxStalenessMs of [300, 1_000, 6_000]) {
    it(`is jittered, about three per ${maxStalenessMs} ms, and keeps the lease`, async (t) => {
      const seed = 42
      t.diagnostic(`seed ${seed}`)
      const clock = manualClock()
      const inner = memoryStore({ clock })
      const sentAt: number[] = []
      const epochs: Store['epochs'] = (known) => (sentAt.push(clock.monotonic()), inner.epochs(known))
      const store = alteredStore(inner, { epochs })
      const started = startCache(t, { store, clock, maxStalenessMs, randomness: seededRandom(seed) })
      await started.cache.setAuthSession('x', sessionOf('x'))
      const plan = { stepMs: maxStalenessMs / 10, forMs: 30 * maxStalenessMs }
      await keepAsking(clock, plan, async () => assert.equal(await readsToGet(started, 'x'), 0))
      const intervals = sentAt.slice(1).map((at, i) => at - sentAt[i]!)
      assert.ok(intervals.length >= 75 && intervals.length <= 180, `${intervals.length} polls in 30 D`)
      assert.ok(Math.max(...intervals) <= maxStalenessMs / 2, `${Math.max(...intervals)} ms between two polls`)
      assert.ok(new Set(intervals.map((ms) => Math.round(ms))).size > 5, 'always after the same time')
    })
  }

  it('of two instances drifts apart', async (t) => {
    const clock = manualClock()
    const inner = memoryStore({ clock })
    const sentAt: number[][] = [[], []]
    const instances = sentAt.map((times, seed) => {
      const epochs: Store['epochs'] = (known) => (times.push(Math.round(clock.monotonic())), inner.epochs(known))
      return startCache(t, { store: alteredStore(inner, { epochs }), clock, randomness: seededRandom(seed) })
    })
    const ask = (): Promise<unknown> => Promise.all(instances.map(({ cache }) => cache.getAuthSession('x')))
    await keepAsking(clock, { forMs: 20_000 }, ask)
    const together = sentAt[0]!.slice(5).filter((at) => sentAt[1]!.includes(at))
    assert.ok(together.length < sentAt[0]!.length / 4, `${together.length} of ${sentAt[0]!.length} polls coincide`)
  })
})
