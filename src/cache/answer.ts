/**
 * Where an answer to "who is this?" came from. `joined`: another request's read of L2 answered this one too. `stale`:
 * memory answered beyond its lease, because the store did not and `serveStaleForSec` allows it.
 */
export type AnswerSource = 'l1' | 'l2' | 'joined' | 'stale' | 'refused'

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
