import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { SlotCache, slotSteps, sideBySide } from '../../../test/support/slot-cache.ts'
import type { L1Priority } from '../config.ts'
import type { EvictionPolicy } from './eviction-policy.ts'
import { Lru } from './lru.ts'
import { Priorities } from './priorities.ts'

const classes: L1Priority[] = ['low', 'normal', 'high']

/** As one policy: the class of an entry is its key modulo three. */
function classified(priorities: Priorities): EvictionPolicy {
  return {
    added: (slot, hash) => priorities.added(slot, hash, classes[hash % 3]!),
    used: (slot) => priorities.used(slot),
    removed: (slot) => priorities.removed(slot),
    evict: () => priorities.evict(),
  }
}

/** The same with an array: the least recent first. */
class NaivePriorities implements EvictionPolicy {
  #items: { slot: number; rank: number }[] = []

  added(slot: number, hash: number): void {
    this.#items.push({ slot, rank: hash % 3 })
  }

  used(slot: number): void {
    const item = this.#items.find((each) => each.slot === slot)!
    this.removed(slot)
    this.#items.push(item)
  }

  removed(slot: number): void {
    this.#items = this.#items.filter((each) => each.slot !== slot)
  }

  evict(): number {
    const victim = this.#items.reduce((lowest, each) => (each.rank < lowest.rank ? each : lowest))
    this.removed(victim.slot)
    return victim.slot
  }
}

describe('priorities', () => {
  test('whoever leaves is of the lowest class that holds anything, and in it as the policy says', () => {
    const cache = new SlotCache(classified(new Priorities(() => new Lru(10))), 10)
    for (const key of [0, 1, 2, 3, 4, 5, 0]) cache.ask(key)
    assert.deepEqual(cache.drain(), [3, 0, 1, 4, 2, 5])
  })

  test('make the policy of a class when its first entry comes, and not again', () => {
    let made = 0
    const priorities = new Priorities(() => {
      made++
      return new Lru(10)
    })
    const counts = [made]
    for (const [slot, priority] of (['normal', 'normal', 'high', 'normal', 'low', 'high'] as const).entries()) {
      priorities.added(slot, 0, priority)
      counts.push(made)
    }
    assert.deepEqual(counts, [0, 1, 1, 2, 2, 3, 3])
  })

  test('tell an entry’s own policy, and no other, what happens to it', () => {
    const calls: string[] = []
    const recorders = ['first', 'second'].map((name): EvictionPolicy => ({
      added: (slot) => void calls.push(`${name} added ${slot}`),
      used: (slot) => void calls.push(`${name} used ${slot}`),
      removed: (slot) => void calls.push(`${name} removed ${slot}`),
      evict: () => 0,
    }))
    const priorities = new Priorities(() => recorders.shift()!)
    priorities.added(0, 0, 'normal')
    priorities.used(0)
    priorities.added(1, 0, 'high')
    priorities.used(0)
    priorities.used(1)
    priorities.removed(0)
    assert.deepEqual(calls, [
      'first added 0',
      'first used 0',
      'second added 1',
      'first used 0',
      'second used 1',
      'first removed 0',
    ])
  })

  test('whatever happens, choose as a plain list would', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), slotSteps(60), (capacity, steps) => {
        const priorities = new Priorities(() => new Lru(capacity))
        const cache = new SlotCache(sideBySide(classified(priorities), new NaivePriorities()), capacity)
        for (const step of steps) cache.play(step)
        cache.drain()
      }),
      { numRuns: 500 },
    )
  })
})
