import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { CacheEntry } from '../entry.ts'
import { L1 } from './l1.ts'

function entry(text: string, key: string = `key of ${text}`, bucket = 0): CacheEntry<string> {
  const times = { createdAt: 0, lastSeenAt: 0, expiresAt: 1_000 }
  const reading = { stamp: 0, at: { monotonic: 0, wall: 0 }, storeNow: 0 }
  return new CacheEntry({ text, key, value: 'value', version: 1, times }, reading, { bucket, ttlMs: 1_000 })
}

function filled(capacity: number, ...texts: string[]): L1<string> {
  const l1 = new L1<string>(capacity)
  for (const text of texts) l1.set(entry(text))
  return l1
}

/** Which of these texts are there. */
function heldOf(l1: L1<string>, texts: string): string {
  return [...texts].filter((text) => l1.get(text) !== undefined).join('')
}

describe('a full L1', () => {
  test('lets the least recently set entry go first', () => {
    const l1 = filled(3, 'a', 'b', 'c', 'd')
    assert.equal(heldOf(l1, 'abcd'), 'bcd')
  })

  test('keeps an entry that was used since', () => {
    const l1 = filled(3, 'a', 'b', 'c')
    l1.use(l1.get('a')!)
    l1.set(entry('d'))
    assert.equal(heldOf(l1, 'abcd'), 'acd')
  })

  test('is not disturbed by a mere look', () => {
    const l1 = filled(3, 'a', 'b', 'c')
    l1.get('a')
    l1.ofKey('key of a')
    l1.set(entry('d'))
    assert.equal(heldOf(l1, 'abcd'), 'bcd')
  })

  test('loses nothing when an entry it has is set again', () => {
    const l1 = filled(3, 'a', 'b', 'c')
    l1.set(entry('a'))
    assert.equal(heldOf(l1, 'abc'), 'abc')
    assert.equal(l1.evictions, 0)
  })

  test('counts what it let go for want of room, and nothing else', () => {
    const l1 = filled(2, 'a', 'b', 'c', 'd')
    l1.delete('key of d')
    l1.clear()
    assert.equal(l1.evictions, 2)
  })

  test('of one entry holds the last', () => {
    assert.equal(heldOf(filled(1, 'a', 'b', 'c'), 'abc'), 'c')
  })
})

describe('one entry per key', () => {
  test('a second text for the same key replaces the first', () => {
    const l1 = new L1<string>(10)
    l1.set(entry('first', 'key'))
    l1.set(entry('second', 'key'))
    assert.equal(l1.get('first'), undefined)
    assert.equal(l1.ofKey('key'), l1.get('second'))
    assert.equal(l1.size, 1)
  })

  test('deleting the key forgets the text that stands for it', () => {
    const l1 = filled(10, 'a')
    l1.delete('key of a')
    assert.equal(l1.get('a'), undefined)
    assert.equal(l1.size, 0)
  })

  test('deleting a key that is not there changes nothing', () => {
    const l1 = filled(10, 'a')
    l1.delete('another')
    assert.equal(heldOf(l1, 'a'), 'a')
  })
})

test('a bucket is deleted with all of its entries and no other', () => {
  const l1 = new L1<string>(10)
  for (const [text, bucket] of [
    ['a', 1],
    ['b', 2],
    ['c', 1],
  ] as const) {
    l1.set(entry(text, `key of ${text}`, bucket))
  }
  l1.deleteBucket(1)
  assert.equal(heldOf(l1, 'abc'), 'b')
})

/** What L1 must do, told with an array: the most recent last. */
class Model {
  readonly capacity: number
  entries: CacheEntry<string>[] = []
  evictions = 0

  constructor(capacity: number) {
    this.capacity = capacity
  }

  set(added: CacheEntry<string>): void {
    this.delete(added.key)
    if (this.entries.length === this.capacity) {
      this.entries.shift()
      this.evictions++
    }
    this.entries.push(added)
  }

  use(text: string): void {
    const used = this.get(text)
    if (used !== undefined) this.entries = [...this.entries.filter((each) => each !== used), used]
  }

  get(text: string): CacheEntry<string> | undefined {
    return this.entries.find((each) => each.text === text)
  }

  delete(key: string): void {
    this.entries = this.entries.filter((each) => each.key !== key)
  }

  deleteBucket(bucket: number): void {
    this.entries = this.entries.filter((each) => each.bucket !== bucket)
  }
}

test('after any operations it holds what a plain list would: same entries, same order of leaving, same counts', () => {
  const keys = ['k0', 'k1', 'k2', 'k3', 'k4', 'k5']
  // Two texts for each key, as two spellings of a cookie would be; the key says the bucket, as in life.
  const texts = keys.flatMap((key) => [`${key}/a`, `${key}/b`])
  const text = fc.constantFrom(...texts)
  const operation = fc.oneof(
    { weight: 5, arbitrary: fc.record({ set: text }) },
    { weight: 4, arbitrary: fc.record({ use: text }) },
    { weight: 1, arbitrary: fc.record({ again: text }) },
    { weight: 2, arbitrary: fc.record({ delete: fc.constantFrom(...keys, 'unknown') }) },
    { weight: 1, arbitrary: fc.record({ deleteBucket: fc.nat({ max: 2 }) }) },
    { weight: 1, arbitrary: fc.constant({ clear: true }) },
  )
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.array(operation, { maxLength: 60, size: 'max' }),
      (capacity, operations) => {
        const l1 = new L1<string>(capacity)
        const model = new Model(capacity)
        const made = new Map<string, CacheEntry<string>>()
        for (const each of operations) {
          if ('set' in each) {
            const key = each.set.slice(0, 2)
            const added = entry(each.set, key, Number(key[1]) % 3)
            made.set(each.set, added)
            l1.set(added)
            model.set(added)
          } else if ('again' in each) {
            // The very object that was set before: it may still be there, or have left by any way.
            const added = made.get(each.again)
            if (added === undefined) continue
            l1.set(added)
            model.set(added)
          } else if ('use' in each) {
            const used = l1.get(each.use)
            if (used !== undefined) l1.use(used)
            model.use(each.use)
          } else if ('delete' in each) {
            l1.delete(each.delete)
            model.delete(each.delete)
          } else if ('deleteBucket' in each) {
            l1.deleteBucket(each.deleteBucket)
            model.deleteBucket(each.deleteBucket)
          } else {
            l1.clear()
            model.entries = []
          }
          assertSame(l1, model, keys, texts)
        }
        assert.deepEqual(leavingOrder(l1, capacity, texts), leavingOrderOf(model))
      },
    ),
    { numRuns: 1_000 },
  )
})

function assertSame(l1: L1<string>, model: Model, keys: string[], texts: string[]): void {
  assert.equal(l1.size, model.entries.length)
  assert.equal(l1.evictions, model.evictions)
  for (const text of texts) assert.ok(l1.get(text) === model.get(text), `text ${text}`)
  for (const key of keys) assert.ok(l1.ofKey(key) === model.entries.find((each) => each.key === key), `key ${key}`)
}

/** Fills it with strangers one by one and notes who leaves. */
function leavingOrder(l1: L1<string>, capacity: number, texts: string[]): string[] {
  const left: string[] = []
  for (let stranger = 0; stranger < capacity; stranger++) {
    const before = texts.filter((text) => l1.get(text) !== undefined)
    l1.set(entry(`stranger ${stranger}`))
    left.push(...before.filter((text) => l1.get(text) === undefined))
  }
  return left
}

function leavingOrderOf(model: Model): string[] {
  return model.entries.map((each) => each.text)
}
