import type { EvictionPolicy } from './eviction-policy.ts'
import { SlotLists } from './slot-lists.ts'

const recency = 0

/** Least recently used leaves first. One scan empties it; below about 100 entries nothing is better. */
export class Lru implements EvictionPolicy {
  readonly #lists: SlotLists

  constructor(maxEntries: number) {
    this.#lists = new SlotLists(1, maxEntries)
  }

  added(slot: number): void {
    this.#lists.append(recency, slot)
  }

  used(slot: number): void {
    if (this.#lists.newest(recency) === slot) return
    this.#lists.remove(slot)
    this.#lists.append(recency, slot)
  }

  removed(slot: number): void {
    this.#lists.remove(slot)
  }

  evict(): number {
    const slot = this.#lists.oldest(recency)
    this.#lists.remove(slot)
    return slot
  }
}
