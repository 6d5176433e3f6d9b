import type { Clock } from '../../shared/clock.ts'
import { StoreUnavailableError } from '../../shared/errors.ts'
import { withTimeout } from '../../shared/timeout.ts'
import type { StoredEntry } from '../store.ts'
import type { TimedStore } from './timed-store.ts'

/** What one key's part of a read brought. */
export interface ReadOutcome {
  entry: StoredEntry | undefined
  storeNow: number
}

interface Waiting {
  key: string
  onSend: () => void
  resolve: (outcome: ReadOutcome) => void
  reject: (error: unknown) => void
}

const maxConcurrent = 4
const maxBatch = 100

/**
 * Reads of different keys share a round trip: a lone read is sent at once, reads that arrive while another is under
 * way go together. At most four batches are under way, so that a lost lease cannot flood the store.
 */
export class BatchedReads {
  readonly #store: TimedStore
  readonly #clock: Clock
  readonly #timeoutMs: number
  /** In order of arrival. */
  readonly #waiting = new Set<Waiting>()
  #underWay = 0
  #flushPlanned = false
  /** Batches sent. */
  sent: number = 0

  constructor(store: TimedStore, clock: Clock, timeoutMs: number) {
    this.#store = store
    this.#clock = clock
    this.#timeoutMs = timeoutMs
  }

  /** `onSend` is called at the moment before the read leaves. Ends in time, the wait for its turn included. */
  read(key: string, onSend: () => void): Promise<ReadOutcome> {
    const waiting: Waiting = { key, onSend, resolve: () => {}, reject: () => {} }
    const outcome = new Promise<ReadOutcome>((resolve, reject) => Object.assign(waiting, { resolve, reject }))
    this.#waiting.add(waiting)
    if (this.#underWay === 0) {
      this.#send()
      return outcome
    }
    this.#planFlush()
    return withTimeout(this.#clock, this.#timeoutMs, outcome, () => {
      this.#waiting.delete(waiting)
      return new StoreUnavailableError(`the store had too many reads to answer this one within ${this.#timeoutMs} ms`)
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
    const batch: Waiting[] = []
    for (const waiting of this.#waiting) {
      if (batch.length === maxBatch) break
      this.#waiting.delete(waiting)
      batch.push(waiting)
    }
    this.#underWay++
    this.sent++
    for (const waiting of batch) waiting.onSend()
    void this.#deliver(batch)
  }

  async #deliver(batch: Waiting[]): Promise<void> {
    try {
      const reply = await this.#store.read(batch.map((waiting) => waiting.key))
      batch.forEach(({ key, resolve }, i) => {
        const entry = reply.entries[i]
        resolve({ entry: entry?.key === key ? entry : undefined, storeNow: reply.storeNow })
      })
    } catch (error) {
      for (const waiting of batch) waiting.reject(error)
    } finally {
      this.#underWay--
      if (this.#waiting.size > 0) this.#planFlush()
    }
  }
}
