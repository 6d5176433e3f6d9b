import type { Clock } from '../../shared/clock.ts'
import type { Logger } from '../../shared/logger.ts'
import { publish } from '../events.ts'

const quietMs = 60_000

export interface SlowOperationsOptions {
  store: string
  /** What takes longer is slow; 0: nothing is. */
  thresholdMs: number
  clock: Clock
  logger: Logger
}

/** Counts and publishes operations of a store that took long, whatever became of them, and says so once in a minute. */
export class SlowOperations {
  readonly #options: SlowOperationsOptions
  #saidAt = -Infinity
  #unsaid = 0
  count: number = 0

  constructor(options: SlowOperationsOptions) {
    this.#options = options
  }

  /** To be told of everything that was sent, when it has ended or was given up; `sentAt` is monotonic. */
  ended(operation: string, sentAt: number): void {
    const { store, thresholdMs, clock } = this.#options
    // At the start there are connections, and perhaps tables, to be made.
    if (thresholdMs === 0 || operation === 'init') return
    const ms = Math.round(clock.monotonic() - sentAt)
    if (ms <= thresholdMs) return
    this.count++
    this.#unsaid++
    publish({ type: 'slow-operation', store, operation, ms })
    this.#say(operation, ms)
  }

  #say(operation: string, ms: number): void {
    const { store, thresholdMs, clock, logger } = this.#options
    const monotonic = clock.monotonic()
    if (monotonic - this.#saidAt < quietMs) return
    const fields = { store, operation, ms, count: this.#unsaid }
    this.#saidAt = monotonic
    this.#unsaid = 0
    logger.warn(
      fields,
      `${operation} took the store ${ms} ms; since the last such line \`count\` operations took longer than ${thresholdMs} ms`,
    )
  }
}
