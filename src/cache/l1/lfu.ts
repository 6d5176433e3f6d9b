import type { EvictionPolicy } from './eviction-policy.ts'
import { firstSlots, withRoomFor } from './slot-array.ts'
import { SlotLists } from './slot-lists.ts'

/** Uses are counted from 0 to 15, in the low four bits of a slot's count; above them is the age it was counted in. */
const countBits = 4
const counts = 2 ** countBits
/** So many additions and uses per entry held halve all counts. */
const operationsPerAge = 10

/**
 * Least frequently used leaves first, of equals the one that has been at its count longest. Counts end at 15 and are
 * halved once the entries have been used ten times each on average, so that what was popular once does not stay for
 * ever.
 *
 * One list per count; halving joins lists and starts a new age, and a slot's count is brought up to date when it is
 * next used. Everything is O(1).
 */
export class Lfu implements EvictionPolicy {
  readonly #maxEntries: number
  readonly #lists: SlotLists
  #counts: Int32Array = new Int32Array(firstSlots)
  #age = 0
  #held = 0
  #operations = 0

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries
    this.#lists = new SlotLists(counts, maxEntries)
  }

  added(slot: number): void {
    if (slot >= this.#counts.length) this.#counts = withRoomFor(this.#counts, slot, this.#maxEntries)
    this.#held++
    this.#place(slot, 0)
  }

  used(slot: number): void {
    this.#lists.remove(slot)
    this.#place(slot, Math.min(this.#countOf(slot) + 1, counts - 1))
  }

  removed(slot: number): void {
    this.#held--
    this.#lists.remove(slot)
  }

  evict(): number {
    if (this.#operations >= operationsPerAge * this.#held) this.#halve()
    let count = 0
    while (this.#lists.oldest(count) < 0) count++
    const slot = this.#lists.oldest(count)
    this.removed(slot)
    return slot
  }

  #place(slot: number, count: number): void {
    this.#operations++
    this.#counts[slot] = (this.#age << countBits) | count
    this.#lists.append(count, slot)
  }

  #countOf(slot: number): number {
    const stored = this.#counts[slot]!
    // Ages wrap around.
    const ages = (this.#age - (stored >>> countBits)) & (2 ** (32 - countBits) - 1)
    return ages < countBits ? (stored & (counts - 1)) >> ages : 0
  }

  #halve(): void {
    this.#operations = 0
    this.#age++
    for (let count = 1; count < counts; count++) this.#lists.moveAll(count, count >> 1)
  }
}
