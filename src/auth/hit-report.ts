import type { CacheStats } from '../cache/stats.ts'
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
    const l1 = now.answers.l1 - last.answers.l1
    const l2 = now.answers.l2 - last.answers.l2
    const joined = now.answers.joined - last.answers.joined
    const stale = now.answers.stale - last.answers.stale
    const refused = now.answers.refused - last.answers.refused
    const answered = l1 + l2 + joined + stale
    const l1HitRatio = answered === 0 ? undefined : Math.round((l1 / answered) * 1_000) / 1_000
    const storeReads = now.store.readBatches - last.store.readBatches
    const evictions = evicted(now) - evicted(last)
    const l1Entries = now.sessions.entries
    const fields = { l1, l2, joined, stale, refused, l1HitRatio, storeReads, evictions, l1Entries }
    this.#logger.info(fields, 'answers in the last minute')
  }
}

function evicted({ sessions }: CacheStats): number {
  return sessions.evictions.capacity + sessions.evictions.bytes
}
