import { now, type Instant } from '../shared/clock.ts'
import { bucketOf } from './bucket.ts'
import type { Mark } from './coherence/coherence.ts'
import type { CommittingTiers } from './commits.ts'
import { CacheEntry, type Item, type Reading, type Stored } from './entry.ts'
import { L1 } from './l1/l1.ts'
import type { StoredEntry } from './store.ts'

export interface PartitionOptions<V> {
  /** Entries kept in memory at most. */
  capacity: number
  /** Makes the value of what the store holds; `undefined` if it cannot be read as one, which is logged there. */
  open(text: string, stored: StoredEntry): V | undefined
  /** Called with every new entry: sets when it wants attention. */
  plan?(entry: CacheEntry<V>): void
}

/** What a read of both tiers brought. */
export interface Loaded<V> {
  entry: CacheEntry<V> | undefined
  storeNow: number
  /** Whether another request's read brought it. */
  joined: boolean
}

/** A read of L2 that is planned or under way. */
interface Flight<V> {
  readonly text: string
  readonly key: string
  mark: Mark
  /** Undefined until it was sent. */
  sentAt: Instant | undefined
  /** Something happened to the key meanwhile: the outcome is not kept, and nobody joins any more. */
  detached: boolean
  result: Promise<Omit<Loaded<V>, 'joined'>>
}

/** One kind of value in the two tiers, with its own room in memory: the reading half. Writes pass `Commits`. */
export class Partition<V> {
  readonly #tiers: CommittingTiers
  readonly #options: PartitionOptions<V>
  readonly #l1: L1<V>
  readonly #flights = new Map<string, Flight<V>>()
  /** Reads not kept in memory because something changed while they were under way. */
  discardedFills: number = 0
  /** Answers memory had, but could not vouch for. */
  bypasses: number = 0

  constructor(tiers: CommittingTiers, options: PartitionOptions<V>) {
    this.#tiers = tiers
    this.#options = options
    this.#l1 = new L1(options.capacity)
  }

  get size(): number {
    return this.#l1.size
  }

  get evictions(): number {
    return this.#l1.evictions
  }

  /**
   * The entry, if memory may answer with it now. `monotonic` is that clock, read in the same synchronous block: the
   * lease is only good at this moment.
   */
  serve(text: string, monotonic: number = this.#tiers.clock.monotonic()): CacheEntry<V> | undefined {
    const entry = this.#l1.get(text)
    if (entry === undefined) return undefined
    const { coherence, clock, poller } = this.#tiers
    poller.lastUseAt = monotonic
    if (monotonic >= entry.expiresAt) return undefined
    if (!coherence.allows(entry, monotonic, clock.wall())) {
      this.bypasses++
      return undefined
    }
    this.#l1.use(entry)
    return entry
  }

  /**
   * Reads L2, once for all who ask at the same time. `fresh`: what was sent before this call is not good enough.
   * Rejects with `ERR_STORE_UNAVAILABLE`.
   */
  load(text: string, key: string, fresh: boolean = false): Promise<Loaded<V>> {
    const flight = this.#flights.get(key)
    if (flight !== undefined && this.#mayJoin(flight, text, fresh)) {
      return flight.result.then((result) => ({ ...result, joined: true }))
    }
    return this.#fly(text, key).result.then((result) => ({ ...result, joined: false }))
  }

  /** An entry for what was just read or written; it is not in memory yet. */
  entryOf(item: Item<V> & Stored, reading: Reading): CacheEntry<V> {
    const { buckets, config } = this.#tiers
    const bucket = bucketOf(item.key, buckets)
    const entry = new CacheEntry(item, reading, { bucket, ttlMs: config.l1TtlSec * 1_000 })
    this.#options.plan?.(entry)
    return entry
  }

  /** Keeps the outcome of a write, or lets go of what it made old. */
  keep(entry: CacheEntry<V>, mayKeep: boolean): void {
    if (mayKeep) this.#l1.set(entry)
    else this.#dropOlderThan(entry)
  }

  /** Whether this very entry is the one in memory. */
  holds(entry: CacheEntry<V>): boolean {
    return this.#l1.ofKey(entry.key) === entry
  }

  drop(key: string): void {
    this.#l1.delete(key)
    this.detach(key)
  }

  detach(key: string): void {
    const flight = this.#flights.get(key)
    if (flight !== undefined) flight.detached = true
  }

  dropBucket(bucket: number): void {
    this.#l1.deleteBucket(bucket)
    this.#detachSent((key) => bucketOf(key, this.#tiers.buckets) === bucket)
  }

  dropAll(): void {
    this.#l1.clear()
    this.#detachSent(() => true)
  }

  /** What is not sent yet will read what is there then. */
  #detachSent(isMeant: (key: string) => boolean): void {
    for (const flight of this.#flights.values()) {
      if (flight.sentAt !== undefined && isMeant(flight.key)) flight.detached = true
    }
  }

  #mayJoin(flight: Flight<V>, text: string, fresh: boolean): boolean {
    if (flight.detached || flight.text !== text) return false
    if (flight.sentAt === undefined) return true
    if (fresh || !this.#tiers.enableL1) return false
    const { config, clock } = this.#tiers
    const { monotonic, wall } = flight.sentAt
    // By both clocks: whoever slept with a read under way must not answer with it for long.
    const age = Math.max(clock.monotonic() - monotonic, Math.abs(clock.wall() - wall))
    return age <= Math.min(config.maxStalenessMs, config.operationTimeoutMs)
  }

  #fly(text: string, key: string): Flight<V> {
    // The older read may come back last: then it must not replace what the newer one brought.
    this.detach(key)
    const mark = this.#tiers.coherence.mark(bucketOf(key, this.#tiers.buckets))
    const flight: Flight<V> = { text, key, mark, sentAt: undefined, detached: false, result: undefined as never }
    this.#flights.set(key, flight)
    flight.result = this.#read(flight).finally(() => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key)
    })
    return flight
  }

  async #read(flight: Flight<V>): Promise<Omit<Loaded<V>, 'joined'>> {
    const { coherence, commits, clock, poller, reads, enableL1 } = this.#tiers
    if (!this.#tiers.isReady) await this.#tiers.ready()
    if (enableL1) poller.wake()
    const bucket = bucketOf(flight.key, this.#tiers.buckets)
    const { entry: stored, storeNow } = await reads.read(flight.key, () => {
      flight.mark = coherence.mark(bucket)
      flight.sentAt = now(clock)
    })
    // Reads do not always happen in the order they were sent: one that is still under way may bring something older.
    if (this.#flights.get(flight.key) !== flight) this.detach(flight.key)
    commits.noteRead(flight.key, stored?.version ?? Infinity)
    if (stored !== undefined) return { entry: this.#land(flight, bucket, stored, storeNow), storeNow }
    this.#l1.delete(flight.key)
    return { entry: undefined, storeNow }
  }

  #land(flight: Flight<V>, bucket: number, stored: StoredEntry, storeNow: number): CacheEntry<V> | undefined {
    const { coherence, commits, enableL1 } = this.#tiers
    const value = this.#options.open(flight.text, stored)
    if (value === undefined) return undefined
    const { text, key, mark } = flight
    const { version, times } = stored
    const entry = this.entryOf(
      { text, key, value, version, times },
      { stamp: mark.stamp, at: flight.sentAt!, storeNow },
    )
    const undisturbed = !flight.detached && !commits.isWriting(flight.key) && coherence.stillAt(bucket, flight.mark)
    if (enableL1 && !undisturbed) this.discardedFills++
    this.keep(entry, enableL1 && undisturbed)
    return entry
  }

  /** Who was answered with this version here must not be answered with an older one next. */
  #dropOlderThan(entry: CacheEntry<V>): void {
    const kept = this.#l1.ofKey(entry.key)
    if (kept !== undefined && kept.version < entry.version) this.#l1.delete(entry.key)
  }
}
