import { sleep } from '../shared/clock.ts'
import { hasCode, StoreUnavailableError } from '../shared/errors.ts'
import { withTimeout } from '../shared/timeout.ts'
import { Turns } from '../shared/turns.ts'
import type { CommittingTiers, Kept } from './commits.ts'
import type { CacheEntry, Item, Stored } from './entry.ts'
import { BreakerOpenError } from './l2/circuit-breaker.ts'
import type { Partition } from './partition.ts'
import type { CreateReply, Lifetime, NewEntry, RemoveReply, RemoveTarget, ReplaceReply } from './store.ts'

const maxTries = 20

/** How long a new entry lives, and what it is found by. */
export type Place = Pick<NewEntry, 'lifetime' | 'indexes' | 'label'>

/** The conditional writes of one kind of value, each one unit at the store and one step in memory. */
export class Writes<V> {
  readonly #tiers: CommittingTiers
  readonly #partition: Partition<V>
  readonly #seal: (item: Item<V>) => Uint8Array

  readonly #turns = new Turns()

  constructor(tiers: CommittingTiers, partition: Partition<V>, seal: (item: Item<V>) => Uint8Array) {
    this.#tiers = tiers
    this.#partition = partition
    this.#seal = seal
  }

  /**
   * Runs read-change-write cycles of one key one after another, so that only other processes can be faster. `attempt`
   * returns `undefined` when one was, and is called again a little later; after 20 times the outcome is `undefined`.
   * Nobody waits for their turn longer than one operation may take, however many stand in line before a slow store.
   */
  async inTurn<T>(key: string, attempt: () => Promise<T | undefined>): Promise<T | undefined> {
    const { clock, randomness, config } = this.#tiers
    let isLate = false
    let begin = (): void => {}
    const begun = new Promise<void>((resolve) => (begin = resolve))
    const work = this.#turns.take(key, async () => {
      if (isLate) return undefined
      begin()
      for (let tries = 1; tries <= maxTries; tries++) {
        const outcome = await attempt()
        if (outcome !== undefined) return outcome
        await sleep(clock, tries * randomness.fraction())
      }
      return undefined
    })
    await withTimeout(clock, config.operationTimeoutMs, begun, () => {
      isLate = true
      return waitedTooLong(config.operationTimeoutMs)
    })
    return work
  }

  /**
   * `undefined` if the key is taken. Sent once: a second try could not tell its own first one from somebody else's. In
   * doubt the caller throws the key away and removes it, unless somebody may use the key again.
   */
  async create(item: Item<V>, place: Place): Promise<CacheEntry<V> | undefined> {
    const { key } = item
    let created: CacheEntry<V> | undefined
    await this.#tiers.commits.commit<CreateReply>({
      key,
      send: () => this.#tiers.batchedWrites.create({ key, value: this.#seal(item), ...place }),
      apply: (reply, kept) => {
        if (reply.outcome === 'created') created = this.#written(item, reply, kept)
      },
    })
    return created
  }

  /** Never creates. `bump`: whether other instances must see it before they read the store again by themselves. */
  async replace(
    entry: CacheEntry<V>,
    value: V,
    how: { bump: boolean; lifetime?: Lifetime },
  ): Promise<CacheEntry<V> | 'conflict' | 'absent'> {
    const { text, key, version } = entry
    const item = { text, key, value }
    let outcome: CacheEntry<V> | 'conflict' | 'absent' = 'conflict'
    await this.#tiers.commits.commit<ReplaceReply>({
      key,
      send: () => this.#tiers.batchedWrites.replace(key, version, { value: this.#seal(item), ...how }),
      bumps: (reply) => (reply.outcome === 'replaced' ? reply.bumps : []),
      apply: (reply, kept) => {
        if (reply.outcome === 'replaced') {
          outcome = this.#written(item, reply, kept)
          return
        }
        outcome = reply.outcome
        this.#letGo(key, outcome === 'absent' ? Infinity : version + 1)
      },
    })
    return outcome
  }

  /** Moves the deadline of the entry, or of whatever is under the key; never revives. */
  async extend(key: string, idleMs: number, entry?: CacheEntry<V>): Promise<'extended' | 'absent'> {
    const { outcome } = await this.#tiers.commits.commit({
      key,
      harmlessInDoubt: true,
      send: () => this.#tiers.batchedWrites.extend(key, idleMs),
      apply: (reply, { mayKeep, at }) => {
        if (reply.outcome === 'absent') this.#letGo(key, Infinity)
        else if (entry === undefined || !isSame(entry, reply)) this.#letGo(key, reply.version)
        else if (mayKeep) this.#partition.prolong(entry, reply.times, { at, storeNow: reply.storeNow })
      },
    })
    return outcome
  }

  /**
   * Final once it returns. In doubt it is sent again, for removing twice is removing once; an entry named by its key
   * alone then counts as removed, whichever of the two found it. By index the number is then the least it can have been.
   */
  async remove(target: RemoveTarget): Promise<RemoveReply> {
    return this.#tiers.commits.commit({
      ...('key' in target ? { key: target.key } : {}),
      dropFirst: true,
      send: () => this.#removeOrRetry(target),
      bumps: (reply) => reply.bumps,
      apply: (reply) => {
        if ('key' in target) this.#letGo(target.key, isGone(target, reply) ? Infinity : 0)
      },
    })
  }

  /** Both tries share one deadline: nobody waits longer for a removal than for anything else. */
  async #removeOrRetry(target: RemoveTarget): Promise<RemoveReply> {
    const { store, clock, config } = this.#tiers
    const lateAt = clock.monotonic() + config.operationTimeoutMs
    try {
      return await store.remove(target)
    } catch (error) {
      if (!hasCode(error, 'ERR_STORE_UNAVAILABLE')) throw error
      if (lateAt - clock.monotonic() < config.operationTimeoutMs / 2) throw error
      await sleep(clock, config.operationTimeoutMs / 10)
      const reply = await withTimeout(clock, lateAt - clock.monotonic(), store.remove(target), () => error)
      if (error instanceof BreakerOpenError) return reply
      // The first try may have removed entries whose names nobody knows any more.
      if ('index' in target) {
        this.#tiers.dropAll()
        this.#tiers.commits.noteAllGone()
      }
      // It has ended here, then, and whoever is told of ends must be told.
      const mayHaveRemoved = 'key' in target && !('ifVersion' in target)
      return mayHaveRemoved ? { ...reply, removed: 1 } : reply
    }
  }

  /** The store has told of this version, or of the end: nothing older is kept by a write that is still under way. */
  #letGo(key: string, newest: number): void {
    this.#tiers.commits.noteRead(key, newest)
    this.#tiers.drop(key)
  }

  #written(item: Item<V>, reply: Stored & { storeNow: number }, kept: Kept): CacheEntry<V> {
    const { version, times, storeNow } = reply
    const { mayKeep, stamp, at, newestRead } = kept
    const entry = this.#partition.entryOf({ ...item, version, times }, { stamp, at, storeNow })
    this.#partition.keep(entry, mayKeep && entry.version >= newestRead)
    return entry
  }
}

/** Without a condition it is gone, whoever removed it. */
function isGone(target: RemoveTarget, { removed }: RemoveReply): boolean {
  return !('ifVersion' in target) || removed > 0
}

/** Whether the store speaks of this very value: an id that is used again begins again with version 1. */
function isSame(entry: Stored, reply: Stored): boolean {
  return entry.version === reply.version && entry.times.createdAt === reply.times.createdAt
}

function waitedTooLong(ms: number): StoreUnavailableError {
  return new StoreUnavailableError(
    `a write did not get its turn within ${ms} ms: others of the same entry were before it`,
  )
}
