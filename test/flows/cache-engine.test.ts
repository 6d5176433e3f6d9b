import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createAuth } from '../../src/index.ts'
import type { AuthSession, EvictionPolicy, EvictionPolicyName } from '../../src/index.ts'
import { secret, silentLogger, startWorld } from '../support/app.ts'
import { ballast, idsUpTo, keepAsking, readsToGet, sessionOf, setAll, startCache } from '../support/cached-sessions.ts'
import { sessionCookie, signedIn } from '../support/sign-in.ts'

/** Every object in `value` that could be changed. */
function unfrozenIn(value: unknown, path = 'value'): string[] {
  if (typeof value !== 'object' || value === null) return []
  const inside = Object.entries(value).flatMap(([name, each]) => unfrozenIn(each, `${path}.${name}`))
  return Object.isFrozen(value) ? inside : [path, ...inside]
}

/** First in, first out. */
function fifo(): EvictionPolicy {
  const queue = new Set<number>()
  const removed = (slot: number): void => void queue.delete(slot)
  return {
    added: (slot) => void queue.add(slot),
    used() {},
    removed,
    evict() {
      const [oldest = 0] = queue
      removed(oldest)
      return oldest
    },
  }
}

const policies: readonly (EvictionPolicyName | typeof fifo)[] = ['s3-fifo', 'lru', 'lfu', fifo]
const nameOf = (policy: (typeof policies)[number]): string => (typeof policy === 'string' ? policy : 'an own policy')

describe('memory is bounded', () => {
  for (const l1EvictionPolicy of policies) {
    it(`by entries (${nameOf(l1EvictionPolicy)}), and what left is read again`, async (t) => {
      const started = startCache(t, { l1MaxCapacity: 10, l1EvictionPolicy })
      for (const id of idsUpTo(100)) {
        await started.cache.setAuthSession(id, sessionOf(id))
        assert.ok(started.cache.stats().sessions.entries <= 10)
      }
      assert.equal(started.cache.stats().sessions.entries, 10)
      assert.equal(started.cache.stats().sessions.evictions.capacity, 90)
      for (const id of idsUpTo(100)) assert.ok((await readsToGet(started, id)) <= 1)
      assert.equal(started.cache.stats().sessions.entries, 10)
    })

    it(`by bytes (${nameOf(l1EvictionPolicy)})`, async (t) => {
      const started = startCache(t, { l1MaxBytes: 100_000, l1EvictionPolicy })
      for (const id of idsUpTo(100)) {
        await started.cache.setAuthSession(id, sessionOf(id, ballast(id, 5)))
        assert.ok(started.cache.stats().sessions.bytes <= 100_000)
      }
      const { entries, evictions } = started.cache.stats().sessions
      assert.ok(entries >= 5 && entries <= 20, `${entries} entries of 5 KB in 100 KB`)
      assert.equal(evictions.bytes, 100 - entries)
      for (const id of idsUpTo(100)) assert.ok((await readsToGet(started, id)) <= 1)
    })
  }

  it('and what was invalidated takes no room', async (t) => {
    const { cache } = startCache(t)
    for (const id of idsUpTo(50)) await cache.setAuthSession(id, sessionOf(id))
    const full = cache.stats().sessions.bytes
    assert.ok(full > 50 * 100, `${full} bytes`)
    for (const id of idsUpTo(50)) await cache.invalidateAuthSession(id)
    const { entries, bytes } = cache.stats().sessions
    assert.deepEqual([entries, bytes], [0, 0])
  })

  it('and replacing a session again and again takes the room of one', async (t) => {
    const { cache } = startCache(t, { l1MaxCapacity: 3 })
    await cache.setAuthSession('x', sessionOf('x'))
    const { bytes } = cache.stats().sessions
    for (let i = 0; i < 50; i += 1) await cache.setAuthSession('x', sessionOf('x'))
    assert.equal(cache.stats().sessions.entries, 1)
    assert.ok(cache.stats().sessions.bytes < 1.1 * bytes, `${bytes} bytes became ${cache.stats().sessions.bytes}`)
  })
})

describe('a session leaves memory', () => {
  it('after l1TtlSec, however often it is asked for, and is read again', async (t) => {
    const started = startCache(t, { l1TtlSec: 5 })
    await started.cache.setAuthSession('x', sessionOf('x'))
    await keepAsking(started.clock, { forMs: 4_500 }, async () => assert.equal(await readsToGet(started, 'x'), 0))
    await started.clock.advance(600)
    assert.equal(await readsToGet(started, 'x'), 1)
    assert.equal(await readsToGet(started, 'x'), 0)
  })

  it('after l1TimeToIdleSec without a question, and stays for as long as it is asked for', async (t) => {
    const started = startCache(t, { l1TimeToIdleSec: 5 })
    await setAll(started, ['asked for', 'forgotten'])
    await keepAsking(started.clock, { forMs: 6_000 }, async () =>
      assert.equal(await readsToGet(started, 'asked for'), 0),
    )
    assert.equal(await readsToGet(started, 'forgotten'), 1)
    assert.equal(await readsToGet(started, 'asked for'), 0)
  })

  it('when it expires, although l1TtlSec is longer', async (t) => {
    const { cache, clock } = startCache(t, { l1TtlSec: 3_600 })
    await cache.setAuthSession('x', sessionOf('x'), 5)
    await keepAsking(clock, { forMs: 4_500 }, async () => assert.ok(await cache.getAuthSession('x')))
    await clock.advance(600)
    assert.equal(await cache.getAuthSession('x'), undefined)
  })

  for (const [option, reason] of [
    ['l1TtlSec', 'expired'],
    ['l1TimeToIdleSec', 'idle'],
  ] as const) {
    it(`though nobody asks for anything any more (${option})`, async (t) => {
      const { cache, clock } = startCache(t, { [option]: 30 })
      for (const id of idsUpTo(500)) await cache.setAuthSession(id, sessionOf(id))
      for (const id of idsUpTo(500)) await cache.setCodeVerifier(id, 'verifier')
      await clock.advance(600_000 + 120_000)
      const { sessions, verifiers } = cache.stats()
      assert.deepEqual([sessions.entries, sessions.bytes, sessions.evictions[reason]], [0, 0, 500])
      assert.deepEqual([verifiers.entries, verifiers.bytes], [0, 0])
    })
  }
})

describe('who leaves first', () => {
  it('with lru: the least recently used', async (t) => {
    const started = startCache(t, { l1MaxCapacity: 3, l1EvictionPolicy: 'lru' })
    await setAll(started, ['a', 'b', 'c'])
    await started.cache.getAuthSession('a')
    await setAll(started, ['d'])
    for (const id of ['a', 'c', 'd']) assert.equal(await readsToGet(started, id), 0, id)
    assert.equal(await readsToGet(started, 'b'), 1)
  })

  it('with lfu: the least often used', async (t) => {
    const started = startCache(t, { l1MaxCapacity: 3, l1EvictionPolicy: 'lfu' })
    await setAll(started, ['a', 'b', 'c'])
    for (const id of ['a', 'a', 'a', 'b', 'b', 'b', 'c']) await started.cache.getAuthSession(id)
    await setAll(started, ['d'])
    for (const id of ['a', 'b']) assert.equal(await readsToGet(started, id), 0, id)
    assert.equal(await readsToGet(started, 'c'), 1)
  })

  it('with s3-fifo: what is asked for once, not what comes back', async (t) => {
    const started = startCache(t, { l1MaxCapacity: 100 })
    const regulars = idsUpTo(20, 'regular')
    await setAll(started, regulars)
    for (let round = 0; round < 3; round += 1) for (const id of regulars) await started.cache.getAuthSession(id)
    await setAll(started, idsUpTo(1_000, 'bot'))
    for (const id of regulars) assert.equal(await readsToGet(started, id), 0, id)
  })

  it("with one's own policy: whom it names; it is told the capacity, and the same hash for the same key", async (t) => {
    const capacities: number[] = []
    const hashes: number[] = []
    const slots = new Set<number>()
    const started = startCache(t, {
      l1MaxCapacity: 3,
      l1EvictionPolicy: (maxEntries) => {
        const policy = fifo()
        capacities.push(maxEntries)
        const added = (slot: number, hash: number): void => {
          hashes.push(hash)
          slots.add(slot)
          policy.added(slot, hash)
        }
        return { ...policy, added }
      },
    })
    await setAll(started, ['a', 'b', 'c'])
    await started.cache.getAuthSession('a')
    await setAll(started, ['d'])
    for (const id of ['b', 'c', 'd']) assert.equal(await readsToGet(started, id), 0, id)
    assert.equal(await readsToGet(started, 'a'), 1)
    assert.ok(capacities.includes(3), capacities.join())
    assert.deepEqual([hashes.length, hashes[0]], [5, hashes[4]])
    assert.equal(new Set(hashes).size, 4)
    assert.ok([...slots].every((slot) => Number.isInteger(slot) && slot >= 0 && slot < 4))
  })

  for (const l1EvictionPolicy of policies) {
    it(`with priorities: a lower class before any of a higher one (${nameOf(l1EvictionPolicy)})`, async (t) => {
      const started = startCache(t, {
        l1MaxCapacity: 10,
        l1EvictionPolicy,
        l1Priority: ({ data }) => data['class'] as 'low' | 'normal' | 'high',
      })
      const set = (id: string, priority: string): Promise<void> =>
        started.cache.setAuthSession(id, sessionOf(id, { class: priority }))
      for (const id of idsUpTo(4, 'high')) await set(id, 'high')
      for (const id of idsUpTo(3, 'normal')) await set(id, 'normal')
      for (const id of idsUpTo(50, 'low')) await set(id, 'low')
      for (const id of [...idsUpTo(4, 'high'), ...idsUpTo(3, 'normal')]) assert.equal(await readsToGet(started, id), 0)
      for (const id of idsUpTo(50, 'crowd')) await set(id, 'normal')
      for (const id of idsUpTo(4, 'high')) assert.equal(await readsToGet(started, id), 0, id)
      assert.equal(started.cache.stats().sessions.entries, 10)
    })
  }
})

describe('a newcomer of a lower class', () => {
  for (const l1EvictionPolicy of policies) {
    it(`pushes out nobody of a higher one, and is read each time (${nameOf(l1EvictionPolicy)})`, async (t) => {
      const started = startCache(t, {
        l1MaxCapacity: 10,
        l1EvictionPolicy,
        l1Priority: ({ data }) => (data['owner'] as string).replace(/\d+$/, '') as 'low' | 'normal' | 'high',
      })
      await setAll(started, idsUpTo(10, 'high'))
      await setAll(started, [...idsUpTo(20, 'normal'), ...idsUpTo(20, 'low')])
      for (const id of idsUpTo(10, 'high')) assert.equal(await readsToGet(started, id), 0, id)
      for (const id of ['normal1', 'normal1', 'low1', 'low1']) assert.equal(await readsToGet(started, id), 1, id)
    })
  }
})

describe('without a second or a first tier', () => {
  it('enableL1 false: memory keeps nothing, nothing is polled, and every question is one read', async (t) => {
    const started = startCache(t, { enableL1: false })
    await started.cache.setAuthSession('x', sessionOf('x'))
    await started.cache.setCodeVerifier('state', 'verifier')
    for (let ask = 0; ask < 3; ask += 1) assert.equal(await readsToGet(started, 'x'), 1)
    assert.equal(await started.cache.getCodeVerifier('state'), 'verifier')
    await keepAsking(started.clock, { forMs: 5_000 }, async () => assert.equal(await readsToGet(started, 'x'), 1))
    const { sessions, verifiers, coherence, answers } = started.cache.stats()
    assert.deepEqual([sessions.entries, verifiers.entries, answers.l1], [0, 0, 0])
    assert.deepEqual([coherence.lease, started.counting.count('epochs')], ['off', 0])
  })

  it('enableL1 false: a change made elsewhere is seen at once', async (t) => {
    const one = startCache(t, { enableL1: false })
    const two = startCache(t, { enableL1: false, store: one.counting.store, clock: one.clock })
    await setAll(one, ['x'])
    assert.equal(await readsToGet(two, 'x'), 1)
    await one.cache.invalidateAuthSession('x')
    assert.equal(await two.cache.getAuthSession('x'), undefined)
  })

  it('no store given: the seven operations work in memory alone', async (t) => {
    const options = { issuer: 'https://login.example', clientId: 'web', baseUrl: 'https://app.example' }
    const auth = createAuth({ ...options, secret, logger: silentLogger, cache: { l1MaxCapacity: 2 } })
    t.after(() => auth.close())
    for (const id of idsUpTo(10)) await auth.cache.setAuthSession(id, sessionOf(id))
    for (const id of idsUpTo(10)) assert.deepEqual(await auth.cache.getAuthSession(id), sessionOf(id))
    await auth.cache.invalidateAuthSession('id3')
    assert.equal(await auth.cache.getAuthSession('id3'), undefined)
  })
})

describe('values are frozen', () => {
  const rich = sessionOf('x', { list: [1, { deep: ['y'] }], nested: { empty: {}, nothing: null } })

  it('however they come: just written, read, from memory, joined', async (t) => {
    const writer = startCache(t)
    await writer.cache.setAuthSession('x', rich)
    const reader = startCache(t, { store: writer.counting.store, clock: writer.clock })
    const values = [
      await writer.cache.getAuthSession('x'),
      ...(await Promise.all([reader.cache.getAuthSession('x'), reader.cache.getAuthSession('x')])),
      await reader.cache.getAuthSession('x'),
    ]
    for (const value of values) {
      assert.deepEqual(value, rich)
      assert.deepEqual(unfrozenIn(value), [])
    }
  })

  it('without freezing or keeping the object that was given', async (t) => {
    const { cache } = startCache(t)
    const mine = structuredClone(rich) as AuthSession & { data: { list: unknown[] } }
    await cache.setAuthSession('x', mine)
    mine.data.list.push('later')
    assert.deepEqual(await cache.getAuthSession('x'), rich)
  })

  it('so that nobody can change what the next one is answered', async (t) => {
    const { cache } = startCache(t)
    await cache.setAuthSession('x', rich)
    const got = (await cache.getAuthSession('x')) as AuthSession & { data: { list: unknown[] } }
    assert.throws(() => got.data.list.push('more'), TypeError)
    Reflect.set(got, 'accessToken', 'changed')
    assert.deepEqual(await cache.getAuthSession('x'), rich)
  })
})

describe('session.update copies on write', () => {
  it('leaves what another request holds as it was, and freezes the new value too', async (t) => {
    const { app } = await startWorld(t)
    const cookie = `sallyport=${sessionCookie(await signedIn(app), app)}`
    const [writer, bystander] = [await app.auth.authenticate(cookie), await app.auth.authenticate(cookie)]
    const before = writer!.data
    await writer!.update((draft) => void draft.notes.push('new'))
    assert.deepEqual([before.notes, bystander!.data.notes], [[], []])
    assert.deepEqual(writer!.data.notes, ['new'])
    const next = await app.auth.authenticate(cookie)
    assert.deepEqual(next!.data.notes, ['new'])
    for (const session of [writer!, bystander!, next!]) {
      assert.deepEqual([unfrozenIn(session.data), unfrozenIn(session.claims)], [[], []])
    }
  })

  it('keeps nothing of a change that threw', async (t) => {
    const { app } = await startWorld(t)
    const cookie = `sallyport=${sessionCookie(await signedIn(app), app)}`
    const session = (await app.auth.authenticate(cookie))!
    const failed = session.update((draft) => {
      draft.notes.push('half')
      throw new Error('changed my mind')
    })
    await assert.rejects(failed, /changed my mind/)
    assert.deepEqual(session.data.notes, [])
    assert.deepEqual((await app.auth.authenticate(cookie))!.data.notes, [])
  })
})
