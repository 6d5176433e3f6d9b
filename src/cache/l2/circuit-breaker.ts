import type { Clock } from '../../shared/clock.ts'
import { StoreUnavailableError } from '../../shared/errors.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Randomness } from '../../shared/randomness.ts'
import { publish } from '../events.ts'
import { OutageLog } from '../outage-log.ts'

/** `half-open`: one operation is let through, to see whether the store answers again. */
export type BreakerState = 'closed' | 'open' | 'half-open'

/** What an operation that was let through hands back with its outcome. */
export interface Pass {
  /** Rises with every success: a failure of something sent before the latest one says nothing about the time after. */
  readonly period: number
  /** Monotonic. */
  readonly sentAt: number
}

export interface BreakerSeams {
  clock: Clock
  randomness: Randomness
  logger: Logger
  /** Called when the store answers again. */
  onRecovery: () => void
}

/** The breaker refused: the store was not asked, so nothing was read and nothing was written. */
export class BreakerOpenError extends StoreUnavailableError {}

const failuresToOpen = 5
const firstWaitMs = 500
const longestWaitMs = 1_000
const urgentWaitMs = 100

/**
 * Spares a store that does not answer, and whoever would wait for it. Five failures in a row open it; then operations
 * are refused, and after about half a second, later a whole one, a single one is let through as a probe.
 *
 * The wait is counted from when that was sent whose failure opened it: what hung until its timeout has waited enough.
 * An answer that came after its timeout counts as a failure: a store that is too slow for requests is no good to them.
 */
export class CircuitBreaker {
  readonly #store: string
  readonly #clock: Clock
  readonly #randomness: Randomness
  readonly #onRecovery: () => void
  readonly #outage: OutageLog
  #state: BreakerState = 'closed'
  #period = 0
  #failuresInARow = 0
  #probe: Pass | undefined
  /** The store answered elsewhere since the last failure, so this probe is likely to succeed. */
  #isHopeful = false
  #endProbe = (): void => {}
  /** Settles with the probe under way if that is likely to succeed: then it is better to wait than to be refused. */
  hopefulProbe: Promise<void> | undefined
  /** Monotonic: when that was sent whose failure opened it. */
  #triedAt = 0
  #waitMs = 0
  #failedProbes = 0
  /** Operations that failed or took too long. */
  failures: number = 0
  /** Operations that were not let through. */
  refusals: number = 0

  constructor(store: string, seams: BreakerSeams) {
    this.#store = store
    this.#clock = seams.clock
    this.#randomness = seams.randomness
    this.#onRecovery = seams.onRecovery
    this.#outage = new OutageLog(
      seams,
      { store },
      {
        failed: `the store failed ${failuresToOpen} times in a row: it is asked only now and then until it answers again`,
        recovered: 'the store answers again',
      },
    )
  }

  get state(): BreakerState {
    return this.#state
  }

  /**
   * Throws `BreakerOpenError` while the store is spared. `isUrgent`: may be the probe before its time, though never
   * beside another.
   */
  enter(isUrgent: boolean = false): Pass {
    const pass = { period: this.#period, sentAt: this.#clock.monotonic() }
    if (this.#state === 'closed') return pass
    if (this.#state === 'half-open' || !this.#isProbeDue(pass.sentAt, isUrgent)) {
      this.refusals++
      throw new BreakerOpenError(`the ${this.#store} store is not asked for a moment, because it did not answer`)
    }
    this.#probe = pass
    if (this.#isHopeful) this.hopefulProbe = new Promise((resolve) => (this.#endProbe = resolve))
    this.#become('half-open')
    return pass
  }

  /** The store answered in time, be it with a refusal. */
  answered(pass: Pass): void {
    if (this.#state !== 'closed' && pass !== this.#probe) return
    this.#period++
    this.#failuresInARow = 0
    if (this.#state !== 'closed') this.#close()
  }

  failed(pass: Pass, error: unknown): void {
    this.failures++
    if (pass === this.#probe) {
      this.#failedProbes++
      this.#open(pass, error)
      return
    }
    if (this.#state !== 'closed' || pass.period !== this.#period) return
    this.#failuresInARow++
    if (this.#failuresInARow >= failuresToOpen) this.#open(pass, error)
  }

  /** The store answered on another connection: whether it does on this one may be probed at once. */
  probeSoon(): void {
    this.#waitMs = 0
    this.#isHopeful = true
  }

  #isProbeDue(monotonic: number, isUrgent: boolean): boolean {
    const waitMs = isUrgent ? Math.min(this.#waitMs, urgentWaitMs) : this.#waitMs
    return monotonic - this.#triedAt >= waitMs
  }

  #open({ sentAt }: Pass, error: unknown): void {
    this.#forgetProbe()
    this.#isHopeful = false
    this.#triedAt = sentAt
    const longest = Math.min(longestWaitMs, firstWaitMs * 2 ** this.#failedProbes)
    this.#waitMs = longest * (0.75 + 0.25 * this.#randomness.fraction())
    this.#become('open')
    this.#outage.failed(error)
  }

  #close(): void {
    this.#forgetProbe()
    this.#failedProbes = 0
    this.#become('closed')
    this.#outage.recovered()
    this.#onRecovery()
  }

  #forgetProbe(): void {
    this.#probe = undefined
    this.hopefulProbe = undefined
    this.#endProbe()
  }

  #become(state: BreakerState): void {
    this.#state = state
    publish({ type: 'breaker', store: this.#store, state })
  }
}
