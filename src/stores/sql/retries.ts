import type { Clock } from '../../shared/clock.ts'
import { StoreUnavailableError } from '../../shared/errors.ts'
import { systemRandomness } from '../../shared/randomness.ts'

const longestPauseMs = 32

/**
 * Makes a unit again that failed only because others were in its way: a lock, a deadlock, a serialization conflict.
 * It waits from timers, never in the database: a driver's own waiting has no end or blocks the event loop.
 */
export class SqlRetries {
  readonly #clock: Clock
  readonly #obstacle: string
  readonly #pauses = new Set<() => void>()

  /** `obstacle` is what was in the way if time runs out, e.g. `other processes kept the database locked`. */
  constructor(clock: Clock, obstacle: string) {
    this.#clock = clock
    this.#obstacle = obstacle
  }

  /**
   * All attempts together take `limitMs` at most. The first is made at once, in this turn; each is told how many
   * milliseconds are left.
   */
  async run<T>(
    limitMs: number,
    attempt: (leftMs: number) => T | Promise<T>,
    isObstructed: (error: unknown) => boolean,
  ): Promise<T> {
    const endsAt = this.#clock.monotonic() + limitMs
    let leftMs = limitMs
    for (let pauseMs = 1; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      try {
        return await attempt(leftMs)
      } catch (error) {
        leftMs = endsAt - this.#clock.monotonic()
        if (!isObstructed(error)) throw error
        if (leftMs < 1)
          throw new StoreUnavailableError(`${this.#obstacle} for ${Math.round(limitMs)} ms`, { cause: error })
      }
      await this.#pause(Math.min(pauseMs * (0.5 + systemRandomness.fraction()), leftMs / 2))
      leftMs = endsAt - this.#clock.monotonic()
    }
  }

  /** Ends every pause now, so that whoever waits finds out that the store is closed. */
  wake(): void {
    for (const wake of this.#pauses) wake()
  }

  async #pause(ms: number): Promise<void> {
    let wake = (): void => {}
    const paused = new Promise<void>((resolve) => {
      wake = resolve
    })
    this.#pauses.add(wake)
    // Awaited: a write under way keeps the process alive, else it would be lost without a word.
    const timer = this.#clock.setTimer(wake, ms, true)
    await paused
    timer.cancel()
    this.#pauses.delete(wake)
  }
}
