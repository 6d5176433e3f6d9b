import type { Clock } from '../shared/clock.ts'
import type { Logger } from '../shared/logger.ts'
import type { Randomness } from '../shared/randomness.ts'
import type { BatchedReads } from './l2/batched-reads.ts'
import type { BatchedWrites } from './l2/batched-writes.ts'
import type { Coherence } from './coherence/coherence.ts'
import type { ResolvedCacheConfig } from './config.ts'
import type { Poller } from './coherence/poller.ts'
import type { Tidier } from './l1/tidier.ts'
import type { Bump } from './store.ts'
import type { ResilientStore } from './l2/resilient-store.ts'

/** What partitions and commits share: one store, one view of its epochs, one poll. */
export interface Tiers {
  readonly store: ResilientStore
  readonly coherence: Coherence
  readonly poller: Poller
  readonly tidier: Tidier
  readonly reads: BatchedReads
  readonly batchedWrites: BatchedWrites
  readonly clock: Clock
  readonly randomness: Randomness
  readonly logger: Logger
  readonly config: ResolvedCacheConfig
  readonly buckets: number
  readonly enableL1: boolean
  /** Whether epochs are polled. Where the store counts none, memory trusts an entry for D after it was read. */
  readonly watchesEpochs: boolean
  /** Resolves at once when the store was prepared before. */
  ready(): Promise<void>
  readonly isReady: boolean
  readonly isClosed: boolean
  drop(key: string): void
  dropAll(): void
  detach(key: string): void
  announce(bump: Bump): void
}
