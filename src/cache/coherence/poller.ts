import { now, type Clock, type Instant, type Timer } from '../../shared/clock.ts'
import { StoreUnavailableError } from '../../shared/errors.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Randomness } from '../../shared/randomness.ts'
import { withTimeout } from '../../shared/timeout.ts'
import { publish } from '../events.ts'
import { ReplyChecks } from '../l2/check-replies.ts'
import type { SlowOperations } from '../l2/slow-operations.ts'
import { OutageLog } from '../outage-log.ts'
import type { EpochsReply, Store } from '../store.ts'
import type { Coherence } from './coherence.ts'

export interface PollerOptions {
  store: Store
  coherence: Coherence
  maxStalenessMs: number
  /** A poll ends after this, at most a third of `maxStalenessMs`. */
  timeoutMs: number
  clock: Clock
  randomness: Randomness
  logger: Logger
  slow: SlowOperations
  /** Told of every poll that was answered. */
  onAnswer: () => void
}

/** As many polls may be lost before the lease is, so up to here the next one does not wait. */
const fewHung = 2

/**
 * Renews the lease: reads the store's epochs every third of D while anybody reads, and rests when nobody does.
 *
 * A poll that was given up may still be under way in the driver. So that they do not pile up before a store that
 * hangs, they are sent every D once three of them are, until one of them ends or the store answers anything else. They
 * are never waited for: of a connection that died none ever ends.
 */
export class Poller {
  readonly #options: PollerOptions
  readonly #checks: ReplyChecks
  readonly #outage: OutageLog
  /** Polls that were given up and have not ended since. */
  readonly #hung = new Set<Promise<EpochsReply>>()
  #timer: Timer | undefined
  #polling: Promise<void> | undefined
  /** Monotonic: when the last poll was sent. */
  #sentAt = -Infinity
  #lease: 'held' | 'lost' | undefined
  #closed = false
  /** Monotonic time of the latest read by anybody; written on the hot path. */
  lastUseAt: number = -Infinity
  polls: number = 0
  pollFailures: number = 0

  constructor(options: PollerOptions) {
    this.#options = options
    this.#checks = new ReplyChecks(options.store)
    this.#outage = new OutageLog(
      options,
      { store: options.store.name },
      {
        failed: 'polling the store failed: memory stops answering when the lease ends',
        recovered: 'the lease is renewed: memory answers again',
      },
    )
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

  /** The store answers elsewhere again: the next poll need not wait for those that hang. */
  pollSoon(): void {
    this.#hung.clear()
    if (this.#timer !== undefined) this.#planNext()
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#timer = undefined
  }

  async #pollAndPlan(): Promise<void> {
    const sentAt = now(this.#options.clock)
    this.#sentAt = sentAt.monotonic
    await this.#pollOnce(sentAt)
    this.#polling = undefined
    this.#planNext()
  }

  async #pollOnce(sentAt: Instant): Promise<void> {
    const { coherence, slow, onAnswer } = this.#options
    const known = coherence.known()
    this.polls++
    try {
      const reply = this.#checks.epochs(await this.#ask(known))
      if (this.#closed) return
      coherence.applyPoll(reply, known, sentAt)
    } catch (err) {
      if (!this.#closed) this.#failed(err)
      return
    } finally {
      slow.ended('epochs', sentAt.monotonic)
    }
    // Those of a connection that died end never; they must not slow down what works again.
    this.#hung.clear()
    this.#outage.recovered()
    this.#note('held')
    onAnswer()
  }

  async #ask(known: readonly number[]): Promise<EpochsReply> {
    const { store, clock, timeoutMs } = this.#options
    const answer = Promise.resolve(store.epochs(known))
    return withTimeout(clock, timeoutMs, answer, () => {
      this.#hung.add(answer)
      const ended = (): void => this.#hungEnded(answer)
      answer.then(ended, ended)
      return new StoreUnavailableError(`the ${store.name} store did not answer a poll in time`)
    })
  }

  #hungEnded(answer: Promise<EpochsReply>): void {
    if (this.#hung.delete(answer) && this.#timer !== undefined) this.#planNext()
  }

  #failed(err: unknown): void {
    const { clock, coherence } = this.#options
    this.pollFailures++
    this.#outage.failed(err)
    if (!coherence.holdsLease(clock.monotonic(), clock.wall())) this.#note('lost')
  }

  #note(lease: 'held' | 'lost'): void {
    if (this.#lease === lease) return
    this.#lease = lease
    publish({ type: 'lease', state: lease })
  }

  /** Counted from when the last one was sent: after one that was lost, the next must be answered before D is over. */
  #planNext(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#closed) return
    const { clock, randomness, maxStalenessMs } = this.#options
    if (clock.monotonic() - this.lastUseAt > 10 * maxStalenessMs) return
    const jittered = this.#intervalMs() * (0.9 + 0.1 * randomness.fraction())
    const dueInMs = Math.max(0, this.#sentAt + jittered - clock.monotonic())
    this.#timer = clock.setTimer(() => {
      this.#timer = undefined
      void this.poll()
    }, dueInMs)
  }

  #intervalMs(): number {
    const { maxStalenessMs } = this.#options
    return this.#hung.size <= fewHung ? maxStalenessMs / 3 : maxStalenessMs
  }
}
