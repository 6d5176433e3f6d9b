// Not the global one: where a test runner has put a timer of its own in its place, the server's time would stand still.
import { setImmediate } from 'node:timers'
import type { ReadReply } from '../../cache/store.ts'
import type { Connection } from './connection.ts'
import { entryFrom } from './record.ts'
import { timeFrom } from './replies.ts'

/** An entry's key, and the name of the server's key that holds it. */
export type NamedKey = readonly [key: string, name: string]

/** Reads of entries from the servers that hold them. */
export class Reads {
  /** The servers' clocks as the reads of this turn of the event loop ask for them. */
  readonly #times = new Map<Connection, Promise<number>>()

  async read(connection: Connection, startedAt: number, keys: readonly NamedKey[]): Promise<ReadReply> {
    // The time first: an entry that is found then has not reached its deadline.
    const time = this.#timeOf(connection, startedAt)
    const records = keys.length === 0 ? [] : connection.send(['MGET', ...keys.map(([, name]) => name)], startedAt)
    const [storeNow, found] = await Promise.all([time, records])
    const entries = (found as (Buffer | null)[]).map((record, i) =>
      record === null ? undefined : entryFrom(keys[i]?.[0] ?? '', record),
    )
    return { entries, storeNow }
  }

  #timeOf(connection: Connection, startedAt: number): Promise<number> {
    const known = this.#times.get(connection)
    if (known !== undefined) return known
    const time = connection.send(['TIME'], startedAt).then(timeFrom)
    if (this.#times.size === 0) setImmediate(() => this.#times.clear())
    this.#times.set(connection, time)
    return time
  }
}
