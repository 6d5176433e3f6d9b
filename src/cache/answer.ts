/** Where an answer to "who is this?" came from. `joined`: another request's read of L2 answered this one too. */
export type AnswerSource = 'l1' | 'l2' | 'joined' | 'refused'

/** One answer, as the `onAnswer` hook receives it. */
export interface Answer {
  source: AnswerSource
  /**
   * Why it was refused: `anonymous` (no cookie), `forged` (not issued by us), `absent` (ended, expired or never there),
   * `unavailable` (the store did not answer).
   */
  reason?: 'anonymous' | 'forged' | 'absent' | 'unavailable'
  /** From the question to the answer, in milliseconds. */
  durationMs: number
}

/** Counters since the start of the process. */
export interface CacheStats {
  /** Answers per source. */
  l1: number
  l2: number
  joined: number
  refused: number
  /** Entries in memory now. */
  l1Entries: number
  /** Entries that left memory because it was full. */
  evictions: number
  /** Reads sent to the store. */
  storeReads: number
  /** Fills not kept in memory because something changed while they were under way. */
  discardedFills: number
  /** Answers L1 had but was not allowed to give, because the lease was lost. */
  bypasses: number
  /** Pushes that arrived out of order, so that a whole bucket was dropped. */
  pushGaps: number
}
