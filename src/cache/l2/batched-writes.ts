import type { Clock } from '../../shared/clock.ts'
import type {
  CreateReply,
  ExtendReply,
  NewEntry,
  Replacement,
  ReplaceReply,
  Write,
  WriteOutcome,
  WriteReply,
} from '../store.ts'
import { Batches } from './batches.ts'
import type { ResilientStore } from './resilient-store.ts'

type SingleWrites = Pick<ResilientStore, 'create' | 'replace' | 'extend'>
type WriteMany = NonNullable<ResilientStore['writeMany']>

/**
 * The writes of a store that may share a round trip, called like the store's own. Where the store takes one write at
 * a time they pass straight through. A write that fails because it waited too long for its turn is never sent.
 */
export class BatchedWrites implements SingleWrites {
  readonly #store: SingleWrites
  readonly #batches: Batches<Write, WriteOutcome> | undefined
  /** Round trips made. */
  batches: number = 0
  /** Writes in them. */
  writes: number = 0

  constructor(store: SingleWrites & Pick<ResilientStore, 'writeMany'>, clock: Clock, timeoutMs: number) {
    this.#store = store
    const { writeMany } = store
    if (writeMany === undefined) return
    this.#batches = new Batches((writes) => this.#together(writes, writeMany), clock, timeoutMs)
  }

  create(entry: NewEntry): Promise<CreateReply> {
    return this.#write<CreateReply>({ operation: 'create', entry })
  }

  replace(key: string, version: number, change: Replacement): Promise<ReplaceReply> {
    return this.#write<ReplaceReply>({ operation: 'replace', key, version, change })
  }

  extend(key: string, idleMs: number): Promise<ExtendReply> {
    return this.#write<ExtendReply>({ operation: 'extend', key, idleMs })
  }

  async #write<R extends WriteReply>(write: Write): Promise<R> {
    if (this.#batches === undefined) return (await this.#alone(write)) as R
    const outcome = await this.#batches.add(write)
    if ('error' in outcome) throw outcome.error
    return outcome.reply as R
  }

  #alone(write: Write): Promise<WriteReply> {
    this.batches++
    this.writes++
    if (write.operation === 'create') return this.#store.create(write.entry)
    if (write.operation === 'replace') return this.#store.replace(write.key, write.version, write.change)
    return this.#store.extend(write.key, write.idleMs)
  }

  async #together(writes: readonly Write[], writeMany: WriteMany): Promise<WriteOutcome[]> {
    const [first, ...others] = writes
    if (first !== undefined && others.length === 0) return [{ reply: await this.#alone(first) }]
    this.batches++
    this.writes += writes.length
    return writeMany(writes)
  }
}
