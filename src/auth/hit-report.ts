import type { CacheStats } from '../cache/answer.ts'
import type { Clock, Timer } from '../shared/clock.ts'
import type { Logger } from '../shared/logger.ts'

const everyMs = 60_000

/** One `info` line a minute with the answers per tier, as long as there is anything to tell. */
export class HitReport {
  readonly #stats: () => CacheStats
  readonly #clock: Clock
  readonly #logger: Logger
  #timer: Timer | undefined
  #last: CacheStats

  constructor(stats: () => CacheStats, clock: Clock, logger: Logger) {
    this.#stats = stats
    this.#clock = clock
    this.#logger = logger
    this.#last = stats()
  }

  /** Somebody asked: the minute begins, unless it has begun. */
  note(): void {
    if (this.#timer === undefined) this.#timer = this.#clock.setTimer(() => this.#report(), everyMs)
  }

  close(): void {
    this.#timer?.cancel()
  }

  #report(): void {
    this.#timer = undefined
    const [now, last] = [this.#stats(), this.#last]
    this.#last = now
    const l1 = now.l1 - last.l1
    const l2 = now.l2 - last.l2
    const joined = now.joined - last.joined
    const refused = now.refused - last.refused
    const answered = l1 + l2 + joined
    const l1HitRatio = answered === 0 ? undefined : Math.round((l1 / answered) * 1_000) / 1_000
    const storeReads = now.storeReads - last.storeReads
    const evictions = now.evictions - last.evictions
    const fields = { l1, l2, joined, refused, l1HitRatio, storeReads, evictions, l1Entries: now.l1Entries }
    this.#logger.info(fields, 'answers in the last minute')
  }
}
