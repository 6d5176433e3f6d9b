import type { CreateReply, ExtendReply, NewEntry, Replacement, ReplaceReply, Write } from '../cache/store.ts'
import { deadlines, extendedDeadline } from './_deadlines.ts'
import type { EntryRows } from './_entry-rows.ts'
import type { EpochRows } from './_epoch-rows.ts'
import type { Connection } from './_sqlite-connection.ts'

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

  apply(unit: WritingUnit, write: Write): CreateReply | ReplaceReply | ExtendReply {
    if (write.operation === 'create') return this.create(unit, write.entry)
    if (write.operation === 'replace') return this.replace(unit, write)
    return this.extend(unit, write.key, write.idleMs)
  }

  create({ connection, storeNow }: WritingUnit, entry: NewEntry): CreateReply {
    if (this.#entries.live(connection, entry.key, storeNow)) return { outcome: 'present' }
    this.#entries.delete(connection, entry.key)
    const times = { createdAt: storeNow, lastSeenAt: storeNow, ...deadlines(storeNow, entry.lifetime) }
    this.#entries.insert(connection, entry, times)
    return { outcome: 'created', version: 1, times, storeNow }
  }

  replace(
    { connection, storeNow }: WritingUnit,
    { key, version, change }: { key: string; version: number; change: Replacement },
  ): ReplaceReply {
    const found = this.#entries.live(connection, key, storeNow)
    if (!found) return { outcome: 'absent' }
    if (found.version !== version) return { outcome: 'conflict' }
    const times = change.lifetime
      ? { createdAt: found.times.createdAt, lastSeenAt: storeNow, ...deadlines(storeNow, change.lifetime) }
      : found.times
    this.#entries.update(connection, { key, value: change.value, version: version + 1, times })
    const bumps = change.bump ? this.#epochs.bump(connection, [key], storeNow) : []
    return { outcome: 'replaced', version: version + 1, times, storeNow, bumps }
  }

  extend({ connection, storeNow }: WritingUnit, key: string, idleMs: number): ExtendReply {
    const found = this.#entries.live(connection, key, storeNow)
    if (!found) return { outcome: 'absent' }
    const times = {
      ...found.times,
      lastSeenAt: storeNow,
      expiresAt: extendedDeadline(found.times, storeNow, idleMs),
    }
    this.#entries.prolong(connection, key, times)
    return { outcome: 'extended', version: found.version, times, storeNow }
  }
}
