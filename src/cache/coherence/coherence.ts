import type { Instant } from '../../shared/clock.ts'
import type { CacheEntry } from '../entry.ts'
import { publish } from '../events.ts'
import type { Bump, EpochsReply } from '../store.ts'

/** What the view asks of whoever holds entries and reads under way. */
export interface Holder {
  /** Forget this entry, and let no read of it that is under way be kept. */
  drop(key: string): void
  dropBucket(bucket: number): void
  dropAll(): void
  /** The store was caught: it has forgotten what it acknowledged, or told of it later than D. */
  violated(bucket: number, reason: 'forgotten' | 'late'): void
}

/** Taken before something is sent; says later whether its outcome may still be kept. */
export interface Mark {
  /** The bucket's epoch, as known then. */
  readonly stamp: number
  readonly generation: number
}

/** How old what memory answers with may be. */
export interface StalenessBounds {
  /** D. */
  maxStalenessMs: number
  /** On top of it, while the store does not answer. */
  graceMs: number
  /** A write may take this long at the store: what is older and was not told by the last poll should have been. */
  writeTimeoutMs: number
}

const never: Instant = { monotonic: -Infinity, wall: -Infinity }

/**
 * This instance's view of the store's epochs, and the lease under which L1 may answer.
 *
 * Safety comes from polls: an entry is served only while either the last good poll or the entry's own read was sent
 * less than D ago. Pushes only make it faster.
 */
export class Coherence {
  readonly #maxStalenessMs: number
  readonly #graceMs: number
  readonly #lateMs: number
  readonly #epoch: Float64Array
  readonly #floor: Float64Array
  readonly #holder: Holder
  /** What the last poll was told, and when that was by the store's clock. */
  readonly #told: Float64Array
  #toldAt = -Infinity
  #freshAsOf: Instant = never
  #incarnation: string | undefined
  /** The store's clock less our monotonic one, as it was when everything was dropped last: small steps add up. */
  #storeOffset: number | undefined
  /** Rises when numbers fell, or the store or its time is another or seems so: no outcome marked before may be kept. */
  #generation = 0
  pushes: number = 0
  /** Those that did not continue what was known, so that a whole bucket fell below its floor. */
  pushGaps: number = 0

  /** The longest that this instance may answer from memory after a change, its grace included. */
  readonly ownStalenessMs: number
  /** Whether the store knows of that: it may have been restored to a time before it was told. */
  isBoundKnown: boolean = true

  /** The longest that any instance on this store may answer from memory after a change, as far as is known. */
  greatestStalenessMs: number

  constructor(buckets: number, bounds: StalenessBounds, holder: Holder) {
    this.#epoch = new Float64Array(buckets)
    this.#floor = new Float64Array(buckets)
    this.#told = new Float64Array(buckets)
    this.#maxStalenessMs = bounds.maxStalenessMs
    this.#graceMs = bounds.graceMs
    this.#lateMs = bounds.maxStalenessMs + bounds.writeTimeoutMs
    this.ownStalenessMs = bounds.maxStalenessMs + bounds.graceMs
    this.greatestStalenessMs = this.ownStalenessMs
    this.#holder = holder
  }

  /** Whether L1 may answer with this entry at this very moment. Both clocks must have been read just now. */
  allows(entry: CacheEntry<unknown>, monotonic: number, wall: number): boolean {
    return !this.isBelowFloor(entry) && this.#isVouchedFor(entry, monotonic, wall, this.#maxStalenessMs)
  }

  /** The same for when the store does not answer: the operator may have chosen a grace. */
  allowsStale(entry: CacheEntry<unknown>, monotonic: number, wall: number): boolean {
    const withinMs = this.#maxStalenessMs + this.#graceMs
    return this.#graceMs > 0 && !this.isBelowFloor(entry) && this.#isVouchedFor(entry, monotonic, wall, withinMs)
  }

  /** Whether something in the entry's bucket changed after it was read, and nobody said what. */
  isBelowFloor(entry: CacheEntry<unknown>): boolean {
    return entry.stamp < this.#floor[entry.bucket]!
  }

  /** Whether the last good poll is recent enough to vouch for every entry. */
  holdsLease(monotonic: number, wall: number): boolean {
    return isRecent(this.#freshAsOf, monotonic, wall, this.#maxStalenessMs)
  }

  /** Milliseconds since the poll that memory trusts was sent; `undefined` before the first. */
  leaseAgeMs(monotonic: number): number | undefined {
    return this.#freshAsOf === never ? undefined : monotonic - this.#freshAsOf.monotonic
  }

  mark(bucket: number): Mark {
    return { stamp: this.#epoch[bucket]!, generation: this.#generation }
  }

  /** Whether nothing moved in the bucket since the mark, but for the unit's own bump. */
  stillAt(bucket: number, mark: Mark, ownBump?: Bump): boolean {
    return mark.generation === this.#generation && this.#epoch[bucket] === (ownBump?.n ?? mark.stamp)
  }

  /** The bump of a unit sent at `mark`. */
  applyOwn(bump: Bump, mark: Mark): void {
    // Of another store, or of this one before it was restored: what else is under way may have been done before it.
    if (mark.generation !== this.#generation || bump.incarnation !== this.#incarnation) this.#generation++
    else if (this.#applyBump(bump)) return
    // Who changed something does not go on with what was there before, also where a later bump was known first.
    this.#drop(bump.bucket, bump.keys)
  }

  /** What the caller must give to `store.epochs` and, with its answer, to `applyPoll`. */
  known(): number[] {
    return Array.from(this.#epoch)
  }

  /** What the store announced, or another cache of this process that shares it. */
  applyPush(bump: Bump): void {
    this.pushes++
    const known = this.#epoch[bump.bucket]
    if (!this.#applyBump(bump) || bump.prev === known) return
    this.pushGaps++
    publish({ type: 'push-gap', bucket: bump.bucket })
  }

  /** Returns whether it was news. The number of another store would hide those of the known one that are lower. */
  #applyBump({ incarnation, bucket, prev, n, keys }: Bump): boolean {
    const known = this.#epoch[bucket]
    if (incarnation !== this.#incarnation || known === undefined || !(n > known)) return false
    this.#epoch[bucket] = n
    if (prev !== known || keys === '*') this.#floor[bucket] = Math.max(n, this.#floor[bucket]!)
    this.#drop(bucket, keys)
    return true
  }

  /** `sentAt` and `known` are of the moment the poll was sent: its answer proves nothing about later. */
  applyPoll(reply: EpochsReply, known: readonly number[], sentAt: Instant): void {
    if (reply.incarnation !== this.#incarnation || this.#hasStepped(reply, sentAt)) this.#adopt(reply, sentAt)
    else this.#compare(reply, known)
    this.#noteTold(reply)
    this.isBoundKnown = reply.maxStalenessMs >= this.ownStalenessMs
    // Nobody answers from memory for longer than the store knows of.
    if (this.isBoundKnown && sentAt.monotonic >= this.#freshAsOf.monotonic) this.#freshAsOf = sentAt
    this.greatestStalenessMs = Math.max(this.greatestStalenessMs, reply.maxStalenessMs)
  }

  /** Deadlines in memory were counted by the store's clock as it was: a step of it, or a sleep of ours, makes them wrong. */
  #hasStepped({ storeNow }: EpochsReply, sentAt: Instant): boolean {
    if (this.#storeOffset === undefined) return false
    // A poll may take a third of D, and some stores tell whole seconds.
    return Math.abs(storeNow - sentAt.monotonic - this.#storeOffset) > this.#maxStalenessMs / 3 + 1_000
  }

  #adopt(reply: EpochsReply, sentAt: Instant): void {
    this.#incarnation = reply.incarnation
    this.#storeOffset = reply.storeNow - sentAt.monotonic
    this.#startOver()
    for (let bucket = 0; bucket < this.#epoch.length; bucket++) {
      this.#epoch[bucket] = reply.numbers[bucket] ?? 0
      // Of a bucket without a number nothing is known, so memory answers with nothing of it.
      this.#floor[bucket] = reply.numbers[bucket] ?? Infinity
    }
  }

  #compare(reply: EpochsReply, known: readonly number[]): void {
    let fell = false
    // Exact where the store still knows which keys moved; what is left over drops its bucket.
    for (const bump of reply.recent) if (bump.prev === this.#epoch[bump.bucket]) this.#applyBump(bump)
    for (let bucket = 0; bucket < this.#epoch.length; bucket++) {
      const n = reply.numbers[bucket]
      if (n === undefined) {
        this.#floor[bucket] = Infinity
        continue
      }
      if (this.#isLate(bucket, n)) this.#holder.violated(bucket, 'late')
      if (n < known[bucket]!) {
        fell = true
        this.#holder.violated(bucket, 'forgotten')
        this.#epoch[bucket] = this.#floor[bucket] = n
      } else if (n > this.#epoch[bucket]! || this.#floor[bucket] === Infinity) {
        this.#epoch[bucket] = this.#floor[bucket] = Math.max(n, this.#epoch[bucket]!)
      }
    }
    if (fell) this.#startOver()
  }

  /** Only a restored store can know less than we knew before we asked. What else it has forgotten nobody knows. */
  #startOver(): void {
    this.#generation++
    this.#holder.dropAll()
  }

  /** Whether this rise is so old that the poll before must have told of it: a lagging replica answered that one. */
  #isLate(bucket: number, n: number): boolean {
    return n > this.#told[bucket]! && n < this.#toldAt - this.#lateMs
  }

  #noteTold({ numbers, storeNow }: EpochsReply): void {
    for (let bucket = 0; bucket < this.#told.length; bucket++) this.#told[bucket] = numbers[bucket] ?? 0
    this.#toldAt = storeNow
  }

  #drop(bucket: number, keys: Bump['keys']): void {
    if (keys === '*') this.#holder.dropBucket(bucket)
    else for (const key of keys) this.#holder.drop(key)
  }

  /** By the last good poll or by its own read. Each says for itself that nothing older than this is answered. */
  #isVouchedFor(entry: CacheEntry<unknown>, monotonic: number, wall: number, withinMs: number): boolean {
    return isRecent(this.#freshAsOf, monotonic, wall, withinMs) || isRecent(entry.readAt, monotonic, wall, withinMs)
  }
}

function isRecent(asOf: Instant, monotonic: number, wall: number, withinMs: number): boolean {
  return monotonic - asOf.monotonic < withinMs && Math.abs(wall - asOf.wall) < withinMs
}
