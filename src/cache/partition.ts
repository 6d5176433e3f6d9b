import { now } from '../shared/clock.ts'
import { hasCode } from '../shared/errors.ts'
import { bucketOf } from './bucket.ts'
import type { CommittingTiers } from './commits.ts'
import type { L1Priority, ResolvedL1Config } from './config.ts'
import { CacheEntry, type Item, type Reading, type Stored } from './entry.ts'
import { Flights, type Flight } from './flights.ts'
import { publish, type BypassReason } from './events.ts'
import { heapSizeOfEntry } from './l1/heap-size.ts'
import { L1 } from './l1/l1.ts'
import type { PartitionStats } from './stats.ts'
import type { EntryTimes, StoredEntry } from './store.ts'

export interface PartitionOptions<V> {
  /** As events and logs call it. */
  name: string
  room: ResolvedL1Config
  /** Makes the value of what the store holds; `undefined` if it cannot be read as one, which is logged there. */
  open(text: string, stored: StoredEntry): V | undefined
  /** Called with every new entry: sets when it wants attention. */
  plan?(entry: CacheEntry<V>): void
  /** Which entries memory keeps longest. Default: all are alike. */
  priority?(value: V): L1Priority
}

/** What a read of both tiers brought. */
export interface Loaded<V> {
  entry: CacheEntry<V> | undefined
  storeNow: number
  /** `joined`: another request's read brought it. `stale`: the store did not answer, so memory did. */
  source: 'l2' | 'joined' | 'stale'
}

type Read<V> = Omit<Loaded<V>, 'source'>

/** One kind of value in the two tiers, with its own room in memory: the reading half. Writes pass `Commits`. */
export class Partition<V> {
  readonly #tiers: CommittingTiers
  readonly #options: PartitionOptions<V>
  readonly #l1: L1<V>
  readonly #flights: Flights<Read<V>>
  #hits = 0
  #misses = 0
  #joined = 0
  #stale = 0
  #discardedFills = 0
  readonly #bypasses: Record<BypassReason, number> = { lease: 0, floor: 0, version: 0 }

  constructor(tiers: CommittingTiers, options: PartitionOptions<V>) {
    this.#tiers = tiers
    this.#options = options
    const { config, clock, enableL1 } = tiers
    const joinableMs = enableL1 ? Math.min(config.maxStalenessMs, config.operationTimeoutMs) : undefined
    this.#flights = new Flights(clock, joinableMs)
    const { name, room } = options
    this.#l1 = new L1(name, room, (error) => {
      tiers.logger.error({ partition: name, err: error }, 'the eviction policy failed; s3-fifo took over')
      publish({ type: 'policy-failed', partition: name, error })
    })
  }

  stats(): PartitionStats {
    const { size, bytes, fills, evictions, tooLarge } = this.#l1
    return {
      entries: size,
      bytes,
      hits: this.#hits,
      misses: this.#misses,
      joined: this.#joined,
      stale: this.#stale,
      fills,
      discardedFills: this.#discardedFills,
      bypasses: { ...this.#bypasses },
      evictions: { ...evictions },
      tooLarge,
    }
  }

  /**
   * The entry, if memory may answer with it now. `monotonic` is that clock, read in the same synchronous block: the
   * lease is only good at this moment.
   */
  serve(text: string, monotonic: number = this.#tiers.clock.monotonic()): CacheEntry<V> | undefined {
    const entry = this.#l1.find(text, monotonic)
    const { coherence, clock, poller } = this.#tiers
    poller.lastUseAt = monotonic
    if (entry === undefined) this.#misses++
    else if (coherence.allows(entry, monotonic, clock.wall())) {
      this.#hits++
      return entry
    } else this.#bypass(coherence.isBelowFloor(entry) ? 'floor' : 'lease')
    return undefined
  }

  /** The entry that was served just now is not good enough after all: the browser has seen a later version. */
  passBy(): void {
    this.#hits--
    this.#bypass('version')
  }

  #bypass(reason: BypassReason): void {
    this.#misses++
    this.#bypasses[reason]++
    publish({ type: 'bypassed', partition: this.#options.name, reason })
  }

  /**
   * Reads L2, once for all who ask at the same time. `fresh`: what was sent before this call is not good enough; a
   * number is the least version that is. Rejects with `ERR_STORE_UNAVAILABLE`, unless memory may answer beyond its lease.
   */
  async load(text: string, key: string, fresh: boolean | number = false): Promise<Loaded<V>> {
    try {
      const joined = this.#flights.toJoin(text, key, fresh !== false)
      if (joined === undefined) {
        const { result } = this.#flights.start(text, key, (flight) => this.#read(flight))
        return { ...(await result), source: 'l2' }
      }
      this.#joined++
      return { ...(await joined.result), source: 'joined' }
    } catch (error) {
      const loaded = fresh === true ? undefined : this.#loadStale(text, error)
      if (loaded === undefined || loaded.entry.version < Number(fresh)) throw error
      this.#stale++
      return loaded
    }
  }

  /** What memory still has, while the store does not answer and the operator chose a grace. */
  #loadStale(text: string, error: unknown): (Loaded<V> & { entry: CacheEntry<V> }) | undefined {
    if (!hasCode(error, 'ERR_STORE_UNAVAILABLE')) return undefined
    const { coherence, clock } = this.#tiers
    const { monotonic, wall } = now(clock)
    const entry = this.#l1.find(text, monotonic)
    if (entry === undefined || !coherence.allowsStale(entry, monotonic, wall)) return undefined
    // Who slept within the grace finds its entries younger than they are.
    if (wall - entry.readAt.wall >= entry.expiresAt - entry.readAt.monotonic) return undefined
    return { entry, storeNow: monotonic + entry.storeOffset, source: 'stale' }
  }

  /** An entry for what was just read or written; it is not in memory yet. */
  entryOf(item: Item<V> & Stored, reading: Reading): CacheEntry<V> {
    const bucket = bucketOf(item.key, this.#tiers.buckets)
    const text = detachedText(item.text)
    const ttlMs = this.#options.room.l1TtlSec * 1_000
    const entry = new CacheEntry({ ...item, text }, reading, { bucket, ttlMs })
    this.#options.plan?.(entry)
    return entry
  }

  /** Keeps the outcome of a write, or lets go of what it made old. */
  keep(entry: CacheEntry<V>, mayKeep: boolean): void {
    if (this.#tiers.isClosed) return
    if (!mayKeep) return this.#dropOlderThan(entry)
    const { priority } = this.#options
    this.#l1.set(entry, heapSizeOfEntry(entry), priority?.(entry.value) ?? 'normal')
    this.#tiers.tidier.note()
  }

  /** The store moved the deadlines of this very version. */
  prolong(entry: CacheEntry<V>, times: EntryTimes, reading: Pick<Reading, 'at' | 'storeNow'>): void {
    if (!this.holds(entry)) return
    entry.prolong(times, reading)
    this.#l1.noteDeadline(entry)
  }

  /** Whether this very entry is the one in memory. */
  holds(entry: CacheEntry<V>): boolean {
    return this.#l1.ofKey(entry.key) === entry
  }

  /** Lets go of expired entries among the next `slots` places. Returns how many places there are. */
  sweep(monotonic: number, slots: number): number {
    this.#l1.sweep(monotonic, slots)
    return this.#l1.size === 0 ? 0 : this.#l1.slots
  }

  drop(key: string): void {
    this.#l1.delete(key)
    this.detach(key)
  }

  detach(key: string): void {
    this.#flights.detach(key)
  }

  dropBucket(bucket: number): void {
    this.#l1.deleteBucket(bucket)
    this.#flights.detachSent((key) => bucketOf(key, this.#tiers.buckets) === bucket)
  }

  dropAll(): void {
    this.#l1.clear()
    this.#flights.detachSent(() => true)
  }

  async #read(flight: Flight<Read<V>>): Promise<Read<V>> {
    const { coherence, commits, clock, poller, reads, watchesEpochs } = this.#tiers
    if (!this.#tiers.isReady) await this.#tiers.ready()
    if (watchesEpochs) poller.wake()
    const bucket = bucketOf(flight.key, this.#tiers.buckets)
    const { entry: stored, storeNow } = await reads.read(flight.key, () => {
      flight.sent = { mark: coherence.mark(bucket), at: now(clock) }
    })
    // Reads do not always happen in the order they were sent: one that is still under way may bring something older.
    if (this.#flights.isOvertaken(flight)) this.detach(flight.key)
    commits.noteRead(flight.key, stored?.version ?? Infinity)
    if (stored !== undefined) return { entry: this.#land(flight, stored, storeNow), storeNow }
    this.#l1.delete(flight.key)
    return { entry: undefined, storeNow }
  }

  #land(
    { text, key, sent, detached }: Flight<Read<V>>,
    stored: StoredEntry,
    storeNow: number,
  ): CacheEntry<V> | undefined {
    const { coherence, commits, enableL1 } = this.#tiers
    const value = this.#options.open(text, stored)
    if (value === undefined) return undefined
    const { version, times } = stored
    const { mark, at } = sent!
    const entry = this.entryOf({ text, key, value, version, times }, { stamp: mark.stamp, at, storeNow })
    const undisturbed = !detached && !commits.isWriting(key) && coherence.stillAt(entry.bucket, mark)
    if (enableL1 && !undisturbed) this.#discard()
    this.keep(entry, enableL1 && undisturbed)
    return entry
  }

  #discard(): void {
    this.#discardedFills++
    publish({ type: 'fill-discarded', partition: this.#options.name })
  }

  /** Who was answered with this version here must not be answered with an older one next. */
  #dropOlderThan(entry: CacheEntry<V>): void {
    const kept = this.#l1.ofKey(entry.key)
    if (kept !== undefined && kept.version < entry.version) this.#l1.delete(entry.key)
  }
}

/** A text cut from a header would keep the whole header in memory for as long as it is a key. */
function detachedText(text: string): string {
  const copy = Buffer.from(text, 'latin1').toString('latin1')
  return copy === text ? copy : text
}
