import type { Clock } from '../shared/clock.ts'
import { SallyportError } from '../shared/errors.ts'
import type { Logger } from '../shared/logger.ts'
import type { Randomness } from '../shared/randomness.ts'
import { BatchedReads } from './l2/batched-reads.ts'
import { Coherence } from './coherence/coherence.ts'
import { Commits, type CommittingTiers } from './commits.ts'
import type { ResolvedCacheConfig } from './config.ts'
import { announceLocally, listenLocally } from './coherence/local-push.ts'
import { Partition, type PartitionOptions } from './partition.ts'
import { Poller } from './coherence/poller.ts'
import type { Bump, Push, Store } from './store.ts'
import { useStore } from './l2/store-users.ts'
import { Sweeper } from './l2/sweeper.ts'
import { timedStore, type TimedStore } from './l2/timed-store.ts'

export interface TwoTierCacheOptions {
  store: Store
  config: ResolvedCacheConfig
  clock: Clock
  randomness: Randomness
  logger: Logger
}

/** Two tiers of anything: L1 in partitions of this process's memory, L2 in a store, kept coherent by epochs under a lease. */
export class TwoTierCache implements CommittingTiers {
  readonly store: TimedStore
  readonly coherence: Coherence
  readonly poller: Poller
  readonly reads: BatchedReads
  readonly commits: Commits
  readonly clock: Clock
  readonly randomness: Randomness
  readonly config: ResolvedCacheConfig
  readonly buckets: number
  readonly enableL1: boolean
  readonly #rawStore: Store
  readonly #releaseStore: () => boolean
  readonly #sweeper: Sweeper
  readonly #partitions: Partition<unknown>[] = []
  readonly #onPush = (push: Push): void => this.coherence.applyPush(push)
  readonly #unsubscribe: (() => void)[] = []
  #preparing: Promise<void> | undefined
  isReady: boolean = false
  #closed = false

  constructor({ store, config, clock, randomness, logger }: TwoTierCacheOptions) {
    this.#rawStore = store
    this.#releaseStore = useStore(store)
    this.clock = clock
    this.randomness = randomness
    this.config = config
    this.enableL1 = config.enableL1
    this.buckets = store.capabilities.buckets
    this.store = timedStore(store, clock, config.operationTimeoutMs)
    this.reads = new BatchedReads(this.store, clock, config.operationTimeoutMs)
    this.commits = new Commits(this)
    this.coherence = new Coherence(this.buckets, config.maxStalenessMs, {
      drop: (key) => this.drop(key),
      dropBucket: (bucket) => this.#partitions.forEach((partition) => partition.dropBucket(bucket)),
      dropAll: () => this.#partitions.forEach((partition) => partition.dropAll()),
    })
    const { maxStalenessMs, operationTimeoutMs } = config
    // A request waits for the first poll, and for that no longer than for anything else.
    const timeoutMs = Math.min(maxStalenessMs / 3, operationTimeoutMs)
    const { coherence } = this
    this.poller = new Poller({ store, coherence, maxStalenessMs, timeoutMs, clock, randomness, logger })
    this.#sweeper = new Sweeper(store, { clock, randomness, logger })
  }

  partition<V>(options: PartitionOptions<V>): Partition<V> {
    const partition = new Partition(this, options)
    this.#partitions.push(partition)
    return partition
  }

  /** Prepares the store. Single flight; a failure is tried again by the next call. */
  ready(): Promise<void> {
    this.#preparing ??= this.#prepare().catch((error: unknown) => {
      this.#preparing = undefined
      throw error
    })
    return this.#preparing
  }

  /** `idle`: nobody read for a while, so nothing is polled; the next request renews the lease. */
  lease(): 'held' | 'lost' | 'idle' | 'off' {
    if (!this.enableL1) return 'off'
    if (this.coherence.holdsLease(this.clock.monotonic(), this.clock.wall())) return 'held'
    return this.poller.isResting ? 'idle' : 'lost'
  }

  drop(key: string): void {
    for (const partition of this.#partitions) partition.drop(key)
  }

  detach(key: string): void {
    for (const partition of this.#partitions) partition.detach(key)
  }

  announce(bump: Bump): void {
    const { incarnation } = this.coherence
    if (incarnation !== undefined) announceLocally(this.#rawStore, { incarnation, bump }, this.#onPush)
  }

  /** Repeatable. Closes the store as well, unless another cache of this process still uses it. */
  async close(): Promise<void> {
    this.#closed = true
    this.isReady = false
    this.#preparing = undefined
    this.#partitions.forEach((partition) => partition.dropAll())
    this.poller.close()
    this.#sweeper.close()
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe()
    if (this.#releaseStore()) await this.#rawStore.close()
  }

  async #prepare(): Promise<void> {
    this.#refuseIfClosed()
    await this.store.init({ maxStalenessMs: this.config.maxStalenessMs })
    this.#refuseIfClosed()
    this.#sweeper.start()
    if (this.enableL1) {
      this.#listen()
      // Before anything is read: else the first answers would be of an unknown incarnation, and not kept.
      await this.poller.poll()
      this.#refuseIfClosed()
    }
    this.isReady = true
  }

  #refuseIfClosed(): void {
    if (this.#closed) throw new SallyportError('ERR_CLOSED', 'this cache was closed')
  }

  #listen(): void {
    this.#unsubscribe.push(listenLocally(this.#rawStore, this.#onPush))
    if (this.#rawStore.subscribe !== undefined) this.#unsubscribe.push(this.#rawStore.subscribe(this.#onPush))
  }
}
