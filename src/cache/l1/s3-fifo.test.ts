import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { sideBySide, SlotCache, slotSteps } from '../../../test/support/slot-cache.ts'
import type { EvictionPolicy } from './eviction-policy.ts'
import { S3Fifo } from './s3-fifo.ts'

interface Item {
  slot: number
  hash: number
  uses: number
}

/** The same with arrays, the oldest first, and a ghost that forgets nothing early. */
class NaiveS3Fifo implements EvictionPolicy {
  #small: Item[] = []
  #main: Item[] = []
  /** Everything ever let go of; what came back, or left again, is struck out. */
  #ghost: (number | undefined)[] = []

  added(slot: number, hash: number): void {
    const at = this.#ghost.lastIndexOf(hash)
    const size = this.#held - Math.floor(this.#held / 10)
    const remembered = at >= 0 && this.#ghost.length - at <= size
    if (remembered) this.#ghost[at] = undefined
    const queue = remembered ? this.#main : this.#small
    queue.push({ slot, hash, uses: 0 })
  }

  used(slot: number): void {
    const item = [...this.#small, ...this.#main].find((each) => each.slot === slot)!
    item.uses = Math.min(item.uses + 1, 3)
  }

  removed(slot: number): void {
    this.#small = this.#small.filter((each) => each.slot !== slot)
    this.#main = this.#main.filter((each) => each.slot !== slot)
  }

  evict(): number {
    const isSmallLarge = this.#small.length >= this.#held / 10
    if (this.#main.length === 0 || (this.#small.length > 0 && isSmallLarge)) {
      const item = this.#small.shift()!
      if (item.uses < 2) {
        this.#ghost = [...this.#ghost.map((hash) => (hash === item.hash ? undefined : hash)), item.hash]
        return item.slot
      }
      this.#main.push({ ...item, uses: 0 })
    } else {
      const item = this.#main.shift()!
      if (item.uses === 0) return item.slot
      this.#main.push({ ...item, uses: item.uses - 1 })
    }
    return this.evict()
  }

  get #held(): number {
    return this.#small.length + this.#main.length
  }
}

/** Ten entries that were all asked for twice again, so that they sit in main, and then as many strangers. */
function busyCache(strangers: number): SlotCache {
  const cache = new SlotCache(new S3Fifo(20), 20)
  for (let round = 0; round < 3; round++) for (let key = 0; key < 10; key++) cache.ask(key)
  for (let key = 100; key < 100 + strangers; key++) cache.ask(key)
  return cache
}

const busy = Array.from({ length: 10 }, (_, key) => key)

describe('S3-FIFO', () => {
  test('keeps what is asked for often through a scan of strangers', () => {
    const cache = busyCache(10_000)
    assert.ok(busy.every((key) => cache.has(key)))
  })

  test('lets go of what is asked for no more, once others are', () => {
    const cache = busyCache(100)
    for (let key = 200; key < 240; key++) for (let times = 0; times < 3; times++) cache.ask(key)
    assert.ok(busy.every((key) => !cache.has(key)))
  })

  test('gives a newcomer that comes back soon after it left a place among the busy ones', () => {
    const cache = busyCache(15)
    assert.ok(!cache.has(100), 'it should have left')
    cache.ask(100)
    for (let key = 300; key < 330; key++) cache.ask(key)
    assert.ok(cache.has(100))
  })

  test('treats one that comes back late as a stranger', () => {
    const cache = busyCache(60)
    cache.ask(100)
    for (let key = 300; key < 330; key++) cache.ask(key)
    assert.ok(!cache.has(100))
  })

  test('whatever happens, chooses as plain lists would', () => {
    fc.assert(
      // 40 keys: so few and so close together that no bucket of the ghost is ever full.
      fc.property(fc.integer({ min: 1, max: 36 }), slotSteps(40), (capacity, steps) => {
        const cache = new SlotCache(sideBySide(new S3Fifo(capacity), new NaiveS3Fifo()), capacity)
        for (const step of steps) cache.play(step)
        cache.drain()
      }),
      { numRuns: 1_000 },
    )
  })
})
