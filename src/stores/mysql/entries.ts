import type {
  CreateReply,
  ExtendReply,
  ListQuery,
  ListReply,
  NewEntry,
  ReadReply,
  Replacement,
  ReplaceReply,
  StoredEntry,
} from '../../cache/store.ts'
import { deadlines } from '../rules/deadlines.ts'
import { decideExtend, decideReplace } from '../rules/decisions.ts'
import type { Known } from '../rules/decisions.ts'
import { isDuplicate } from './errors.ts'
import { bound, padded } from './session.ts'
import type { MysqlSession, Value } from './session.ts'
import type { EntryStatements, MysqlStatements } from './statements.ts'
import { LostIdentity } from '../sql/lost-identity.ts'
import { entryOf, inSeconds, pageFrom, timesOf } from '../sql/rows.ts'
import type { EntryRow, InfoRow, pageToAsk } from '../sql/rows.ts'
import { byTable, tableOf } from '../sql/schema.ts'
import type { TableNames } from '../sql/schema.ts'

/** A row as the driver gives it: keys are bytes, and without an entry there is only the clock. */
type Raw<Row> = Omit<Row, 'cache_key'> & { cache_key: Buffer | null; now: number }

/**
 * The operations on entries that need no transaction. Each write is one conditional statement; it answers nothing if
 * somebody was faster, and then a unit has to decide.
 */
export class MysqlEntries {
  readonly #names: TableNames
  readonly #statements: MysqlStatements

  constructor(names: TableNames, statements: MysqlStatements) {
    this.#names = names
    this.#statements = statements
  }

  async read(session: MysqlSession, keys: readonly string[]): Promise<ReadReply> {
    const found = new Map<string, StoredEntry>()
    let storeNow: number | undefined
    for (const [table, wanted] of byTable(this.#names, keys.length === 0 ? [''] : keys)) {
      const rows = await this.#read(session, table, wanted)
      storeNow ??= clockOf(rows)
      for (const row of presentRows(rows)) found.set(row.cache_key, entryOf(row))
    }
    return { entries: keys.map((key) => found.get(key)), storeNow: storeNow ?? 0 }
  }

  async create(session: MysqlSession, entry: NewEntry): Promise<CreateReply | undefined> {
    const { key, value, lifetime, indexes, label } = entry
    const { expiresAt: life, absoluteExpiresAt: absolute } = deadlines(0, lifetime)
    const listed = [indexes?.subject ?? null, indexes?.sid ?? null, label ?? null]
    const values: Value[] = [key, bound(value), life, life, absolute ?? null, ...listed]
    try {
      const { carried: storeNow } = await session.change(this.#on(key).create, values)
      const times = { createdAt: storeNow, lastSeenAt: storeNow, ...deadlines(storeNow, lifetime) }
      return { outcome: 'created', version: 1, times, storeNow }
    } catch (error) {
      if (isDuplicate(error)) return undefined
      throw error
    }
  }

  async replace(
    session: MysqlSession,
    { key, version, change }: { key: string; version: number; change: Replacement },
  ): Promise<ReplaceReply | undefined> {
    const { known, storeNow } = await this.#look(session, key)
    const { reply, next } = decideReplace(known, { version, change }, storeNow)
    if (known === undefined || next === undefined) return reply
    const { expiresAt, absoluteExpiresAt, lastSeenAt } = next.times
    const values = [bound(change.value), next.version, expiresAt, inSeconds(expiresAt), absoluteExpiresAt ?? null]
    const { rows } = await session.change(this.#on(key).replace, [...values, lastSeenAt, ...asLookedAt(key, known)])
    return rows === 1 ? reply : undefined
  }

  async extend(session: MysqlSession, key: string, idleMs: number): Promise<ExtendReply | undefined> {
    const { known, storeNow } = await this.#look(session, key)
    const { reply, next } = decideExtend(known, idleMs, storeNow)
    if (known === undefined || next === undefined) return reply
    const { expiresAt, lastSeenAt } = next.times
    const values = [expiresAt, inSeconds(expiresAt), lastSeenAt, ...asLookedAt(key, known)]
    const { rows } = await session.change(this.#on(key).extend, values)
    return rows === 1 ? reply : undefined
  }

  /** Whoever deletes what was read has it; if somebody changed it in between, it is read again. */
  async take(session: MysqlSession, key: string): Promise<StoredEntry | undefined> {
    for (;;) {
      const [row] = presentRows(await this.#read(session, tableOf(this.#names, key), [key]))
      if (row === undefined) return undefined
      const { rows } = await session.change(this.#on(key).take, [key, row.version, row.created_at])
      if (rows === 1) return entryOf(row)
    }
  }

  async list(
    session: MysqlSession,
    query: ListQuery,
    { from, rows: limit }: ReturnType<typeof pageToAsk>,
  ): Promise<ListReply> {
    if (query.values.length === 0) return { entries: [] }
    const values = padded(query.values)
    const rows = await session.rows<Raw<InfoRow>>(this.#statements.page[query.index](values.length), [
      ...values,
      from.createdAt,
      from.key,
      // As a text: the server takes no floating-point number here, which is how the driver may send one.
      String(limit),
    ])
    return pageFrom(presentRows(rows), query)
  }

  async #look(session: MysqlSession, key: string): Promise<{ known: Known | undefined; storeNow: number }> {
    const rows = await session.rows<Raw<InfoRow>>(this.#on(key).look, [key])
    const [row] = presentRows(rows)
    return { known: row && { version: row.version, times: timesOf(row) }, storeNow: clockOf(rows) }
  }

  #read(session: MysqlSession, table: string, keys: readonly string[]): Promise<Raw<EntryRow>[]> {
    const wanted = padded(keys)
    return session.rows(statementsOn(this.#statements, table).read(wanted.length), wanted)
  }

  #on(key: string): EntryStatements {
    return statementsOn(this.#statements, tableOf(this.#names, key))
  }
}

export function statementsOn({ entries }: MysqlStatements, table: string): EntryStatements {
  const found = entries.get(table)
  if (found === undefined) throw new TypeError(`no statements for ${table}`)
  return found
}

/** The rows with an entry, whose keys become the texts they are. */
export function presentRows<Row extends { cache_key: Buffer | null }>(
  rows: readonly Row[],
): (Omit<Row, 'cache_key'> & { cache_key: string })[] {
  return rows.flatMap((row) =>
    row.cache_key === null ? [] : [Object.assign(row, { cache_key: String(row.cache_key) })],
  )
}

function clockOf(rows: readonly { now: number }[]): number {
  const now = rows[0]?.now
  if (now === undefined) throw new LostIdentity()
  return now
}

function asLookedAt(key: string, { version, times }: Known): Value[] {
  return [key, version, times.createdAt, times.lastSeenAt, times.expiresAt]
}
