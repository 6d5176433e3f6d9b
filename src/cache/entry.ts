import type { Instant } from '../shared/clock.ts'
import type { L1Priority } from './config.ts'
import type { EntryTimes, StoredEntry } from './store.ts'

/** What the store says about a value beside the value. */
export type Stored = Pick<StoredEntry, 'version' | 'times'>

/** When and at which epoch a value was read: taken before the read was sent, so that it never claims too much. */
export interface Reading {
  /** The bucket's epoch, as known then. */
  readonly stamp: number
  readonly at: Instant
  /** The store's clock, as the answer gave it. */
  readonly storeNow: number
}

/** A value, who asks for it by which text, and where the store keeps it. */
export interface Item<V> {
  /** What the caller holds: the L1 key, so that a hit needs no hash. */
  readonly text: string
  /** The key in the store. */
  readonly key: string
  readonly value: V
}

/**
 * One decoded value in this process. The cookie text, the guard, the touch and the refresh all hang on this object;
 * what ends it ends them together.
 */
export class CacheEntry<V> implements Item<V> {
  readonly text: string
  readonly key: string
  readonly bucket: number
  readonly value: V
  readonly version: number

  readonly stamp: number
  readonly readAt: Instant
  /** Monotonic. */
  expiresAt: number
  times: EntryTimes
  /** The store's clock less our monotonic one: too early by the time the answer took, so that nothing lives too long. */
  storeOffset: number
  /** Monotonic: when whoever serves this entry should look after it (touch, refresh). Owned by the layer above. */
  attentionAt: number = Infinity
  /** What the layer above made of the value, so that it is made once. */
  made: unknown = undefined

  /** Where it sits in L1, what it weighs there, how long it is kept, when it was asked for last (monotonic); owned by L1. */
  slot: number = -1
  bytes: number = 0
  priority: L1Priority = 'normal'
  usedAt: number

  /** Monotonic: when it must be read again in any case. */
  readonly #readAgainAt: number

  constructor(item: Item<V> & Stored, reading: Reading, { bucket, ttlMs }: { bucket: number; ttlMs: number }) {
    this.text = item.text
    this.key = item.key
    this.bucket = bucket
    this.value = item.value
    this.version = item.version
    this.times = item.times
    this.stamp = reading.stamp
    this.readAt = reading.at
    this.usedAt = reading.at.monotonic
    this.storeOffset = reading.storeNow - reading.at.monotonic
    this.#readAgainAt = reading.at.monotonic + ttlMs
    this.expiresAt = this.#deadline()
  }

  /**
   * The store moved the deadlines of this very version. That vouches for nothing else: a store that lost versions may
   * have counted another value by the same number since.
   */
  prolong(times: EntryTimes, reading: Pick<Reading, 'at' | 'storeNow'>): void {
    this.times = times
    this.storeOffset = reading.storeNow - reading.at.monotonic
    this.expiresAt = this.#deadline()
  }

  #deadline(): number {
    return Math.min(this.#readAgainAt, this.times.expiresAt - this.storeOffset)
  }
}
