import { now, type Clock, type Instant, type Timer } from '../../shared/clock.ts'
import { StoreUnavailableError } from '../../shared/errors.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Randomness } from '../../shared/randomness.ts'
import { withTimeout } from '../../shared/timeout.ts'
import type { Coherence } from './coherence.ts'
import type { Store } from '../store.ts'

export interface PollerOptions {
  store: Store
  coherence: Coherence
  maxStalenessMs: number
  /** A poll ends after this, at most a third of `maxStalenessMs`. */
  timeoutMs: number
  clock: Clock
  randomness: Randomness
  logger: Logger
}

/** Renews the lease: reads the store's epochs every third of D while anybody reads, and rests when nobody does. */
export class Poller {
  readonly #options: PollerOptions
  #timer: Timer | undefined
  #polling: Promise<void> | undefined
  #failing = false
  #closed = false
  /** Monotonic time of the latest read by anybody; written on the hot path. */
  lastUseAt: number = -Infinity

  constructor(options: PollerOptions) {
    this.#options = options
  }

  get isResting(): boolean {
    return this.#timer === undefined && this.#polling === undefined
  }

  /** Somebody reads or writes: polls now if nothing is under way or planned. */
  wake(): void {
    this.lastUseAt = this.#options.clock.monotonic()
    if (this.isResting && !this.#closed) void this.poll()
  }

  /** One poll; never rejects. Joins the one under way. */
  poll(): Promise<void> {
    this.#polling ??= this.#pollAndPlan()
    return this.#polling
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#timer = undefined
  }

  async #pollAndPlan(): Promise<void> {
    const sentAt = now(this.#options.clock)
    await this.#pollOnce(sentAt)
    this.#polling = undefined
    this.#planNext(sentAt)
  }

  async #pollOnce(sentAt: Instant): Promise<void> {
    const { store, coherence, clock, timeoutMs, logger } = this.#options
    const known = coherence.known()
    try {
      const reply = await withTimeout(clock, timeoutMs, store.epochs(known), () => {
        return new StoreUnavailableError(`the ${store.name} store did not answer a poll in time`)
      })
      if (this.#closed) return
      coherence.applyPoll(reply, known, sentAt)
      if (this.#failing) logger.info({ store: store.name }, 'the lease is renewed: memory answers again')
      this.#failing = false
    } catch (err) {
      if (!this.#failing && !this.#closed) {
        logger.warn({ store: store.name, err }, 'polling the store failed: memory stops answering when the lease ends')
      }
      this.#failing = true
    }
  }

  /** Counted from when the last one was sent: after one that was lost, the next must be answered before D is over. */
  #planNext(sentAt: Instant): void {
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#closed) return
    const { clock, randomness, maxStalenessMs } = this.#options
    if (clock.monotonic() - this.lastUseAt > 10 * maxStalenessMs) return
    const jittered = (maxStalenessMs / 3) * (0.9 + 0.1 * randomness.fraction())
    const dueInMs = Math.max(0, sentAt.monotonic + jittered - clock.monotonic())
    this.#timer = clock.setTimer(() => {
      this.#timer = undefined
      void this.poll()
    }, dueInMs)
  }
}
