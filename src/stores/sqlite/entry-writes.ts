import type {
  CreateReply,
  ExtendReply,
  NewEntry,
  Replacement,
  ReplaceReply,
  Write,
  WriteOutcome,
  WriteReply,
} from '../../cache/store.ts'
import { decideCreate, decideExtend, decideReplace } from '../rules/decisions.ts'
import type { EntryRows } from './entry-rows.ts'
import type { EpochRows } from './epoch-rows.ts'
import type { Connection } from './connection.ts'

/** A connection with the write lock in hand, and the store's clock as the unit read it. */
export interface WritingUnit {
  readonly connection: Connection
  readonly storeNow: number
}

/** The conditional writes: each looks, judges and changes, inside the unit of its caller. */
export class EntryWrites {
  readonly #entries: EntryRows
  readonly #epochs: EpochRows

  constructor(entries: EntryRows, epochs: EpochRows) {
    this.#entries = entries
    this.#epochs = epochs
  }

  /**
   * Several in a unit of their own: if one fails, nothing of it stays and the others are done all the same. Hardly ever
   * does one fail, and a savepoint for each costs time: only then all are undone, and done again with savepoints.
   */
  together(unit: WritingUnit, writes: readonly Write[]): WriteOutcome[] {
    const { connection } = unit
    try {
      return writes.map((write) => ({ reply: this.#apply(unit, write) }))
    } catch (error) {
      connection.beginAnew(error)
      return writes.map((write) => connection.attempt(() => this.#apply(unit, write)))
    }
  }

  create({ connection, storeNow }: WritingUnit, entry: NewEntry): CreateReply {
    const known = this.#entries.known(connection, entry.key)
    const { reply, next } = decideCreate(known, entry, storeNow)
    if (next === undefined) return reply
    if (known !== undefined) this.#entries.delete(connection, entry.key)
    this.#entries.insert(connection, entry, next.times)
    return reply
  }

  replace(
    { connection, storeNow }: WritingUnit,
    { key, version, change }: { key: string; version: number; change: Replacement },
  ): ReplaceReply {
    const { reply, next } = decideReplace(this.#entries.known(connection, key), { version, change }, storeNow)
    if (reply.outcome !== 'replaced' || next === undefined) return reply
    const entry = { key, value: change.value, ...next }
    if (change.lifetime === undefined) this.#entries.change(connection, entry)
    else this.#entries.update(connection, entry)
    return { ...reply, bumps: change.bump ? this.#epochs.bump(connection, [key], storeNow) : [] }
  }

  extend({ connection, storeNow }: WritingUnit, key: string, idleMs: number): ExtendReply {
    const { reply, next } = decideExtend(this.#entries.known(connection, key), idleMs, storeNow)
    if (next !== undefined) this.#entries.prolong(connection, key, next.times)
    return reply
  }

  #apply(unit: WritingUnit, write: Write): WriteReply {
    if (write.operation === 'create') return this.create(unit, write.entry)
    if (write.operation === 'replace') return this.replace(unit, write)
    return this.extend(unit, write.key, write.idleMs)
  }
}
