import type { L1Priority } from '../config.ts'
import type { EvictionPolicy } from './eviction-policy.ts'
import { firstSlots, withRoomFor } from './slot-array.ts'

/** From the first to leave to the last. */
const classes: readonly L1Priority[] = ['low', 'normal', 'high']

/**
 * One policy for each class of entries, so that whoever leaves is of the lowest class that holds anything. A class costs
 * nothing before its first entry; while there has been only one, a use goes straight to its policy.
 */
export class Priorities {
  readonly #create: () => EvictionPolicy
  readonly #policies: (EvictionPolicy | undefined)[] = classes.map(() => undefined)
  readonly #held: number[] = classes.map(() => 0)
  /** The policy of all entries, while they have been of one class. */
  #only: EvictionPolicy | undefined
  #classOf: Uint8Array = new Uint8Array(firstSlots)

  /** `create` makes the policy of a class when its first entry comes. */
  constructor(create: () => EvictionPolicy) {
    this.#create = create
  }

  /** As of {@link EvictionPolicy}, and the class of the entry: it stays that as long as the entry is in this slot. */
  added(slot: number, hash: number, priority: L1Priority): void {
    const rank = classes.indexOf(priority)
    if (slot >= this.#classOf.length) this.#classOf = withRoomFor(this.#classOf, slot, Infinity)
    this.#classOf[slot] = rank
    this.#held[rank]!++
    const policy = this.#policies[rank] ?? this.#open(rank)
    policy.added(slot, hash)
  }

  used(slot: number): void {
    const policy = this.#only ?? this.#policies[this.#classOf[slot]!]!
    policy.used(slot)
  }

  removed(slot: number): void {
    const rank = this.#classOf[slot]!
    this.#held[rank]!--
    this.#policies[rank]!.removed(slot)
  }

  /** Whether an entry of this class may make another leave: none leaves for one of a lower class. */
  admits(priority: L1Priority): boolean {
    return this.#held.findIndex((held) => held > 0) <= classes.indexOf(priority)
  }

  /** The slot of the entry that leaves. Called only when there is one. */
  evict(): number {
    let rank = 0
    while (this.#held[rank] === 0) rank++
    this.#held[rank]!--
    return this.#policies[rank]!.evict()
  }

  #open(rank: number): EvictionPolicy {
    const policy = this.#create()
    const first = this.#policies.every((each) => each === undefined)
    this.#only = first ? policy : undefined
    this.#policies[rank] = policy
    return policy
  }
}
