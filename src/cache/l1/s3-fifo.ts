import type { EvictionPolicy } from './eviction-policy.ts'
import { GhostTable } from './ghost-table.ts'
import { firstSlots, withRoomFor } from './slot-array.ts'
import { SlotLists } from './slot-lists.ts'

const small = 0
const main = 1

/** The small queue's share of the entries held, as a divisor. */
const smallShare = 10
/** Uses that take an entry from the small queue to main. */
const usesForMain = 2
/** More uses than this are not told apart. */
const mostUses = 3

/**
 * S3-FIFO (Yang et al., SOSP 2023): three first-in-first-out queues. A new entry waits in _small_; if nobody used it
 * twice by the end, it leaves, and only its hash stays, in the _ghost_. One that comes back while its ghost is there
 * goes to _main_, as does one that was used twice; there each use buys another round. So what is asked for once leaves
 * early, and a use costs one write.
 *
 * The shares follow the entries held now, not the capacity, since a bound in bytes may allow for fewer.
 */
export class S3Fifo implements EvictionPolicy {
  readonly #maxEntries: number
  readonly #queues: SlotLists
  readonly #ghost: GhostTable = new GhostTable()
  #inSmall = 0
  #inMain = 0
  #queueOf: Uint8Array = new Uint8Array(firstSlots)
  #uses: Uint8Array = new Uint8Array(firstSlots)
  #hashes: Int32Array = new Int32Array(firstSlots)

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries
    this.#queues = new SlotLists(2, maxEntries)
  }

  added(slot: number, hash: number): void {
    if (slot >= this.#uses.length) this.#grow(slot)
    this.#hashes[slot] = hash
    this.#uses[slot] = 0
    if (this.#ghost.take(hash, this.#ghostSize())) this.#enterMain(slot)
    else this.#enterSmall(slot)
  }

  used(slot: number): void {
    const uses = this.#uses[slot]!
    if (uses < mostUses) this.#uses[slot] = uses + 1
  }

  removed(slot: number): void {
    this.#queues.remove(slot)
    if (this.#queueOf[slot] === main) this.#inMain--
    else this.#inSmall--
  }

  evict(): number {
    for (;;) {
      const held = this.#inSmall + this.#inMain
      const left = this.#inSmall > 0 && this.#inSmall * smallShare >= held ? this.#advanceSmall() : this.#advanceMain()
      if (left !== undefined) return left
    }
  }

  /** Takes the oldest of small; returns it if it leaves. */
  #advanceSmall(): number | undefined {
    const slot = this.#queues.oldest(small)
    this.removed(slot)
    if (this.#uses[slot]! < usesForMain) {
      this.#ghost.remember(this.#hashes[slot]!, this.#ghostSize())
      return slot
    }
    this.#uses[slot] = 0
    this.#enterMain(slot)
    return undefined
  }

  /** Takes the oldest of main; returns it if it leaves. */
  #advanceMain(): number | undefined {
    const slot = this.#queues.oldest(main)
    this.removed(slot)
    if (this.#uses[slot] === 0) return slot
    this.#uses[slot]!--
    this.#enterMain(slot)
    return undefined
  }

  #ghostSize(): number {
    const held = this.#inSmall + this.#inMain
    return held - Math.floor(held / smallShare)
  }

  #enterSmall(slot: number): void {
    this.#queueOf[slot] = small
    this.#inSmall++
    this.#queues.append(small, slot)
  }

  #enterMain(slot: number): void {
    this.#queueOf[slot] = main
    this.#inMain++
    this.#queues.append(main, slot)
  }

  #grow(slot: number): void {
    this.#queueOf = withRoomFor(this.#queueOf, slot, this.#maxEntries)
    this.#uses = withRoomFor(this.#uses, slot, this.#maxEntries)
    this.#hashes = withRoomFor(this.#hashes, slot, this.#maxEntries)
  }
}
