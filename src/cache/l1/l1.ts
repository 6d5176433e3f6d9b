import { hashOf } from '../bucket.ts'
import type { L1Priority, ResolvedL1Config } from '../config.ts'
import type { CacheEntry } from '../entry.ts'
import { publish, type EvictionReason } from '../events.ts'
import { Priorities } from './priorities.ts'
import { createPolicy } from './policies.ts'
import { firstSlots, withRoomFor } from './slot-array.ts'

/** Slots looked at with every insertion: expired entries leave at least as fast as others come. */
const slotsPerInsertion = 2

/**
 * The first tier: decoded entries by the text their owner holds, bounded by number and by bytes.
 *
 * Every entry sits in a slot, a small integer by which the eviction policy knows it. Nothing has a timer of its own:
 * what expired leaves when it is asked for, or when the sweep comes by.
 */
export class L1<V> {
  readonly #name: string
  readonly #room: ResolvedL1Config
  /** Infinity: entries need not be watched, for `l1TtlSec` is over first. */
  readonly #idleMs: number
  readonly #onPolicyFailure: (error: unknown) => void
  readonly #slotOfText = new Map<string, number>()
  /** At most one entry per store key: a second text for the same key replaces the first. */
  readonly #byKey = new Map<string, CacheEntry<V>>()
  #slots: (CacheEntry<V> | undefined)[] = []
  #freeSlots: number[] = []
  /** Monotonic, by slot: to look into an entry for its own deadline costs as much as all the rest of finding it. */
  #deadlines: Float64Array = new Float64Array(firstSlots)
  #policy: Priorities
  #hand = 0
  bytes: number = 0
  fills: number = 0
  tooLarge: number = 0
  readonly evictions: Record<EvictionReason, number> = { capacity: 0, bytes: 0, expired: 0, idle: 0 }

  constructor(name: string, room: ResolvedL1Config, onPolicyFailure: (error: unknown) => void) {
    this.#name = name
    this.#room = room
    this.#idleMs = room.l1TimeToIdleSec < room.l1TtlSec ? room.l1TimeToIdleSec * 1_000 : Infinity
    this.#onPolicyFailure = onPolicyFailure
    this.#policy = this.#createPolicy()
  }

  get size(): number {
    return this.#byKey.size
  }

  /** Slots in use or used before: what a full sweep has to look at. */
  get slots(): number {
    return this.#slots.length
  }

  /** The entry, unless its time is over. Whoever is found stays longer. */
  find(text: string, monotonic: number): CacheEntry<V> | undefined {
    const slot = this.#slotOfText.get(text)
    if (slot === undefined) return undefined
    const entry = this.#slots[slot]!
    if (monotonic >= this.#deadlines[slot]!) return this.#leave(entry, 'expired')
    if (this.#idleMs !== Infinity) {
      if (monotonic - entry.usedAt >= this.#idleMs) return this.#leave(entry, 'idle')
      entry.usedAt = monotonic
    }
    this.#policy.used(slot)
    return entry
  }

  ofKey(key: string): CacheEntry<V> | undefined {
    return this.#byKey.get(key)
  }

  set(entry: CacheEntry<V>, bytes: number, priority: L1Priority): void {
    // Two keys under one text would be two entries that only one of them can be found by.
    const namesake = this.#slots[this.#slotOfText.get(entry.text) ?? -1]
    if (namesake !== undefined && namesake.key !== entry.key) this.delete(namesake.key)
    if (bytes > this.#room.l1MaxBytes) {
      this.delete(entry.key)
      this.tooLarge++
      return
    }
    entry.bytes = bytes
    entry.priority = priority
    this.sweep(entry.readAt.monotonic, slotsPerInsertion)
    if (this.#takeOver(entry) || this.#makeRoom(entry)) this.fills++
  }

  /** The deadline of an entry that is here has moved. */
  noteDeadline({ slot, expiresAt }: CacheEntry<V>): void {
    this.#deadlines[slot] = expiresAt
  }

  delete(key: string): void {
    const entry = this.#byKey.get(key)
    if (entry === undefined) return
    this.#policy.removed(entry.slot)
    this.#unseat(entry)
  }

  deleteBucket(bucket: number): void {
    for (const entry of this.#byKey.values()) if (entry.bucket === bucket) this.delete(entry.key)
  }

  clear(): void {
    this.#slotOfText.clear()
    this.#byKey.clear()
    this.#slots = []
    this.#freeSlots = []
    this.#deadlines = new Float64Array(firstSlots)
    this.#hand = 0
    this.bytes = 0
    this.#policy = this.#createPolicy()
  }

  /** Lets go of what expired or lies idle among the next `slots` slots. */
  sweep(monotonic: number, slots: number): void {
    for (let i = Math.min(slots, this.#slots.length); i > 0; i--) {
      if (this.#hand >= this.#slots.length) this.#hand = 0
      const entry = this.#slots[this.#hand++]
      if (entry === undefined) continue
      if (monotonic >= this.#deadlines[entry.slot]!) this.#leave(entry, 'expired')
      else if (monotonic - entry.usedAt >= this.#idleMs) this.#leave(entry, 'idle')
    }
  }

  #evict(reason: 'capacity' | 'bytes'): void {
    const entry = this.#slots[this.#policy.evict()]!
    this.#unseat(entry)
    this.#count(reason)
  }

  #leave(entry: CacheEntry<V>, reason: 'expired' | 'idle'): undefined {
    this.delete(entry.key)
    this.#count(reason)
  }

  /** A newer version of what is here takes its place, and what the policy knows of it. */
  #takeOver(entry: CacheEntry<V>): boolean {
    const before = this.#byKey.get(entry.key)
    if (before === undefined) return false
    if (before.priority !== entry.priority) {
      this.delete(entry.key)
      return false
    }
    this.#unlink(before)
    this.#seat(entry, before.slot)
    this.#policy.used(entry.slot)
    while (this.bytes > this.#room.l1MaxBytes) this.#evict('bytes')
    return true
  }

  /** Others leave for it, unless all of them are of a higher class: then it is the one that leaves. */
  #makeRoom(entry: CacheEntry<V>): boolean {
    for (let reason = this.#lacks(entry.bytes); reason !== undefined; reason = this.#lacks(entry.bytes)) {
      if (!this.#policy.admits(entry.priority)) {
        this.#count(reason)
        return false
      }
      this.#evict(reason)
    }
    this.#seat(entry, this.#freeSlots.pop() ?? this.#slots.length)
    this.#policy.added(entry.slot, hashOf(entry.key), entry.priority)
    return true
  }

  #lacks(bytes: number): 'capacity' | 'bytes' | undefined {
    if (this.size >= this.#room.l1MaxCapacity) return 'capacity'
    return this.bytes + bytes > this.#room.l1MaxBytes ? 'bytes' : undefined
  }

  #seat(entry: CacheEntry<V>, slot: number): void {
    entry.slot = slot
    this.#slots[slot] = entry
    if (slot >= this.#deadlines.length) {
      this.#deadlines = withRoomFor(this.#deadlines, slot, this.#room.l1MaxCapacity)
    }
    this.noteDeadline(entry)
    this.#slotOfText.set(entry.text, slot)
    this.#byKey.set(entry.key, entry)
    this.bytes += entry.bytes
  }

  #unseat(entry: CacheEntry<V>): void {
    this.#unlink(entry)
    this.#slots[entry.slot] = undefined
    this.#freeSlots.push(entry.slot)
  }

  #unlink(entry: CacheEntry<V>): void {
    this.#byKey.delete(entry.key)
    this.#slotOfText.delete(entry.text)
    this.bytes -= entry.bytes
  }

  #count(reason: EvictionReason): void {
    this.evictions[reason]++
    publish({ type: 'evicted', partition: this.#name, reason, count: 1 })
  }

  #createPolicy(): Priorities {
    const { l1EvictionPolicy, l1MaxCapacity } = this.#room
    return new Priorities(() => createPolicy(l1EvictionPolicy, l1MaxCapacity, this.#onPolicyFailure))
  }
}
