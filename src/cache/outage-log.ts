import type { Clock } from '../shared/clock.ts'
import type { Logger } from '../shared/logger.ts'

const quietMs = 10_000

/** Says in the log that something fails, and that it is over, each once; what flaps is said once in ten seconds. */
export class OutageLog {
  readonly #seams: { clock: Clock; logger: Logger }
  readonly #fields: object
  readonly #texts: { failed: string; recovered: string }
  #saidAt = -Infinity
  #isSaid = false

  constructor(seams: { clock: Clock; logger: Logger }, fields: object, texts: { failed: string; recovered: string }) {
    this.#seams = seams
    this.#fields = fields
    this.#texts = texts
  }

  /** To be told of every failure: an outage that began while nothing was to be said is said later. */
  failed(err: unknown): void {
    if (this.#isSaid) return
    const { clock, logger } = this.#seams
    const monotonic = clock.monotonic()
    if (monotonic - this.#saidAt < quietMs) return
    this.#saidAt = monotonic
    this.#isSaid = true
    logger.warn({ ...this.#fields, err }, this.#texts.failed)
  }

  recovered(): void {
    if (!this.#isSaid) return
    this.#isSaid = false
    this.#seams.logger.info(this.#fields, this.#texts.recovered)
  }
}
