// Not the global one: where a test runner has put a timer of its own in its place, works would wait for its clock.
import { setImmediate } from 'node:timers'
import type { Clock, Timer } from '../../shared/clock.ts'
import { StoreUnavailableError } from '../../shared/errors.ts'

/** Makes one round trip and returns what each of the works was answered, in their order. */
export type RoundTrip<Work, Outcome> = (works: readonly Work[]) => Promise<readonly Outcome[]>

interface Asked<Work, Outcome> {
  work: Work
  /** Monotonic: from here on nobody waits for it any more. */
  lateAt: number
  resolve: (outcome: Outcome) => void
  reject: (error: unknown) => void
}

const maxConcurrent = 4
const maxBatch = 100
/** Fewer are not worth a trip of their own. */
const minShare = 32
/** How many may leave alone in one turn of the event loop; only a store in this process answers as many in so short a time. */
const maxAlone = 4

/**
 * Lets works share round trips: a lone one leaves at once, those that come while another is under way, or after a few
 * others, go together at the end of this turn of the event loop, shared out among the round trips that are free. At most
 * four round trips of at most a hundred works are under way.
 */
export class Batches<Work, Outcome> {
  readonly #roundTrip: RoundTrip<Work, Outcome>
  readonly #clock: Clock
  readonly #timeoutMs: number
  /** In order of arrival. */
  readonly #waiting = new Set<Asked<Work, Outcome>>()
  /** Who had to wait, sent or not, in order of arrival. */
  readonly #unanswered = new Set<Asked<Work, Outcome>>()
  #timer: Timer | undefined
  #underWay = 0
  /** How many more may leave alone in this turn. */
  #mayLeave = maxAlone
  #isTurnEndPlanned = false

  constructor(roundTrip: RoundTrip<Work, Outcome>, clock: Clock, timeoutMs: number) {
    this.#roundTrip = roundTrip
    this.#clock = clock
    this.#timeoutMs = timeoutMs
  }

  /** Ends in time, the wait for its turn included: what was not sent until then never is. */
  add(work: Work): Promise<Outcome> {
    const lateAt = this.#clock.monotonic() + this.#timeoutMs
    return new Promise((resolve, reject) => {
      const asked = { work, lateAt, resolve, reject }
      if (this.#underWay === 0 && this.#mayLeave > 0) return this.#sendAlone(asked)
      this.#waiting.add(asked)
      this.#unanswered.add(asked)
      this.#startTimer(lateAt)
      this.#gather()
    })
  }

  #sendAlone(asked: Asked<Work, Outcome>): void {
    this.#mayLeave--
    this.#planTurnEnd()
    this.#send([asked])
  }

  /** Nobody else leaves alone in this turn. */
  #gather(): void {
    this.#mayLeave = 0
    this.#planTurnEnd()
  }

  #planTurnEnd(): void {
    if (this.#isTurnEndPlanned) return
    this.#isTurnEndPlanned = true
    setImmediate(() => {
      this.#isTurnEndPlanned = false
      this.#mayLeave = maxAlone
      while (this.#waiting.size > 0 && this.#underWay < maxConcurrent) this.#send(this.#next())
    })
  }

  #send(batch: Asked<Work, Outcome>[]): void {
    if (batch.length === 0) return
    this.#underWay++
    void this.#deliver(batch)
  }

  /** Passes over those whose time is over: the timer just did not get to say so yet. */
  #next(): Asked<Work, Outcome>[] {
    const monotonic = this.#clock.monotonic()
    const batch: Asked<Work, Outcome>[] = []
    const most = this.#shareOfOne()
    for (const asked of this.#waiting) {
      if (batch.length === most) break
      this.#waiting.delete(asked)
      if (monotonic < asked.lateAt) batch.push(asked)
      else this.#giveUp(asked)
    }
    return batch
  }

  /** All trips get their part, so that the store works on one while we are at another. */
  #shareOfOne(): number {
    const share = Math.ceil(this.#waiting.size / (maxConcurrent - this.#underWay))
    return Math.min(maxBatch, Math.max(minShare, share))
  }

  /** One timer is enough for all: who came first is late first. */
  #startTimer(lateAt: number): void {
    this.#timer ??= this.#clock.setTimer(() => {
      this.#timer = undefined
      this.#dismiss(lateAt)
    }, lateAt - this.#clock.monotonic())
  }

  #stopTimer(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  /** The timer may have run a little early, or after a busy while. */
  #dismiss(lateAt: number): void {
    const late = Math.max(lateAt, this.#clock.monotonic())
    for (const asked of this.#unanswered) {
      if (asked.lateAt > late) return this.#startTimer(asked.lateAt)
      this.#giveUp(asked)
    }
  }

  #giveUp(asked: Asked<Work, Outcome>): void {
    this.#waiting.delete(asked)
    this.#unanswered.delete(asked)
    const message = `the store had too much to do to answer this within ${this.#timeoutMs} ms`
    asked.reject(new StoreUnavailableError(message))
  }

  async #deliver(batch: Asked<Work, Outcome>[]): Promise<void> {
    try {
      const outcomes = await this.#roundTrip(batch.map(({ work }) => work))
      batch.forEach(({ resolve }, i) => resolve(outcomes[i]!))
    } catch (error) {
      for (const { reject } of batch) reject(error)
    } finally {
      this.#underWay--
      for (const asked of batch) this.#unanswered.delete(asked)
      if (this.#unanswered.size === 0) this.#stopTimer()
      // Whoever asks the next thing on being answered goes with all the others that do.
      if (this.#waiting.size > 0 || batch.length > 1) this.#gather()
    }
  }
}
