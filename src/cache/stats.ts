import type { AnswerSource } from './answer.ts'
import type { BreakerState } from './l2/circuit-breaker.ts'

/** Counters since the start of the process; what is not a counter is named by when it holds. */
export interface CacheStats {
  /** Answers to "who is this?" and to the reads of the seven operations. */
  answers: Readonly<Record<AnswerSource, number>>
  sessions: PartitionStats
  verifiers: PartitionStats
  store: StoreTraffic
  coherence: CoherenceStats
}

/** One kind of entry in memory. */
export interface PartitionStats {
  /** In memory now. */
  entries: number
  /** Estimated bytes of heap they take now. */
  bytes: number
  /** Questions memory answered. */
  hits: number
  /** Questions memory could not answer, for whatever reason. */
  misses: number
  /** Misses that another request's read of the store answered too. */
  joined: number
  /** Misses answered from memory after all, beyond the lease, because the store did not answer. */
  stale: number
  /** Reads and writes whose outcome was kept in memory. */
  fills: number
  /** Those not kept, because something changed while they were under way. */
  discardedFills: number
  /** Entries memory had but did not answer with. */
  bypasses: {
    /** The lease was lost. */
    lease: number
    /** Something in the entry's bucket changed that no message told of. */
    floor: number
    /** The browser has written a later version elsewhere. */
    version: number
  }
  /** Entries that left memory without having ended. */
  evictions: {
    /** There was no room for another entry. */
    capacity: number
    /** There was no room for so many bytes. */
    bytes: number
    /** `l1TtlSec` or their own life was over. */
    expired: number
    /** Nobody asked for `l1TimeToIdleSec`. */
    idle: number
  }
  /** Entries never kept, because one alone is larger than `l1MaxBytes`. */
  tooLarge: number
}

/** What was asked of the store. */
export interface StoreTraffic {
  /** Round trips that read entries. */
  readBatches: number
  /** Entries asked for in them. */
  reads: number
  /** Round trips that wrote. */
  writeBatches: number
  /** Writes in them. */
  writes: number
  /** Operations that failed or took too long. */
  failures: number
  /** Operations, polls and sweeps that took longer than `slowOperationMs`. */
  slow: number
  sweeper: SweeperStats
  /** Operations not sent because the breaker was open. */
  refusals: number
  breaker: BreakerState
}

/** What this instance has deleted of what expired. All zero where the store expires entries by itself. */
export interface SweeperStats {
  /** Sweeps that ended, well or not. */
  runs: number
  /** Entries deleted. */
  deleted: number
  /** Sweeps that failed or took too long. */
  failures: number
}

export interface CoherenceStats {
  /** `idle`: nobody asks, so nothing is polled. `off`: memory is off, or the store counts no epochs. */
  lease: 'held' | 'lost' | 'idle' | 'off'
  /** Milliseconds since the poll that memory trusts was sent; absent before the first. */
  leaseAgeMs?: number
  polls: number
  pollFailures: number
  /** Pushes that arrived. */
  pushes: number
  /** Pushes that did not continue what was known, so that a whole bucket was dropped. */
  pushGaps: number
  /** How often the store was caught having forgotten, or told late, what it had acknowledged. Anything but 0 is an alarm. */
  violations: number
}
