import type { Clock } from '../shared/clock.ts'
import type { Randomness } from '../shared/randomness.ts'
import type { BatchedReads } from './l2/batched-reads.ts'
import type { Coherence } from './coherence/coherence.ts'
import type { ResolvedCacheConfig } from './config.ts'
import type { Poller } from './coherence/poller.ts'
import type { Bump } from './store.ts'
import type { TimedStore } from './l2/timed-store.ts'

/** What partitions and commits share: one store, one view of its epochs, one poll. */
export interface Tiers {
  readonly store: TimedStore
  readonly coherence: Coherence
  readonly poller: Poller
  readonly reads: BatchedReads
  readonly clock: Clock
  readonly randomness: Randomness
  readonly config: ResolvedCacheConfig
  readonly buckets: number
  readonly enableL1: boolean
  /** Resolves at once when the store was prepared before. */
  ready(): Promise<void>
  readonly isReady: boolean
  drop(key: string): void
  detach(key: string): void
  announce(bump: Bump): void
}
