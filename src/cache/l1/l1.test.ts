import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { resolveCacheConfig, type L1Config, type L1Priority } from '../config.ts'
import { CacheEntry } from '../entry.ts'
import type { EvictionPolicy } from './eviction-policy.ts'
import { L1 } from './l1.ts'

interface Place {
  key?: string
  bucket?: number
  /** Seconds it lives from `at` on. */
  livesSec?: number
  at?: number
}

function entry(text: string, { key = `key of ${text}`, bucket = 0, livesSec = 3_600, at = 0 }: Place = {}) {
  const times = { createdAt: at, lastSeenAt: at, expiresAt: at + livesSec * 1_000 }
  const reading = { stamp: 0, at: { monotonic: at, wall: at }, storeNow: at }
  return new CacheEntry({ text, key, value: 'value', version: 1, times }, reading, { bucket, ttlMs: 3_600_000 })
}

interface Room {
  l1: L1<string>
  failures: unknown[]
  put(text: string, how?: Place & { bytes?: number; priority?: L1Priority }): CacheEntry<string>
  /** Which of these texts are there, without anybody asking for them. */
  held(texts: string): string
}

function room(config: L1Config = {}): Room {
  const failures: unknown[] = []
  const l1 = new L1<string>('values', resolveCacheConfig(config), (error) => void failures.push(error))
  return {
    l1,
    failures,
    put(text, { bytes = 100, priority = 'normal', ...place } = {}) {
      const made = entry(text, place)
      l1.set(made, bytes, priority)
      return made
    },
    held: (texts) => [...texts].filter((text) => l1.ofKey(`key of ${text}`) !== undefined).join(''),
  }
}

describe('room for so many entries', () => {
  test('is never exceeded, and what left is counted', () => {
    const { l1, put } = room({ l1MaxCapacity: 3 })
    for (const text of 'abcdefgh') put(text)
    assert.equal(l1.size, 3)
    assert.equal(l1.evictions.capacity, 5)
  })

  for (const l1EvictionPolicy of ['s3-fifo', 'lru', 'lfu'] as const) {
    test(`${l1EvictionPolicy} keeps what is asked for again and again`, () => {
      const { l1, put, held } = room({ l1MaxCapacity: 3, l1EvictionPolicy })
      for (const text of 'abc') put(text)
      for (const text of 'defgh') {
        for (let i = 0; i < 3; i++) l1.find('a', 1)
        put(text)
      }
      assert.equal(held('a'), 'a')
    })
  }

  test('loses nothing when an entry it has is set again', () => {
    const { l1, put, held } = room({ l1MaxCapacity: 3 })
    for (const text of 'abca') put(text)
    assert.equal(held('abc'), 'abc')
    assert.equal(l1.evictions.capacity, 0)
  })

  test('of one entry holds the last', () => {
    const { put, held } = room({ l1MaxCapacity: 1 })
    for (const text of 'abc') put(text)
    assert.equal(held('abc'), 'c')
  })
})

describe('room for so many bytes', () => {
  test('is never exceeded, and what left is counted', () => {
    const { l1, put } = room({ l1MaxBytes: 4_096 })
    for (const text of 'abcdef') put(text, { bytes: 1_000 })
    assert.equal(l1.size, 4)
    assert.equal(l1.bytes, 4_000)
    assert.equal(l1.evictions.bytes, 2)
  })

  test('is made for an entry as large as all others together', () => {
    const { l1, put, held } = room({ l1MaxBytes: 4_096 })
    for (const text of 'abcd') put(text, { bytes: 1_000 })
    put('e', { bytes: 4_096 })
    assert.equal(held('abcde'), 'e')
    assert.equal(l1.bytes, 4_096)
  })

  test('is not taken by an entry larger than all of it, which pushes nobody out', () => {
    const { l1, put, held } = room({ l1MaxBytes: 4_096 })
    put('a')
    put('b', { bytes: 4_097 })
    assert.equal(held('ab'), 'a')
    assert.equal(l1.tooLarge, 1)
  })

  test('an entry that grew beyond all of it takes its older self away', () => {
    const { l1, put, held } = room({ l1MaxBytes: 4_096 })
    put('a')
    put('a', { bytes: 4_097 })
    assert.equal(held('a'), '')
    assert.equal(l1.bytes, 0)
  })
})

describe('time', () => {
  test('takes an entry out when its life is over, and that is counted', () => {
    const { l1, put } = room()
    put('a', { livesSec: 10 })
    assert.equal(l1.find('a', 9_999)?.text, 'a')
    assert.equal(l1.find('a', 10_000), undefined)
    assert.equal(l1.size, 0)
    assert.equal(l1.evictions.expired, 1)
  })

  test('takes an entry out when nobody asked for it that long', () => {
    const { l1, put } = room({ l1TimeToIdleSec: 10 })
    put('a')
    assert.equal(l1.find('a', 9_000)?.text, 'a')
    assert.equal(l1.find('a', 18_999)?.text, 'a')
    assert.equal(l1.find('a', 28_999), undefined)
    assert.equal(l1.evictions.idle, 1)
  })

  test('does not make an entry old that nobody asked for, unless an idle time is set', () => {
    const { l1, put } = room()
    put('a')
    assert.equal(l1.find('a', 3_599_999)?.text, 'a')
  })
})

describe('the sweep', () => {
  test('takes out what expired and what lies idle, and leaves the rest', () => {
    const { l1, put, held } = room({ l1TimeToIdleSec: 60 })
    put('a', { livesSec: 10 })
    put('b')
    put('c', { at: 50_000 })
    l1.sweep(70_000, 100)
    assert.equal(held('abc'), 'c')
    assert.deepEqual([l1.evictions.expired, l1.evictions.idle], [1, 1])
  })

  test('looks at no more places than it may, and goes on where it ended', () => {
    const { l1, put } = room()
    for (const text of 'abcdef') put(text, { livesSec: 10 })
    l1.sweep(20_000, 2)
    assert.equal(l1.size, 4)
    l1.sweep(20_000, 2)
    l1.sweep(20_000, 2)
    assert.equal(l1.size, 0)
  })

  test('happens a little with every insertion, so that the dead do not outnumber those who come', () => {
    const { l1, put } = room({ l1MaxCapacity: 1_000 })
    for (let i = 0; i < 100; i++) put(`old ${i}`, { livesSec: 1 })
    for (let i = 0; i < 100; i++) put(`new ${i}`, { at: 2_000 })
    assert.equal(l1.size, 100)
  })
})

describe('priority', () => {
  test('lets no entry leave while there is one of a lower class', () => {
    const { put, held } = room({ l1MaxCapacity: 3 })
    put('a', { priority: 'high' })
    put('b', { priority: 'low' })
    put('c')
    put('d')
    assert.equal(held('abcd'), 'acd')
    put('e')
    assert.ok(held('a') === 'a')
  })

  test('lets a higher class push out a lower one, and never the other way while there is a choice', () => {
    const { put, held } = room({ l1MaxCapacity: 2 })
    put('a', { priority: 'low' })
    put('b', { priority: 'low' })
    put('c', { priority: 'high' })
    put('d', { priority: 'high' })
    assert.equal(held('abcd'), 'cd')
  })

  test('lets a newcomer of a lower class leave at once rather than push out a higher one', () => {
    const { put, held } = room({ l1MaxCapacity: 2 })
    put('a', { priority: 'high' })
    put('b', { priority: 'high' })
    put('c', { priority: 'low' })
    assert.equal(held('abc'), 'ab')
  })

  test('of a newer version counts from then on', () => {
    const { put, held } = room({ l1MaxCapacity: 2 })
    put('a', { priority: 'low' })
    put('b')
    put('a', { priority: 'high' })
    put('c')
    assert.equal(held('abc'), 'ac')
  })
})

test('a newer version of an entry is as popular as the one before', () => {
  const { l1, put, held } = room({ l1MaxCapacity: 10 })
  put('a')
  for (let i = 0; i < 5; i++) l1.find('a', 1)
  put('a')
  for (let i = 0; i < 10; i++) put(`stranger ${i}`)
  assert.equal(held('a'), 'a')
})

describe('one key, one entry', () => {
  test('a second text for a key replaces the first', () => {
    const { l1, put } = room()
    put('first', { key: 'key' })
    put('second', { key: 'key' })
    assert.equal(l1.find('first', 1), undefined)
    assert.equal(l1.find('second', 1)?.key, 'key')
    assert.equal(l1.size, 1)
  })

  test('a second key under a text replaces the first', () => {
    const { l1, put } = room()
    put('text', { key: 'one' })
    put('text', { key: 'two' })
    assert.equal(l1.ofKey('one'), undefined)
    assert.equal(l1.find('text', 1)?.key, 'two')
    assert.equal(l1.size, 1)
  })

  test('is deleted by key, with its text', () => {
    const { l1, put } = room()
    put('a')
    l1.delete('key of a')
    l1.delete('key of a')
    assert.equal(l1.find('a', 1), undefined)
    assert.deepEqual([l1.size, l1.bytes], [0, 0])
  })

  test('is deleted with its bucket', () => {
    const { l1, put, held } = room()
    put('a', { bucket: 1 })
    put('b', { bucket: 2 })
    l1.deleteBucket(1)
    assert.equal(held('ab'), 'b')
  })
})

describe('a policy of one’s own', () => {
  const newestFirst = (): EvictionPolicy => {
    const slots: number[] = []
    const removed = (slot: number): void => void slots.splice(slots.indexOf(slot), 1)
    return { added: (slot) => void slots.push(slot), used() {}, removed, evict: () => slots.pop()! }
  }

  test('decides', () => {
    const { put, held } = room({ l1MaxCapacity: 2, l1EvictionPolicy: newestFirst })
    for (const text of 'abcd') put(text)
    assert.equal(held('abcd'), 'ad')
  })

  test('that fails is replaced, told of once, and nothing is lost', () => {
    const broken = (): EvictionPolicy => ({
      ...newestFirst(),
      evict() {
        throw new Error('no idea')
      },
    })
    const { l1, failures, put } = room({ l1MaxCapacity: 2, l1EvictionPolicy: broken })
    for (const text of 'abcdef') put(text)
    assert.equal(l1.size, 2)
    assert.equal(failures.length, 1)
  })
})

test('whatever happens: never more than there is room for, and sizes, bytes and both indexes agree', () => {
  const texts = [...'abcdefghij']
  const text = fc.constantFrom(...texts)
  const operation = fc.oneof(
    fc.record({ do: fc.constant('put' as const), text, bytes: fc.integer({ min: 1, max: 5_000 }), sec: fc.nat(20) }),
    fc.record({ do: fc.constantFrom('find' as const, 'delete' as const), text }),
    fc.record({ do: fc.constant('pass' as const), ms: fc.nat(8_000) }),
    fc.record({ do: fc.constant('sweep' as const), slots: fc.nat(5) }),
    fc.record({ do: fc.constant('clear' as const) }),
  )
  const l1EvictionPolicy = fc.constantFrom('s3-fifo' as const, 'lru' as const, 'lfu' as const)
  const priorities = fc.infiniteStream(fc.constantFrom<L1Priority>('low', 'normal', 'high'))
  fc.assert(
    fc.property(
      fc.array(operation, { maxLength: 120 }),
      l1EvictionPolicy,
      priorities,
      (operations, policy, classes) => {
        const config = { l1MaxCapacity: 4, l1MaxBytes: 8_000, l1TimeToIdleSec: 10, l1EvictionPolicy: policy }
        const { l1, put } = room(config)
        let now = 0
        for (const step of operations) {
          if (step.do === 'put')
            put(step.text, { bytes: step.bytes, livesSec: step.sec, at: now, priority: classes.next().value })
          else if (step.do === 'find') l1.find(step.text, now)
          else if (step.do === 'delete') l1.delete(`key of ${step.text}`)
          else if (step.do === 'pass') now += step.ms
          else if (step.do === 'sweep') l1.sweep(now, step.slots)
          else l1.clear()

          const held = texts.map((each) => l1.ofKey(`key of ${each}`)).filter((each) => each !== undefined)
          assert.ok(l1.size <= 4 && l1.bytes <= 8_000)
          assert.equal(held.length, l1.size)
          assert.equal(
            held.reduce((sum, { bytes }) => sum + bytes, 0),
            l1.bytes,
          )
          assert.equal(new Set(held.map(({ slot }) => slot)).size, l1.size)
        }
        for (const each of texts) {
          const byKey = l1.ofKey(`key of ${each}`)
          const found = l1.find(each, now)
          assert.ok(found === byKey || (found === undefined && byKey !== undefined), 'found what is not there')
        }
      },
    ),
  )
})
