import type { Clock, Timer } from '../../shared/clock.ts'
import { StoreUnavailableError } from '../../shared/errors.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Randomness } from '../../shared/randomness.ts'
import { withTimeout } from '../../shared/timeout.ts'
import type { Store } from '../store.ts'

const batch = 1_000
const timeoutMs = 30_000

/** Deletes expired entries in the background, a batch at a time. They are invisible long before. */
export class Sweeper {
  readonly #store: Store
  readonly #seams: { clock: Clock; randomness: Randomness; logger: Logger }
  #timer: Timer | undefined
  #closed = false

  constructor(store: Store, seams: { clock: Clock; randomness: Randomness; logger: Logger }) {
    this.#store = store
    this.#seams = seams
  }

  /** Repeatable; does nothing where the store expires entries by itself. */
  start(): void {
    if (this.#timer === undefined && this.#store.cleanupIntervalSec > 0)
      this.#plan(this.#store.cleanupIntervalSec * 1_000)
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  #plan(ms: number): void {
    if (this.#closed) return
    const jittered = ms * (0.9 + 0.2 * this.#seams.randomness.fraction())
    this.#timer = this.#seams.clock.setTimer(() => void this.#sweep(), jittered)
  }

  async #sweep(): Promise<void> {
    let deleted = 0
    try {
      // One that hangs must not be the last. Those given up are as rare as sweeps are: nobody needs to count them.
      deleted = await withTimeout(this.#seams.clock, timeoutMs, Promise.resolve(this.#store.sweep(batch)), () => {
        return new StoreUnavailableError(`the ${this.#store.name} store did not sweep within ${timeoutMs} ms`)
      })
    } catch (err) {
      if (!this.#closed)
        this.#seams.logger.warn({ store: this.#store.name, err }, 'deleting expired entries failed; tried again later')
    }
    // A full batch means there is more: go on soon, but let others at the store in between.
    this.#plan(deleted === batch ? 1_000 : this.#store.cleanupIntervalSec * 1_000)
  }
}
