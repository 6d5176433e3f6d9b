import type { CacheEntry } from '../cache/entry.ts'
import type { Writes } from '../cache/writes.ts'
import type { Clock } from '../shared/clock.ts'
import type { Logger } from '../shared/logger.ts'
import type { SessionRecord } from './record.ts'
import type { Refresher } from './refresher.ts'

export interface CaretakerOptions {
  writes: Writes<SessionRecord>
  refresher: Refresher
  idleTimeoutSec: number
  clock: Clock
  logger: Logger
}

type Entry = CacheEntry<SessionRecord>

/** A session in use is touched once per this part of its idle timeout and process: a near cache must not starve it. */
const touchShare = 0.25
/** After a touch or an early refresh that failed the next look is not before this. */
const lookAgainMs = 1_000

/** Keeps sessions that are in use alive and their tokens fresh, beside the requests, which never wait for it. */
export class Caretaker {
  readonly #options: CaretakerOptions
  readonly #idleMs: number
  readonly #touching = new Set<string>()

  constructor(options: CaretakerOptions) {
    this.#options = options
    this.#idleMs = options.idleTimeoutSec * 1_000
  }

  /** Sets when the entry wants to be looked after. */
  plan(entry: Entry): void {
    const touchAt = entry.times.lastSeenAt + touchShare * this.#idleMs - entry.storeOffset
    entry.attentionAt = Math.min(touchAt, this.#options.clock.monotonic() + this.#options.refresher.dueInMs(entry))
  }

  /** Does what is due, in the background. */
  attend(entry: Entry, monotonic: number): void {
    if (monotonic + entry.storeOffset - entry.times.lastSeenAt >= touchShare * this.#idleMs) this.#touch(entry)
    this.#options.refresher.startEarly(entry)
    const refreshInMs = Math.max(lookAgainMs, this.#options.refresher.dueInMs(entry))
    entry.attentionAt = monotonic + Math.min(touchShare * this.#idleMs, refreshInMs)
  }

  #touch(entry: Entry): void {
    const { writes, clock, logger } = this.#options
    if (this.#touching.has(entry.key)) return
    this.#touching.add(entry.key)
    writes
      .extend(entry.key, this.#idleMs, entry)
      .catch((err: unknown) => {
        entry.attentionAt = Math.min(entry.attentionAt, clock.monotonic() + lookAgainMs)
        logger.debug({ err }, 'a session could not be touched; the next request tries again')
      })
      .finally(() => this.#touching.delete(entry.key))
  }
}
