import type { Clock } from '../../shared/clock.ts'
import { isSallyportError } from '../../shared/errors.ts'
import type { StoredEntry } from '../store.ts'
import { Batches } from './batches.ts'
import type { CheckedRead } from './check-replies.ts'
import type { ResilientStore } from './resilient-store.ts'

/** What one key's part of a read brought. */
export interface ReadOutcome {
  entry: StoredEntry | undefined
  storeNow: number
}

interface Asked {
  key: string
  onSend: () => void
}

interface Found {
  entry: CheckedRead['entries'][number]
  storeNow: number
}

/** Reads of different keys share round trips, so that a lost lease cannot flood the store. */
export class BatchedReads {
  readonly #store: Pick<ResilientStore, 'read'>
  readonly #batches: Batches<Asked, Found>
  /** Batches handed to the store. */
  batches: number = 0
  /** Keys in them. */
  keys: number = 0

  constructor(store: Pick<ResilientStore, 'read'>, clock: Clock, timeoutMs: number) {
    this.#store = store
    this.#batches = new Batches((asked) => this.#readAll(asked), clock, timeoutMs)
  }

  /** `onSend` is called at the moment before the read leaves. Ends in time, the wait for its turn included. */
  async read(key: string, onSend: () => void): Promise<ReadOutcome> {
    const { entry, storeNow } = await this.#batches.add({ key, onSend })
    if (isSallyportError(entry)) throw entry
    return { entry, storeNow }
  }

  async #readAll(asked: readonly Asked[]): Promise<Found[]> {
    this.batches++
    this.keys += asked.length
    for (const { onSend } of asked) onSend()
    const { entries, storeNow } = await this.#store.read(asked.map(({ key }) => key))
    return entries.map((entry) => ({ entry, storeNow }))
  }
}
