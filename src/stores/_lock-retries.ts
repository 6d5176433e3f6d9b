import type { Clock } from '../shared/clock.ts'
import { StoreUnavailableError } from '../shared/errors.ts'
import { systemRandomness } from '../shared/randomness.ts'

const longestPauseMs = 32

/**
 * Tries again, from timers, what failed because another connection held the lock: SQLite's own busy timeout would
 * block the event loop for as long as it waits.
 */
export class LockRetries {
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #waiting = new Set<() => void>()

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock
    this.#timeoutMs = timeoutMs
  }

  async run<T>(attempt: () => T, isLocked: (error: unknown) => boolean): Promise<T> {
    const startedAt = this.#clock.monotonic()
    for (let pauseMs = 1; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      try {
        return attempt()
      } catch (error) {
        if (!isLocked(error)) throw error
        if (this.#clock.monotonic() - startedAt >= this.#timeoutMs) throw this.#gaveUp(error)
      }
      await this.#pause(pauseMs * (0.5 + systemRandomness.fraction()))
    }
  }

  /** Ends every pause now, so that whoever waits finds out that the store is closed. */
  wake(): void {
    for (const wake of this.#waiting) wake()
  }

  async #pause(ms: number): Promise<void> {
    // The clock's timers do not keep the process alive, but a write under way has to: it would be lost without a word.
    const alive = setInterval(() => {}, 2 ** 30)
    let wake = (): void => {}
    const paused = new Promise<void>((resolve) => {
      wake = resolve
    })
    this.#waiting.add(wake)
    const timer = this.#clock.setTimer(wake, ms)
    await paused
    timer.cancel()
    this.#waiting.delete(wake)
    clearInterval(alive)
  }

  #gaveUp(cause: unknown): StoreUnavailableError {
    return new StoreUnavailableError(`another process kept the database locked for ${this.#timeoutMs} ms`, { cause })
  }
}
