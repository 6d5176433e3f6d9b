import { firstSlots, withRoomFor } from './slot-array.ts'

/**
 * Several doubly linked lists of slots in one array; a slot is in at most one of them.
 *
 * Each list has a node of its own before those of the slots and is a ring through it, so that leaving a list needs
 * neither its number nor a branch. Every operation is O(1).
 */
export class SlotLists {
  readonly #lists: number
  readonly #maxEntries: number
  /** The newer neighbour of node n at 2n, the older one at 2n + 1. */
  #links: Int32Array

  constructor(lists: number, maxEntries: number) {
    this.#lists = lists
    this.#maxEntries = maxEntries
    this.#links = new Int32Array(2 * (lists + firstSlots))
    for (let list = 0; list < lists; list++) this.#connect(list, list)
  }

  /** Puts a slot that is in no list at the newest end of this one. */
  append(list: number, slot: number): void {
    const node = this.#lists + slot
    if (2 * node >= this.#links.length) this.#grow(slot)
    this.#connect(this.#links[2 * list + 1]!, node)
    this.#connect(node, list)
  }

  remove(slot: number): void {
    const node = this.#lists + slot
    this.#connect(this.#links[2 * node + 1]!, this.#links[2 * node]!)
  }

  /** The slot that has been in the list longest; negative if the list is empty. */
  oldest(list: number): number {
    return this.#links[2 * list]! - this.#lists
  }

  /** The slot that came into the list last; negative if the list is empty. */
  newest(list: number): number {
    return this.#links[2 * list + 1]! - this.#lists
  }

  /** Puts all slots of one list, in their order, at the newest end of another. */
  moveAll(from: number, to: number): void {
    if (this.oldest(from) < 0) return
    this.#connect(this.#links[2 * to + 1]!, this.#links[2 * from]!)
    this.#connect(this.#links[2 * from + 1]!, to)
    this.#connect(from, from)
  }

  #connect(older: number, newer: number): void {
    this.#links[2 * older] = newer
    this.#links[2 * newer + 1] = older
  }

  #grow(slot: number): void {
    this.#links = withRoomFor(this.#links, 2 * (this.#lists + slot) + 1, 2 * (this.#lists + this.#maxEntries))
  }
}
