import type { StoredEntry } from './store.ts'
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
  #waiting: Waiting[] = []
  #underWay = 0
  #flushPlanned = false
  /** Batches sent. */
  sent: number = 0

  constructor(store: TimedStore) {
    this.#store = store
  }

  /** `onSend` is called at the moment before the read leaves. */
  read(key: string, onSend: () => void): Promise<ReadOutcome> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ key, onSend, resolve, reject })
      if (this.#underWay === 0) this.#send()
      else this.#planFlush()
    })
  }

  #planFlush(): void {
    if (this.#flushPlanned) return
    this.#flushPlanned = true
    queueMicrotask(() => {
      this.#flushPlanned = false
      while (this.#waiting.length > 0 && this.#underWay < maxConcurrent) this.#send()
    })
  }

  #send(): void {
    const batch = this.#waiting.splice(0, maxBatch)
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
      if (this.#waiting.length > 0) this.#planFlush()
    }
  }
}
