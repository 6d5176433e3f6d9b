import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sideBySide, SlotCache, slotSteps } from '../../../test/support/slot-cache.ts'
import type { EvictionPolicy } from './eviction-policy.ts'
import { Lru } from './lru.ts'

/** The same with an array: the least recent first. */
class NaiveLru implements EvictionPolicy {
  #slots: number[] = []

  added(slot: number): void {
    this.#slots.push(slot)
  }

  used(slot: number): void {
    this.removed(slot)
    this.#slots.push(slot)
  }

  removed(slot: number): void {
    this.#slots = this.#slots.filter((each) => each !== slot)
  }

  evict(): number {
    return this.#slots.shift()!
  }
}

test('the entry that was asked for least recently leaves', () => {
  const cache = new SlotCache(new Lru(3), 3)
  for (const key of [1, 2, 3, 1, 4]) cache.ask(key)
  assert.deepEqual(cache.drain(), [3, 1, 4])
})

test('whatever happens, it chooses as a plain list would', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), slotSteps(60), (capacity, steps) => {
      const cache = new SlotCache(sideBySide(new Lru(capacity), new NaiveLru()), capacity)
      for (const step of steps) cache.play(step)
      cache.drain()
    }),
    { numRuns: 500 },
  )
})
