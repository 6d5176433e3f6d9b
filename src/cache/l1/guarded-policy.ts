import type { CreateEvictionPolicy, EvictionPolicy } from './eviction-policy.ts'
import { S3Fifo } from './s3-fifo.ts'
import { firstSlots, withRoomFor } from './slot-array.ts'

/**
 * A policy made by a user, who may be wrong. It keeps its own record of which slots are occupied; when the policy
 * throws, or names a slot that is not, S3-FIFO takes over with all of them, and the cache goes on.
 */
export class GuardedPolicy implements EvictionPolicy {
  readonly #maxEntries: number
  readonly #onFailure: (error: unknown) => void
  #policy: EvictionPolicy
  #occupied: Uint8Array = new Uint8Array(firstSlots)
  #hashes: Int32Array = new Int32Array(firstSlots)

  /** `onFailure` is called at most once, with what went wrong. */
  constructor(create: CreateEvictionPolicy, maxEntries: number, onFailure: (error: unknown) => void) {
    this.#maxEntries = maxEntries
    this.#onFailure = onFailure
    try {
      this.#policy = create(maxEntries)
      assertSynchronous(this.#policy)
      if (!isPolicy(this.#policy)) throw new TypeError('the eviction policy lacks a method')
    } catch (error) {
      this.#policy = this.#replacement(error)
    }
  }

  added(slot: number, hash: number): void {
    if (slot >= this.#occupied.length) this.#grow(slot)
    this.#occupied[slot] = 1
    this.#hashes[slot] = hash
    try {
      assertSynchronous(this.#policy.added(slot, hash))
    } catch (error) {
      this.#policy = this.#replacement(error)
    }
  }

  used(slot: number): void {
    try {
      assertSynchronous(this.#policy.used(slot))
    } catch (error) {
      this.#policy = this.#replacement(error)
    }
  }

  removed(slot: number): void {
    this.#occupied[slot] = 0
    try {
      assertSynchronous(this.#policy.removed(slot))
    } catch (error) {
      this.#policy = this.#replacement(error)
    }
  }

  evict(): number {
    const slot = this.#victim()
    this.#occupied[slot] = 0
    return slot
  }

  #victim(): number {
    try {
      const slot = this.#policy.evict()
      assertSynchronous(slot)
      if (Number.isInteger(slot) && this.#occupied[slot] === 1) return slot
      throw new RangeError('the eviction policy chose a slot that is not occupied')
    } catch (error) {
      this.#policy = this.#replacement(error)
      return this.#policy.evict()
    }
  }

  /** It starts without a past: nothing was used, nothing is remembered. */
  #replacement(error: unknown): EvictionPolicy {
    this.#onFailure(error)
    const policy = new S3Fifo(this.#maxEntries)
    for (let slot = 0; slot < this.#occupied.length; slot++) {
      if (this.#occupied[slot] === 1) policy.added(slot, this.#hashes[slot]!)
    }
    return policy
  }

  #grow(slot: number): void {
    this.#occupied = withRoomFor(this.#occupied, slot, this.#maxEntries)
    this.#hashes = withRoomFor(this.#hashes, slot, this.#maxEntries)
  }
}

function isPolicy(made: Partial<EvictionPolicy> | undefined | null): boolean {
  const methods = [made?.added, made?.used, made?.removed, made?.evict]
  return methods.every((method) => typeof method === 'function')
}

/** Nobody waits for a promise: left alone, its rejection would end the process. */
function assertSynchronous(answer: unknown): void {
  if (!(answer instanceof Promise)) return
  answer.catch(() => {})
  throw new TypeError('neither an eviction policy nor what makes it may be async')
}
