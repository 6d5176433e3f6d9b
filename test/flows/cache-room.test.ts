import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import type { CacheEvent, EvictionPolicy } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { manualClock } from '../../src/testing/manual-clock.ts'
import { idsUpTo, readsToGet, recordEvents, sessionOf, setAll, startCache } from '../support/cached-sessions.ts'
import type { Started } from '../support/cached-sessions.ts'
import { recordingLogger, type LogLine } from '../support/recording-logger.ts'

const all = async (ids: readonly string[], work: (id: string) => Promise<unknown>): Promise<void> => {
  for (let from = 0; from < ids.length; from += 500) await Promise.all(ids.slice(from, from + 500).map(work))
}

const signedOut = (events: readonly CacheEvent[]): (CacheEvent & { type: 'signed-out' })[] =>
  events.filter((event) => event.type === 'signed-out')

describe('a flood of 10,000 logins', () => {
  it('evicts no session from memory, full as it is', async (t) => {
    const started = startCache(t, { l1MaxCapacity: 50, verifiers: { l1MaxCapacity: 20 } })
    await setAll(started, idsUpTo(50))
    await all(idsUpTo(10_000, 'state'), (state) => started.cache.setCodeVerifier(state, 'v'.repeat(43)))
    for (const id of idsUpTo(50)) assert.equal(await readsToGet(started, id), 0)
    const { sessions, verifiers } = started.cache.stats()
    assert.deepEqual([sessions.entries, verifiers.entries], [50, 20])
    assert.equal(sessions.evictions.capacity + sessions.evictions.bytes, 0)
    assert.ok(verifiers.evictions.capacity >= 9_980, `${verifiers.evictions.capacity} verifiers evicted`)
  })

  it('evicts none from a memory store, full as it is, and signs nobody out', async (t) => {
    const events = recordEvents(t)
    const { logger } = recordingLogger()
    const clock = manualClock()
    const started = startCache(t, { store: memoryStore({ maxEntries: 100, clock, logger }), clock, enableL1: false })
    await setAll(started, idsUpTo(100))
    await all(idsUpTo(10_000, 'state'), (state) => started.cache.setCodeVerifier(state, 'v'.repeat(43)))
    for (const id of idsUpTo(100)) assert.equal(await readsToGet(started, id), 1)
    assert.equal(await started.cache.getCodeVerifier('state9999'), 'v'.repeat(43))
    const kinds = new Set(signedOut(events).map(({ kind }) => kind))
    assert.deepEqual([kinds, signedOut(events).length], [new Set(['cv']), 9_900])
  })

  it('fits the default options, too: 5,000 sessions stay in memory', async (t) => {
    const started = startCache(t)
    await all(idsUpTo(5_000), (id) => started.cache.setAuthSession(id, sessionOf(id)))
    await all(idsUpTo(10_000, 'state'), (state) => started.cache.setCodeVerifier(state, 'v'.repeat(43)))
    for (const id of idsUpTo(5_000)) assert.equal(await readsToGet(started, id), 0)
    assert.ok(started.cache.stats().verifiers.entries <= 1_000)
  })
})

describe("the verifiers' own room", () => {
  it('has its own capacity, bytes, lifetime, time to idle and policy', async (t) => {
    const asked: number[] = []
    const verifiers = { l1MaxCapacity: 7, l1MaxBytes: 8_192, l1TtlSec: 5, l1TimeToIdleSec: 5 }
    const { cache, clock, counting } = startCache(t, {
      verifiers: { ...verifiers, l1EvictionPolicy: (maxEntries) => (asked.push(maxEntries), firstSlotFirst()) },
    })
    for (const state of idsUpTo(30)) await cache.setCodeVerifier(state, 'verifier')
    assert.equal(cache.stats().verifiers.entries, 7)
    assert.ok(asked.includes(7), asked.join())
    await cache.setAuthSession('x', sessionOf('x'))
    await cache.setCodeVerifier('last', 'verifier')
    await clock.advance(5_500)
    await cache.getAuthSession('x')
    const before = counting.count('read')
    assert.equal(await cache.getCodeVerifier('last'), 'verifier')
    assert.equal(counting.count('read'), before + 1)
    for (const state of idsUpTo(30)) await cache.setCodeVerifier(state, 'v'.repeat(3_000))
    const { entries, bytes } = cache.stats().verifiers
    assert.ok(bytes <= 8_192 && entries <= 3, `${entries} verifiers, ${bytes} bytes`)
  })

  it('takes nothing from its options for sessions, nor the other way round', async (t) => {
    const started = startCache(t, { l1MaxCapacity: 3 })
    await setAll(started, idsUpTo(10))
    for (const state of idsUpTo(10)) await started.cache.setCodeVerifier(state, 'verifier')
    const { sessions, verifiers } = started.cache.stats()
    assert.deepEqual([sessions.entries, verifiers.entries], [3, 10])
  })
})

/** Slots that are in use, the lowest leaves first. */
function firstSlotFirst(): EvictionPolicy {
  const used = new Set<number>()
  return {
    added: (slot) => void used.add(slot),
    used() {},
    removed: (slot) => void used.delete(slot),
    evict() {
      const first = Math.min(...used)
      used.delete(first)
      return first
    },
  }
}

describe('a memory store that is full', () => {
  function startSmall(t: TestContext, maxEntries = 10): Started & { events: CacheEvent[]; told: LogLine[] } {
    const events = recordEvents(t)
    const { logger, lines: told } = recordingLogger()
    const clock = manualClock()
    const started = startCache(t, { store: memoryStore({ maxEntries, clock, logger }), clock })
    return { ...started, events, told }
  }

  it('warned at nine tenths, once, and not before', async (t) => {
    const started = startSmall(t, 100)
    await setAll(started, idsUpTo(89))
    assert.deepEqual(started.told, [])
    await setAll(started, ['id90'])
    await setAll(started, ['id91', 'id92', 'id93'])
    assert.deepEqual(
      started.told.map(({ level }) => level),
      ['warn'],
    )
  })

  it('warns of verifiers by themselves', async (t) => {
    const started = startSmall(t)
    await setAll(started, idsUpTo(8))
    for (const state of idsUpTo(8)) await started.cache.setCodeVerifier(state, 'verifier')
    assert.deepEqual(started.told, [])
    await started.cache.setCodeVerifier('one more', 'verifier')
    assert.equal(started.told.length, 1)
  })

  it('signs out the one that was not used for longest, with an event, also from L1', async (t) => {
    const started = startSmall(t)
    for (const id of idsUpTo(10)) {
      await setAll(started, [id])
      await started.clock.advance(1_000)
    }
    await started.cache.extendAuthSession('id0', 3_600)
    assert.deepEqual(signedOut(started.events), [])
    await setAll(started, ['new'])
    assert.deepEqual(signedOut(started.events), [
      { type: 'signed-out', store: 'memory', kind: 'session', reason: 'capacity' },
    ])
    await started.clock.advance(1_000)
    assert.equal(await started.cache.getAuthSession('id1'), undefined)
    for (const id of ['id0', 'id2', 'id9', 'new'])
      assert.deepEqual(await started.cache.getAuthSession(id), sessionOf(id))
  })

  it('tells of every one who is signed out', async (t) => {
    const started = startSmall(t)
    await setAll(started, idsUpTo(35))
    assert.equal(signedOut(started.events).length, 25)
  })

  it('lets an expired entry go before a live one', async (t) => {
    const started = startSmall(t)
    await started.cache.setAuthSession('short', sessionOf('short'), 5)
    await started.clock.advance(1_000)
    await setAll(started, idsUpTo(9))
    await started.clock.advance(5_000)
    await setAll(started, ['new'])
    assert.deepEqual(signedOut(started.events), [])
    for (const id of idsUpTo(9)) assert.deepEqual(await started.cache.getAuthSession(id), sessionOf(id))
  })

  it('does not sign out for a replacement or an extension', async (t) => {
    const started = startSmall(t)
    await setAll(started, idsUpTo(10))
    await setAll(started, idsUpTo(10))
    for (const id of idsUpTo(10)) await started.cache.extendAuthSession(id, 60)
    assert.deepEqual(signedOut(started.events), [])
  })
})
