import type { Clock, Timer } from '../../shared/clock.ts'
import { StoreUnavailableError } from '../../shared/errors.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Randomness } from '../../shared/randomness.ts'
import { withTimeout } from '../../shared/timeout.ts'
import type { SweeperStats } from '../stats.ts'
import type { Store } from '../store.ts'
import type { SlowOperations } from './slow-operations.ts'

const batch = 1_000
const timeoutMs = 30_000

export interface SweeperSeams {
  clock: Clock
  randomness: Randomness
  logger: Logger
  slow: SlowOperations
}

/** Deletes expired entries in the background, a batch at a time. They are invisible long before. */
export class Sweeper {
  readonly #store: Store
  readonly #seams: SweeperSeams
  #timer: Timer | undefined
  #closed = false
  readonly stats: SweeperStats = { runs: 0, deleted: 0, failures: 0 }

  constructor(store: Store, seams: SweeperSeams) {
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
    const { clock, logger, slow } = this.#seams
    const sentAt = clock.monotonic()
    let deleted = 0
    try {
      // One that hangs must not be the last. Those given up are as rare as sweeps are: nobody needs to count them.
      deleted = await withTimeout(clock, timeoutMs, Promise.resolve(this.#store.sweep(batch)), () => {
        return new StoreUnavailableError(`the ${this.#store.name} store did not sweep within ${timeoutMs} ms`)
      })
    } catch (err) {
      this.stats.failures++
      if (!this.#closed)
        logger.warn({ store: this.#store.name, err }, 'deleting expired entries failed; tried again later')
    }
    slow.ended('sweep', sentAt)
    this.stats.runs++
    this.stats.deleted += deleted
    // A full batch means there is more: go on soon, but let others at the store in between.
    this.#plan(deleted === batch ? 1_000 : this.#store.cleanupIntervalSec * 1_000)
  }
}
