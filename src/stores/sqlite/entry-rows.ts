import type { EntryTimes, ListQuery, ListReply, NewEntry, RemoveTarget, StoredEntry } from '../../cache/store.ts'
import type { Known } from '../rules/decisions.ts'
import { inSeconds, pageFrom, pageToAsk } from '../sql/rows.ts'
import type { InfoRow, TargetedRow } from '../sql/rows.ts'
import { tableOf } from '../sql/schema.ts'
import type { TableNames } from '../sql/schema.ts'
import type { Connection } from './connection.ts'
import type { EntryStatements, KnownRow, SqliteStatements } from './statements.ts'

/** The entries of a store as rows. Each method is one statement a table; what must happen together is a unit of its caller. */
export class EntryRows {
  readonly #names: TableNames
  readonly #data: EntryStatements
  readonly #verifiers: EntryStatements

  constructor(names: TableNames, { data, verifiers }: SqliteStatements) {
    this.#names = names
    this.#data = data
    this.#verifiers = verifiers
  }

  /** The entry, unless it is absent or expired. */
  live(connection: Connection, key: string, now: number): StoredEntry | undefined {
    const [row] = connection.lists<[...KnownRow, Uint8Array]>(this.#of(key).live, key, now)
    return row && { key, value: row[5], version: row[0], times: timesOf(row) }
  }

  /** The entry but for its value, expired or not. */
  known(connection: Connection, key: string): Known | undefined {
    const [row] = connection.lists<KnownRow>(this.#of(key).known, key)
    return row && { version: row[0], times: timesOf(row) }
  }

  /** What a removal aims at, expired rows too: a wall clock set back must not revive what was removed. */
  targeted(connection: Connection, target: RemoveTarget): TargetedRow[] {
    if ('index' in target) {
      const rows = connection.all<TargetedRow>(this.#data.under[target.index], JSON.stringify(target.values))
      return rows.filter((row) => row.cache_key !== target.except)
    }
    const rows = connection.all<TargetedRow>(this.#of(target.key).aimed, target.key)
    return 'ifVersion' in target ? rows.filter((row) => row.version === target.ifVersion) : rows
  }

  insert(connection: Connection, entry: NewEntry, times: EntryTimes): void {
    const { key, value, indexes, label } = entry
    const { expiresAt, absoluteExpiresAt, createdAt, lastSeenAt } = times
    const listed = [key, expiresAt, absoluteExpiresAt ?? null, createdAt, lastSeenAt, label ?? null]
    connection.run(
      this.#of(key).insert,
      ...listed,
      inSeconds(expiresAt),
      value,
      indexes?.subject ?? null,
      indexes?.sid ?? null,
    )
  }

  /** Another value with the deadlines it had, which costs no more than the row: their index stays as it is. */
  change(connection: Connection, { key, value, version }: Omit<StoredEntry, 'times'>): void {
    connection.run(this.#of(key).change, value, version, key)
  }

  update(connection: Connection, entry: StoredEntry): void {
    const { key, value, version, times } = entry
    const { expiresAt, absoluteExpiresAt, lastSeenAt } = times
    const absolute = absoluteExpiresAt ?? null
    connection.run(this.#of(key).update, value, version, expiresAt, absolute, inSeconds(expiresAt), lastSeenAt, key)
  }

  /** Moves the deadline and leaves the rest alone. */
  prolong(connection: Connection, key: string, { expiresAt, lastSeenAt }: EntryTimes): void {
    connection.run(this.#of(key).prolong, expiresAt, inSeconds(expiresAt), lastSeenAt, key)
  }

  delete(connection: Connection, key: string): void {
    connection.run(this.#of(key).delete, key)
  }

  list(connection: Connection, query: ListQuery, now: number): ListReply {
    const { from, rows } = pageToAsk(query)
    const values = JSON.stringify(query.values)
    const page = this.#data.page[query.index]
    return pageFrom(connection.all<InfoRow>(page, values, now, from.createdAt, from.key, rows), query)
  }

  sweep(connection: Connection, now: number, limit: number): number {
    let deleted = 0
    for (const { sweep } of this.#tables()) deleted += connection.run(sweep, inSeconds(now), now, limit - deleted)
    return deleted
  }

  count(connection: Connection): number {
    let entries = 0
    for (const { count } of this.#tables()) entries += connection.all<{ entries: number }>(count)[0]?.entries ?? 0
    return entries
  }

  #of(key: string): EntryStatements {
    return tableOf(this.#names, key) === this.#names.data ? this.#data : this.#verifiers
  }

  #tables(): Set<EntryStatements> {
    return new Set([this.#data, this.#verifiers])
  }
}

function timesOf([, createdAt, lastSeenAt, expiresAt, ceiling]: readonly [...KnownRow, ...unknown[]]): EntryTimes {
  const times = { createdAt, lastSeenAt, expiresAt }
  return ceiling === null ? times : { ...times, absoluteExpiresAt: ceiling }
}
