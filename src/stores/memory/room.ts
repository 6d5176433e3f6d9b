import { Lru } from '../../cache/l1/lru.ts'

/** What has a place in a room. */
export interface Occupant {
  /** Where it stands; the room's own. */
  slot: number
  readonly times: { readonly expiresAt: number }
}

/** How many places one look for somebody expired visits, so that a full room costs every newcomer the same. */
const glance = 16

/** Room for so many entries of one kind, and who leaves when it is full. */
export class Room<T extends Occupant> {
  readonly #maxEntries: number
  readonly #onNearlyFull: (entries: number) => void
  readonly #lru: Lru
  readonly #bySlot: (T | undefined)[] = []
  readonly #free: number[] = []
  #entries = 0
  #hand = 0
  #isWarned = false

  /** `onNearlyFull`: called at nine tenths, and then not again before it had sunk below eight. */
  constructor(maxEntries: number, onNearlyFull: (entries: number) => void) {
    this.#maxEntries = maxEntries
    this.#onNearlyFull = onNearlyFull
    this.#lru = new Lru(maxEntries)
  }

  get isFull(): boolean {
    return this.#entries >= this.#maxEntries
  }

  add(occupant: T): void {
    occupant.slot = this.#free.pop() ?? this.#bySlot.length
    this.#bySlot[occupant.slot] = occupant
    this.#lru.added(occupant.slot)
    this.#entries++
    if (this.#isWarned || this.#entries < 0.9 * this.#maxEntries) return
    this.#isWarned = true
    this.#onNearlyFull(this.#entries)
  }

  used({ slot }: T): void {
    this.#lru.used(slot)
  }

  remove({ slot }: T): void {
    this.#lru.removed(slot)
    this.#vacate(slot)
    if (this.#entries < 0.8 * this.#maxEntries) this.#isWarned = false
  }

  /** Lets somebody go who has expired, if a short look finds one; else whoever was used least recently. */
  evict(now: number): T {
    const slot = this.#expiredSlot(now)
    if (slot === undefined) return this.#vacate(this.#lru.evict())
    this.#lru.removed(slot)
    return this.#vacate(slot)
  }

  /** Each look begins where the last one ended. */
  #expiredSlot(now: number): number | undefined {
    for (let looks = Math.min(glance, this.#bySlot.length); looks > 0; looks--) {
      this.#hand = (this.#hand + 1) % this.#bySlot.length
      const occupant = this.#bySlot[this.#hand]
      if (occupant !== undefined && occupant.times.expiresAt <= now) return this.#hand
    }
    return undefined
  }

  #vacate(slot: number): T {
    const occupant = this.#bySlot[slot]!
    this.#bySlot[slot] = undefined
    this.#free.push(slot)
    this.#entries--
    return occupant
  }
}
