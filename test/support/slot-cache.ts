import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { EvictionPolicy } from '../../src/cache/l1/eviction-policy.ts'

/** What happens to a cache, as far as its eviction policy can tell. Keys are small numbers, and their own hashes. */
export type SlotStep = { ask: number } | { drop: number } | { evict: true }

/** Sequences of steps over the keys from 0 up to, but not including, `keys`. */
export function slotSteps(keys: number): fc.Arbitrary<SlotStep[]> {
  const key = fc.nat({ max: keys - 1 })
  const step = fc.oneof(
    { weight: 12, arbitrary: fc.record({ ask: key }) },
    { weight: 2, arbitrary: fc.record({ drop: key }) },
    { weight: 1, arbitrary: fc.constant<SlotStep>({ evict: true }) },
  )
  return fc.array(step, { maxLength: 400, size: 'max' })
}

/** The least cache around a policy: it hands out slots as L1 does, and fails if the policy names one that is free. */
export class SlotCache {
  readonly #policy: EvictionPolicy
  readonly #capacity: number
  readonly #slotOf = new Map<number, number>()
  readonly #keyOf: (number | undefined)[] = []
  readonly #free: number[] = []

  constructor(policy: EvictionPolicy, capacity: number) {
    this.#policy = policy
    this.#capacity = capacity
  }

  get size(): number {
    return this.#slotOf.size
  }

  has(key: number): boolean {
    return this.#slotOf.has(key)
  }

  play(step: SlotStep): void {
    if ('ask' in step) this.ask(step.ask)
    else if ('drop' in step) this.drop(step.drop)
    else if (this.size > 0) this.evict()
  }

  /** Whether it was there; it is now. */
  ask(key: number): boolean {
    const found = this.#slotOf.get(key)
    if (found !== undefined) {
      this.#policy.used(found)
      return true
    }
    if (this.size >= this.#capacity) this.evict()
    const slot = this.#free.pop() ?? this.#keyOf.length
    this.#slotOf.set(key, slot)
    this.#keyOf[slot] = key
    this.#policy.added(slot, key)
    return false
  }

  drop(key: number): void {
    const slot = this.#slotOf.get(key)
    if (slot === undefined) return
    this.#policy.removed(slot)
    this.#release(slot)
  }

  /** The key that left. */
  evict(): number {
    const slot = this.#policy.evict()
    const key = this.#keyOf[slot]
    assert.ok(key !== undefined, `slot ${slot} is free and cannot be evicted`)
    this.#release(slot)
    return key
  }

  /** Empties it; returns the keys in the order of leaving. */
  drain(): number[] {
    return Array.from({ length: this.size }, () => this.evict())
  }

  #release(slot: number): void {
    this.#slotOf.delete(this.#keyOf[slot]!)
    this.#keyOf[slot] = undefined
    this.#free.push(slot)
  }
}

/** Two policies as one: it fails where they disagree about who leaves. */
export function sideBySide(actual: EvictionPolicy, expected: EvictionPolicy): EvictionPolicy {
  return {
    added(slot, hash) {
      actual.added(slot, hash)
      expected.added(slot, hash)
    },
    used(slot) {
      actual.used(slot)
      expected.used(slot)
    },
    removed(slot) {
      actual.removed(slot)
      expected.removed(slot)
    },
    evict() {
      const slot = actual.evict()
      assert.equal(slot, expected.evict())
      return slot
    },
  }
}
