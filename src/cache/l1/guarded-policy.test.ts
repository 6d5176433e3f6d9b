import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { SlotCache, slotSteps } from '../../../test/support/slot-cache.ts'
import type { CreateEvictionPolicy, EvictionPolicy } from './eviction-policy.ts'
import { GuardedPolicy } from './guarded-policy.ts'
import { Lru } from './lru.ts'
import { S3Fifo } from './s3-fifo.ts'

const capacity = 20

/** A cache around a user’s policy, and what was reported of it. */
function guarded(create: CreateEvictionPolicy): { cache: SlotCache; reported: unknown[] } {
  const reported: unknown[] = []
  const policy = new GuardedPolicy(create, capacity, (error) => reported.push(error))
  return { cache: new SlotCache(policy, capacity), reported }
}

/** LRU with some methods replaced. */
function lruBut(methods: Partial<EvictionPolicy>): CreateEvictionPolicy {
  return (maxEntries) => {
    const lru = new Lru(maxEntries)
    return {
      added: (slot) => lru.added(slot),
      used: (slot) => lru.used(slot),
      removed: (slot) => lru.removed(slot),
      evict: () => lru.evict(),
      ...methods,
    }
  }
}

function fail(): never {
  throw new Error('a mistake')
}

/** Enough of everything that no mistake stays unseen. */
function exercise(cache: SlotCache): void {
  for (let key = 0; key < 100; key++) {
    cache.ask(key)
    cache.ask(key >> 1)
    if (key % 7 === 0) cache.drop(key)
  }
}

test('a policy that keeps the contract decides, and nothing is reported', () => {
  const { cache, reported } = guarded(lruBut({}))
  for (const key of [1, 2, 3, 1]) cache.ask(key)
  assert.deepEqual([cache.drain(), reported], [[2, 3, 1], []])
})

describe('the cache goes on, and the error is reported once, if', () => {
  for (const method of ['added', 'used', 'removed', 'evict'] as const) {
    test(`${method} throws`, () => {
      const { cache, reported } = guarded(lruBut({ [method]: fail }))
      exercise(cache)
      assert.equal(cache.size, new Set(cache.drain()).size)
      assert.deepEqual(reported, [new Error('a mistake')])
    })
  }

  const wrongSlots = [-1, 0.5, NaN, Infinity, capacity + 1, 2 ** 40, undefined, null, '0', {}]
  for (const wrong of wrongSlots) {
    test(`evict returns ${inspect(wrong)}`, () => {
      const { cache, reported } = guarded(lruBut({ evict: () => wrong as number }))
      cache.ask(0)
      cache.evict()
      const atOnce = reported.length
      exercise(cache)
      assert.equal(cache.size, new Set(cache.drain()).size)
      assert.equal(atOnce, 1)
      assert.deepEqual(reported.map(String), ['RangeError: the eviction policy chose a slot that is not occupied'])
    })
  }

  test('evict names a slot that is free again', () => {
    const { cache, reported } = guarded(lruBut({ evict: () => 3 }))
    for (let key = 0; key < 10; key++) cache.ask(key)
    cache.drop(3)
    cache.evict()
    assert.deepEqual([cache.size, reported.length], [8, 1])
  })

  for (const [what, made] of Object.entries({
    nothing: undefined,
    null: null,
    'a promise': Promise.resolve(new Lru(1)),
    'an object that lacks a method': { added() {}, used() {}, removed() {} },
  })) {
    test(`the function that should make it returns ${what}`, () => {
      const { cache, reported } = guarded(() => made as unknown as EvictionPolicy)
      exercise(cache)
      assert.equal(reported.length, 1)
      assert.match(String(reported[0]), /^TypeError: .*(lacks a method|async)/)
    })
  }

  test('the function that should make it throws', () => {
    const { cache, reported } = guarded(fail)
    exercise(cache)
    assert.deepEqual(reported, [new Error('a mistake')])
  })
})

test('S3-FIFO takes over with all entries and their hashes', () => {
  const leavingOrder = (create: CreateEvictionPolicy): number[] => {
    const { cache } = guarded(create)
    for (let key = 100; key < 115; key++) cache.ask(key)
    const left = cache.evict()
    // What has just left comes back: S3-FIFO knows it by its hash, and keeps it longer than the stranger after it.
    cache.ask(left)
    cache.ask(200)
    return [left, ...cache.drain()]
  }
  assert.deepEqual(
    leavingOrder(lruBut({ evict: fail })),
    leavingOrder((maxEntries) => new S3Fifo(maxEntries)),
  )
})

test('whatever it does wrong, every entry leaves exactly once', () => {
  const mistakes = fc.infiniteStream(fc.constantFrom('none', 'none', 'none', 'throw', 'slot'))
  fc.assert(
    fc.property(mistakes, fc.integer(), slotSteps(60), (upcoming, slot, steps) => {
      const perhaps = (): void => void (upcoming.next().value === 'throw' && fail())
      const { cache, reported } = guarded((maxEntries) => {
        const lru = new Lru(maxEntries)
        return {
          added: (each) => (perhaps(), lru.added(each)),
          used: (each) => (perhaps(), lru.used(each)),
          removed: (each) => (perhaps(), lru.removed(each)),
          evict: () => (upcoming.next().value === 'slot' ? slot : (perhaps(), lru.evict())),
        }
      })
      for (const step of steps) cache.play(step)
      assert.equal(cache.size, new Set(cache.drain()).size)
      assert.ok(reported.length <= 1)
    }),
  )
})
