import { sleep, type Clock } from '../shared/clock.ts'
import { SallyportError, StoreUnavailableError } from '../shared/errors.ts'
import type { Logger } from '../shared/logger.ts'
import type { Randomness } from '../shared/randomness.ts'
import { withTimeout } from '../shared/timeout.ts'
import { BatchedReads } from './l2/batched-reads.ts'
import { BatchedWrites } from './l2/batched-writes.ts'
import { Coherence } from './coherence/coherence.ts'
import { Commits, type CommittingTiers } from './commits.ts'
import type { ResolvedCacheConfig } from './config.ts'
import { announceLocally, listenLocally } from './coherence/local-push.ts'
import { publish } from './events.ts'
import { Tidier } from './l1/tidier.ts'
import { Partition, type PartitionOptions } from './partition.ts'
import { Poller } from './coherence/poller.ts'
import type { CoherenceStats, StoreTraffic } from './stats.ts'
import type { Bump, Store, StoreStats } from './store.ts'
import { useStore } from './l2/store-users.ts'
import { SlowOperations } from './l2/slow-operations.ts'
import { Sweeper } from './l2/sweeper.ts'
import { ReplyChecks } from './l2/check-replies.ts'
import { resilientStore, type ResilientStore } from './l2/resilient-store.ts'

const closeTimeoutMs = 10_000

export interface TwoTierCacheOptions {
  store: Store
  config: ResolvedCacheConfig
  clock: Clock
  randomness: Randomness
  logger: Logger
}

/** Two tiers of anything: L1 in partitions of this process's memory, L2 in a store, kept coherent by epochs under a lease. */
export class TwoTierCache implements CommittingTiers {
  readonly store: ResilientStore
  readonly coherence: Coherence
  readonly poller: Poller
  readonly reads: BatchedReads
  readonly batchedWrites: BatchedWrites
  readonly commits: Commits
  readonly clock: Clock
  readonly randomness: Randomness
  readonly logger: Logger
  readonly tidier: Tidier
  readonly config: ResolvedCacheConfig
  readonly buckets: number
  readonly enableL1: boolean
  readonly watchesEpochs: boolean
  readonly #partitions: Partition<unknown>[] = []
  readonly #rawStore: Store
  readonly #releaseStore: () => boolean
  readonly #sweeper: Sweeper
  readonly #slow: SlowOperations
  readonly #onBump = (bump: Bump): void => this.coherence.applyPush(bump)
  readonly #unsubscribe: (() => void)[] = []
  #preparing: Promise<void> | undefined
  isReady: boolean = false
  violations: number = 0
  #alarmedAt = -Infinity
  isClosed: boolean = false

  constructor({ store, config, clock, randomness, logger }: TwoTierCacheOptions) {
    this.#rawStore = store
    this.#releaseStore = useStore(store)
    this.clock = clock
    this.randomness = randomness
    this.logger = logger
    this.config = config
    this.enableL1 = config.enableL1
    this.watchesEpochs = config.enableL1 && store.capabilities.buckets > 0
    this.buckets = Math.max(1, store.capabilities.buckets)
    this.tidier = new Tidier(clock, this.#partitions)
    const slow = new SlowOperations({ store: store.name, thresholdMs: config.slowOperationMs, clock, logger })
    this.#slow = slow
    const seams = { clock, randomness, logger, slow }
    const onRecovery = (): void => this.poller.pollSoon()
    this.store = resilientStore(store, { ...seams, timeoutMs: config.operationTimeoutMs, onRecovery })
    this.reads = new BatchedReads(this.store, clock, config.operationTimeoutMs)
    this.batchedWrites = new BatchedWrites(this.store, clock, config.operationTimeoutMs)
    this.commits = new Commits(this)
    const { maxStalenessMs, operationTimeoutMs } = config
    const bounds = { maxStalenessMs, graceMs: config.serveStaleForSec * 1_000, writeTimeoutMs: operationTimeoutMs }
    this.coherence = new Coherence(this.buckets, bounds, {
      drop: (key) => this.drop(key),
      dropBucket: (bucket) => this.#partitions.forEach((partition) => partition.dropBucket(bucket)),
      dropAll: () => this.dropAll(),
      violated: (bucket, reason) => this.#alarm(bucket, reason),
    })
    // A request waits for the first poll, and for that no longer than for anything else.
    const timeoutMs = Math.min(maxStalenessMs / 3, operationTimeoutMs)
    const { coherence } = this
    const onAnswer = (): void => {
      this.store.breaker.probeSoon()
      if (!this.coherence.isBoundKnown) this.#announceBound()
    }
    this.poller = new Poller({ ...seams, store, coherence, maxStalenessMs, timeoutMs, onAnswer })
    this.#sweeper = new Sweeper(store, seams)
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
  lease(): CoherenceStats['lease'] {
    if (!this.watchesEpochs) return 'off'
    if (this.coherence.holdsLease(this.clock.monotonic(), this.clock.wall())) return 'held'
    return this.poller.isResting ? 'idle' : 'lost'
  }

  trafficStats(): StoreTraffic {
    const { reads, batchedWrites } = this
    const { failures, refusals, state } = this.store.breaker
    return {
      readBatches: reads.batches,
      reads: reads.keys,
      writeBatches: batchedWrites.batches,
      writes: batchedWrites.writes,
      failures,
      refusals,
      slow: this.#slow.count,
      sweeper: { ...this.#sweeper.stats },
      breaker: state,
    }
  }

  coherenceStats(): CoherenceStats {
    const leaseAgeMs = this.coherence.leaseAgeMs(this.clock.monotonic())
    const { pushes, pushGaps } = this.coherence
    const { polls, pollFailures } = this.poller
    return {
      lease: this.lease(),
      ...(leaseAgeMs === undefined ? {} : { leaseAgeMs }),
      polls,
      pollFailures,
      pushes,
      pushGaps,
      violations: this.violations,
    }
  }

  /** What the store says of itself. Rejects like any operation, and counts for none. */
  async storeStats(): Promise<StoreStats> {
    await this.ready()
    return this.store.stats()
  }

  /** Resolves when no instance answers from memory any more with what was removed before this call. */
  async untilGoneEverywhere(): Promise<void> {
    await this.ready()
    if (this.#rawStore.capabilities.buckets === 0) {
      throw new SallyportError(
        'ERR_STORE_UNSUPPORTED',
        "the store cannot say how long other instances' memory may last",
      )
    }
    // Asked for after the removal: whoever still has the entry in memory had said how long it may keep it before.
    const { maxStalenessMs } = await this.store.epochs(this.coherence.known())
    await sleep(this.clock, Math.max(this.coherence.greatestStalenessMs, maxStalenessMs) * 1.02 + 50)
  }

  drop(key: string): void {
    for (const partition of this.#partitions) partition.drop(key)
  }

  dropAll(): void {
    for (const partition of this.#partitions) partition.dropAll()
  }

  detach(key: string): void {
    for (const partition of this.#partitions) partition.detach(key)
  }

  announce(bump: Bump): void {
    announceLocally(this.#rawStore, bump, this.#onBump)
  }

  /** Repeatable. Closes the store as well, unless another cache of this process still uses it. */
  async close(): Promise<void> {
    this.isClosed = true
    this.isReady = false
    this.#preparing = undefined
    this.dropAll()
    this.poller.close()
    this.tidier.close()
    this.#sweeper.close()
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe()
    if (!this.#releaseStore()) return
    const { name } = this.#rawStore
    await withTimeout(this.clock, closeTimeoutMs, this.#rawStore.close(), () => {
      return new StoreUnavailableError(`the ${name} store did not close within ${closeTimeoutMs} ms`)
    })
  }

  async #prepare(): Promise<void> {
    this.#refuseIfClosed()
    await this.store.init({ maxStalenessMs: this.coherence.ownStalenessMs })
    this.#refuseIfClosed()
    this.#sweeper.start()
    if (this.watchesEpochs) {
      this.#listen()
      // Before anything is read: else the first answers would be of an unknown incarnation, and not kept.
      await this.poller.poll()
      this.#refuseIfClosed()
    }
    this.isReady = true
  }

  /** The store was restored to a time before it was told how long this instance's memory may last. */
  #announceBound(): void {
    this.store.init({ maxStalenessMs: this.coherence.ownStalenessMs }).catch((err: unknown) => {
      this.logger.warn(
        { store: this.#rawStore.name, err },
        'the store could not be told of maxStalenessMs; tried again',
      )
    })
  }

  #alarm(bucket: number, reason: 'forgotten' | 'late'): void {
    this.violations++
    publish({ type: 'coherence-violation', bucket, reason })
    const monotonic = this.clock.monotonic()
    // A store restored from a backup has forgotten in many buckets at once.
    if (monotonic - this.#alarmedAt < 10_000) return
    this.#alarmedAt = monotonic
    const what = reason === 'forgotten' ? 'has forgotten changes' : 'told of a change too late'
    this.logger.error({ store: this.#rawStore.name, bucket, reason }, `the store ${what} it had acknowledged`)
  }

  #refuseIfClosed(): void {
    if (this.isClosed) throw new SallyportError('ERR_CLOSED', 'this cache was closed')
  }

  #listen(): void {
    this.#unsubscribe.push(listenLocally(this.#rawStore, this.#onBump))
    const checks = new ReplyChecks(this.#rawStore)
    try {
      const stop = this.#rawStore.subscribe?.((push: unknown) => {
        if (checks.isBump(push)) this.coherence.applyPush(push)
      })
      if (stop !== undefined) this.#unsubscribe.push(stop)
    } catch (err) {
      this.logger.warn({ store: this.#rawStore.name, err }, 'the store announces nothing: changes are seen by polling')
    }
  }
}
