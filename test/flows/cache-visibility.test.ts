import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { inspect } from 'node:util'
import type { CacheEvent, EvictionPolicy, Store, StoredEntry } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { manualClock } from '../../src/testing/manual-clock.ts'
import { secret, storesOf } from '../support/app.ts'
import {
  alteredStore,
  ballast,
  idsUpTo,
  keepAsking,
  readsToGet,
  recordEvents,
  sessionOf,
  setAll,
  settled,
  startCache,
} from '../support/cached-sessions.ts'
import { failingStore } from '../support/failing-store.ts'
import { heldStore } from '../support/held-store.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import { watch } from '../support/watch.ts'

const ofType = <T extends CacheEvent['type']>(events: readonly CacheEvent[], type: T): (CacheEvent & { type: T })[] =>
  events.filter((event): event is CacheEvent & { type: T } => event.type === type)

/** The same entry with a value that nobody wrote. */
function garbled(entry: StoredEntry | undefined): StoredEntry | undefined {
  return entry && { ...entry, value: entry.value.map((byte) => byte ^ 0x55) }
}

/** A store whose epochs a test answers itself, when it wants to. */
function storeWithEpochs(inner: Store): { store: Store; answer: (epochs: Store['epochs'] | undefined) => void } {
  let answered: Store['epochs'] | undefined
  const epochs: Store['epochs'] = (known) => answered?.(known) ?? inner.epochs(known)
  return { store: alteredStore(inner, { epochs }), answer: (wanted) => void (answered = wanted) }
}

describe('stats() counts', () => {
  it('hits, misses, fills and entries of each partition by themselves', async (t) => {
    const writer = startCache(t)
    await writer.cache.setAuthSession('x', sessionOf('x'))
    await writer.cache.setCodeVerifier('state', 'verifier')
    const { cache } = startCache(t, { store: writer.counting.store, clock: writer.clock })
    for (let ask = 0; ask < 4; ask += 1) await cache.getAuthSession('x')
    for (let ask = 0; ask < 2; ask += 1) await cache.getCodeVerifier('state')
    const { sessions, verifiers, answers } = cache.stats()
    assert.deepEqual([sessions.hits, sessions.misses, sessions.fills, sessions.entries], [3, 1, 1, 1])
    assert.deepEqual([verifiers.hits, verifiers.misses, verifiers.fills, verifiers.entries], [1, 1, 1, 1])
    assert.deepEqual(answers, { l1: 4, l2: 2, joined: 0, stale: 0, refused: 0 })
    assert.ok(sessions.bytes > 100 && verifiers.bytes > 10, `${sessions.bytes} and ${verifiers.bytes} bytes`)
  })

  it('every answer, and nobody is answered by two', async (t) => {
    const started = startCache(t)
    await setAll(started, idsUpTo(10))
    for (const id of idsUpTo(10)) await readsToGet(started, id)
    for (const id of idsUpTo(5, 'nobody')) await started.cache.getAuthSession(id)
    const { l1, l2, joined, stale, refused } = started.cache.stats().answers
    assert.equal(l1 + l2 + joined + stale + refused, 15)
    assert.deepEqual([l1, refused], [10, 5])
  })

  it('what was asked of the store', async (t) => {
    const started = startCache(t)
    await setAll(started, idsUpTo(10))
    await started.cache.getAuthSession('nobody')
    const { store } = started.cache.stats()
    const { counting } = started
    assert.equal(store.readBatches, counting.count('read'))
    assert.equal(store.writes, counting.count('create') + counting.count('replace'))
    assert.deepEqual([store.failures, store.refusals, store.breaker], [0, 0, 'closed'])
  })

  it('polls, and how old the lease is', async (t) => {
    const started = startCache(t)
    await setAll(started, ['x'])
    await readsToGet(started, 'x')
    await keepAsking(started.clock, { forMs: 5_000, stepMs: 100 }, () => readsToGet(started, 'x'))
    const { coherence } = started.cache.stats()
    assert.deepEqual([coherence.polls, coherence.pollFailures], [started.counting.count('epochs'), 0])
    assert.equal(coherence.lease, 'held')
    assert.ok(coherence.leaseAgeMs! >= 0 && coherence.leaseAgeMs! < 1_000, `${coherence.leaseAgeMs} ms`)
    assert.deepEqual([coherence.violations, coherence.pushGaps], [0, 0])
  })

  it('nothing before the first question', (t) => {
    const { cache } = startCache(t)
    const { coherence, answers, sessions } = cache.stats()
    assert.deepEqual([coherence.lease, coherence.leaseAgeMs, coherence.polls], ['idle', undefined, 0])
    assert.deepEqual([Object.values(answers), sessions.hits], [[0, 0, 0, 0, 0], 0])
  })
})

describe('the channel sallyport:cache tells', () => {
  it('evictions by reason, as many as are counted', async (t) => {
    const events = recordEvents(t)
    const started = startCache(t, { l1MaxCapacity: 20, l1MaxBytes: 100_000, l1TtlSec: 100, l1TimeToIdleSec: 10 })
    await setAll(started, idsUpTo(50))
    for (const id of idsUpTo(30, 'large')) await started.cache.setAuthSession(id, sessionOf(id, ballast(id, 10)))
    await setAll(started, ['asked'])
    await keepAsking(started.clock, { forMs: 110_000, stepMs: 5_000 }, () => started.cache.getAuthSession('asked'))
    await started.clock.advance(120_000)
    const { evictions } = started.cache.stats().sessions
    for (const reason of ['capacity', 'bytes', 'expired', 'idle'] as const) {
      const told = ofType(events, 'evicted').filter((event) => event.reason === reason)
      assert.equal(
        told.reduce((sum, { count }) => sum + count, 0),
        evictions[reason],
        reason,
      )
      assert.ok(evictions[reason] > 0, `nothing evicted: ${reason}`)
    }
  })

  it('the lease: held, lost and held again; the bypasses meanwhile', async (t) => {
    const clock = manualClock()
    const { store, answer } = storeWithEpochs(memoryStore({ clock }))
    const events = recordEvents(t)
    const started = startCache(t, { store, clock })
    await setAll(started, ['x'])
    await readsToGet(started, 'x')
    answer(() => Promise.reject(new Error('cut')))
    await keepAsking(clock, { forMs: 5_000 }, () => readsToGet(started, 'x'))
    answer(undefined)
    await keepAsking(clock, { forMs: 2_000 }, () => readsToGet(started, 'x'))
    assert.deepEqual(
      ofType(events, 'lease').map(({ state }) => state),
      ['held', 'lost', 'held'],
    )
    const told = ofType(events, 'bypassed').filter(({ reason }) => reason === 'lease')
    assert.equal(told.length, started.cache.stats().sessions.bypasses.lease)
    assert.ok(started.cache.stats().coherence.pollFailures >= 5)
  })

  it('the breaker: open, half-open and closed', async (t) => {
    const clock = manualClock()
    const ailing = failingStore(memoryStore({ clock }))
    const events = recordEvents(t)
    const { cache } = startCache(t, { store: ailing.store, clock })
    await cache.setAuthSession('x', sessionOf('x'))
    ailing.throwAlways()
    await keepAsking(clock, { forMs: 5_000, stepMs: 50 }, () => cache.getAuthSession('y').catch(() => {}))
    assert.notEqual(cache.stats().store.breaker, 'closed')
    ailing.heal()
    await keepAsking(clock, { forMs: 2_000, stepMs: 50 }, () => cache.getAuthSession('y').catch(() => {}))
    const told = ofType(events, 'breaker')
    assert.deepEqual(new Set(told.map(({ store }) => store)), new Set(['memory']))
    assert.deepEqual([told[0]!.state, told.at(-1)!.state], ['open', 'closed'])
    assert.ok(told.some(({ state }) => state === 'half-open'))
    assert.equal(cache.stats().store.breaker, 'closed')
  })

  it('a fill that was overtaken by a write, which is not kept', async (t) => {
    const clock = manualClock()
    const inner = memoryStore({ clock })
    const held = heldStore(inner)
    const events = recordEvents(t)
    const [other, mine] = [startCache(t, { store: inner, clock }), startCache(t, { store: held.store, clock })]
    await setAll(other, ['x'])
    await mine.cache.getAuthSession('warm up')
    held.hold('read', 'answer')
    const early = watch(mine.cache.getAuthSession('x'))
    await clock.advance(0)
    await mine.cache.invalidateAuthSession('x')
    held.pass('read')
    held.release('read')
    await clock.advance(0)
    assert.equal(early.state, 'fulfilled')
    assert.equal(await mine.cache.getAuthSession('x'), undefined)
    const told = ofType(events, 'fill-discarded')
    assert.deepEqual([told.length, mine.cache.stats().sessions.discardedFills], [1, 1])
  })

  it('a push that does not continue what was known', async (t) => {
    const clock = manualClock()
    const makeStore = await storesOf(t, 'sqlite', clock)
    const events = recordEvents(t)
    const one = startCache(t, { store: makeStore(), clock })
    const two = startCache(t, { counting: one.counting, clock })
    const elsewhere = startCache(t, { store: makeStore(), clock })
    await one.cache.setAuthSession('x', sessionOf('x'))
    await readsToGet(two, 'x')
    for (const id of idsUpTo(1_000)) await elsewhere.cache.invalidateAuthSession(id)
    for (const id of idsUpTo(300, 'other')) await one.cache.invalidateAuthSession(id)
    const { coherence } = two.cache.stats()
    assert.ok(coherence.pushes >= 300, `${coherence.pushes} pushes`)
    assert.ok(coherence.pushGaps > 0)
    assert.ok(ofType(events, 'push-gap').every(({ bucket }) => bucket >= 0 && bucket < 256))
    assert.ok(ofType(events, 'push-gap').length >= coherence.pushGaps)
    assert.deepEqual(await two.cache.getAuthSession('x'), sessionOf('x'))
  })

  it('a store that forgot what it acknowledged, with an error in the log', async (t) => {
    const clock = manualClock()
    const inner = memoryStore({ clock })
    const { store, answer } = storeWithEpochs(inner)
    const events = recordEvents(t)
    const { cache, lines } = startCache(t, { store, clock })
    await setAll({ cache }, ['x', 'y'])
    await cache.invalidateAuthSession('y')
    await keepAsking(clock, { forMs: 2_000 }, () => cache.getAuthSession('x'))
    assert.equal(cache.stats().coherence.violations, 0)
    answer(async (known) => ({ ...(await inner.epochs(known)), numbers: known.map(() => 0), recent: [] }))
    await keepAsking(clock, { forMs: 2_000 }, () => cache.getAuthSession('x'))
    assert.ok(cache.stats().coherence.violations >= 1)
    const [first] = ofType(events, 'coherence-violation')
    assert.equal(first?.reason, 'forgotten')
    assert.ok(lines.some(({ level }) => level === 'error'))
  })

  it('a store that told of a change too late, with an error in the log', async (t) => {
    const clock = manualClock()
    const inner = memoryStore({ clock })
    const { store, answer } = storeWithEpochs(inner)
    const events = recordEvents(t)
    const [other, mine] = [startCache(t, { store: inner, clock }), startCache(t, { store, clock })]
    await setAll(other, ['x', 'y'])
    for (const id of ['x', 'x', 'y', 'y']) await readsToGet(mine, id)
    const { numbers } = await inner.epochs([])
    // As a lagging replica would: its own clock goes on, what it knows does not.
    answer(async (known) => ({ ...(await inner.epochs(known)), numbers, recent: [] }))
    await other.cache.invalidateAuthSession('y')
    await keepAsking(clock, { forMs: 5_000 }, () => mine.cache.getAuthSession('x'))
    answer(undefined)
    await keepAsking(clock, { forMs: 2_000 }, () => mine.cache.getAuthSession('x'))
    assert.equal(await mine.cache.getAuthSession('y'), undefined)
    assert.ok(mine.cache.stats().coherence.violations >= 1)
    assert.equal(ofType(events, 'coherence-violation')[0]?.reason, 'late')
    assert.ok(mine.lines.some(({ level }) => level === 'error'))
  })

  it('a policy that failed, with an error in the log', async (t) => {
    const events = recordEvents(t)
    const error = new Error('my policy has a bug')
    const broken = (): EvictionPolicy => ({ added() {}, used() {}, removed() {}, evict: () => assert.fail(error) })
    const started = startCache(t, { l1MaxCapacity: 5, l1EvictionPolicy: broken })
    await setAll(started, idsUpTo(20))
    const told = ofType(events, 'policy-failed')
    assert.deepEqual([told.length, told[0]?.error], [1, error])
    assert.equal(started.lines.filter(({ level }) => level === 'error').length, 1)
  })
})

describe('no key, token, id or claim', () => {
  /** Everything an outsider could read of a value, errors with their causes included. */
  const everything = (value: unknown): string =>
    `${inspect(value, { depth: 12, showHidden: true, maxStringLength: null, maxArrayLength: null })} ${JSON.stringify(value)} ${String(value)}`

  /** Has everything happen that is told of, and returns all that was said and all that must not be in it. */
  async function sayEverything(t: TestContext): Promise<{ said: string[]; secrets: string[] }> {
    const clock = manualClock()
    const events = recordEvents(t)
    const { logger, lines } = recordingLogger()
    const keys = new Set<string>()
    const inner = memoryStore({ maxEntries: 40, clock, logger })
    let isGarbled = false
    const read: Store['read'] = async (wanted) => {
      for (const key of wanted) keys.add(key)
      const reply = await inner.read(wanted)
      return isGarbled ? { ...reply, entries: reply.entries.map((entry) => garbled(entry)) } : reply
    }
    const noting = alteredStore(inner, { read })
    const ailing = failingStore(noting)
    const broken = (): EvictionPolicy => ({ added() {}, used() {}, removed() {}, evict: () => NaN })
    const plan = { store: ailing.store, clock, logger, l1MaxCapacity: 10, l1EvictionPolicy: broken }
    const { cache } = startCache(t, { ...plan, serveStaleForSec: 2 })
    const errors: unknown[] = []
    const [ids, states] = [idsUpTo(60, 'secret-id-'), idsUpTo(60, 'secret-state-')]
    const failed = (work: Promise<unknown>): Promise<unknown> => work.catch((error: unknown) => void errors.push(error))
    const tryAll = async (): Promise<void> => {
      for (const [i, id] of ids.entries()) {
        const work = [
          () => cache.setAuthSession(id, sessionOf(`subject of ${id}`, { note: `note of ${id}` })),
          () => cache.getAuthSession(id),
          () => cache.extendAuthSession(id, 60),
          () => cache.setCodeVerifier(states[i]!, `verifier of ${id}`),
          () => cache.getCodeVerifier(states[i]!),
          () => (i % 3 === 0 ? cache.invalidateAuthSession(id) : cache.invalidateCodeVerifier(states[i]!)),
          () => cache.setAuthSession(id, { ...sessionOf(id), data: { note: 1n } }),
        ]
        for (const one of work) {
          await settled(clock, failed(one()))
        }
      }
    }
    await tryAll()
    ailing.throwAlways()
    await tryAll()
    ailing.heal()
    await clock.advance(2_000)
    isGarbled = true
    await tryAll()
    await cache.close()
    await tryAll()
    assert.ok(errors.length > 100 && events.length > 20 && lines.length > 3, 'too little was said')
    const said = [...events, ...lines, ...errors, cache.stats()].map(everything)
    const keyTexts = [...keys].flatMap((key) => [key, key.slice(key.indexOf(':') + 1)])
    return {
      said,
      secrets: [secret, 'secret-id-', 'secret-state-', 'subject of', 'note of', 'verifier of', ...keyTexts],
    }
  }

  it('is in any event, log line, error or counter', async (t) => {
    const { said, secrets } = await sayEverything(t)
    const text = said.join('\n')
    assert.ok(secrets.length > 100)
    for (const each of secrets) assert.ok(!text.includes(each), `${each.slice(0, 12)}… was said`)
    assert.ok(!text.includes('token-of'), 'a token was said')
  })
})
