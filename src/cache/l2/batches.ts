import type { Clock } from '../../shared/clock.ts'
import { StoreUnavailableError } from '../../shared/errors.ts'
import { withTimeout } from '../../shared/timeout.ts'

/** Makes one round trip and returns what each of the works was answered, in their order. */
export type RoundTrip<Work, Outcome> = (works: readonly Work[]) => Promise<readonly Outcome[]>

interface Waiting<Work, Outcome> {
  work: Work
  /** Monotonic: from here on nobody waits for it any more. */
  lateAt: number
  resolve: (outcome: Outcome) => void
  reject: (error: unknown) => void
}

const maxConcurrent = 4
const maxBatch = 100

/**
 * Lets works share round trips: a lone one leaves at once, those that come while another is under way go together. At
 * most four round trips of at most a hundred works are under way.
 */
export class Batches<Work, Outcome> {
  readonly #roundTrip: RoundTrip<Work, Outcome>
  readonly #clock: Clock
  readonly #timeoutMs: number
  /** In order of arrival. */
  readonly #waiting = new Set<Waiting<Work, Outcome>>()
  #underWay = 0
  #flushPlanned = false

  constructor(roundTrip: RoundTrip<Work, Outcome>, clock: Clock, timeoutMs: number) {
    this.#roundTrip = roundTrip
    this.#clock = clock
    this.#timeoutMs = timeoutMs
  }

  /** Ends in time, the wait for its turn included: what was not sent until then never is. */
  add(work: Work): Promise<Outcome> {
    const lateAt = this.#clock.monotonic() + this.#timeoutMs
    const waiting: Waiting<Work, Outcome> = { work, lateAt, resolve: () => {}, reject: () => {} }
    const outcome = new Promise<Outcome>((resolve, reject) => Object.assign(waiting, { resolve, reject }))
    this.#waiting.add(waiting)
    if (this.#underWay === 0) this.#send()
    // It may not have left: others may have been waiting for longer.
    if (!this.#waiting.has(waiting)) return outcome
    this.#planFlush()
    return withTimeout(this.#clock, this.#timeoutMs, outcome, () => {
      this.#waiting.delete(waiting)
      return this.#tooLate()
    })
  }

  #planFlush(): void {
    if (this.#flushPlanned) return
    this.#flushPlanned = true
    queueMicrotask(() => {
      this.#flushPlanned = false
      while (this.#waiting.size > 0 && this.#underWay < maxConcurrent) this.#send()
    })
  }

  #send(): void {
    const batch = this.#next()
    if (batch.length === 0) return
    this.#underWay++
    void this.#deliver(batch)
  }

  /** Passes over those whose time is over: their timers just did not get to say so yet. */
  #next(): Waiting<Work, Outcome>[] {
    const monotonic = this.#clock.monotonic()
    const batch: Waiting<Work, Outcome>[] = []
    for (const waiting of this.#waiting) {
      if (batch.length === maxBatch) break
      this.#waiting.delete(waiting)
      if (monotonic < waiting.lateAt) batch.push(waiting)
      else waiting.reject(this.#tooLate())
    }
    return batch
  }

  #tooLate(): StoreUnavailableError {
    return new StoreUnavailableError(`the store had too much to do to answer this within ${this.#timeoutMs} ms`)
  }

  async #deliver(batch: Waiting<Work, Outcome>[]): Promise<void> {
    try {
      const outcomes = await this.#roundTrip(batch.map(({ work }) => work))
      batch.forEach(({ resolve }, i) => resolve(outcomes[i]!))
    } catch (error) {
      for (const { reject } of batch) reject(error)
    } finally {
      this.#underWay--
      if (this.#waiting.size > 0) this.#planFlush()
    }
  }
}
