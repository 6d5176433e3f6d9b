import { bucketOf } from '../../cache/bucket.ts'
import type {
  CreateReply,
  ExtendReply,
  ListQuery,
  ListReply,
  NewEntry,
  ReadReply,
  ReplaceReply,
  Replacement,
  StoredEntry,
} from '../../cache/store.ts'
import { bucketCount } from '../rules/bumps.ts'
import { bumpsOf } from './bump-rows.ts'
import type { ReplacedRow, TimesRow } from './bump-rows.ts'
import type { PostgresDatabase } from './kind.ts'
import { ask, refuseTooLarge } from './query.ts'
import type { EntryStatements, Statements } from './statements.ts'
import { pageFrom, pageToAsk, timesOf } from '../sql/rows.ts'
import type { InfoRow } from '../sql/rows.ts'
import { byTable, tableOf } from '../sql/schema.ts'
import type { TableNames } from '../sql/schema.ts'

/** The clock, and of an entry that is there the version, both deadlines and the two times of `EntryTimes`. */
type Numbers = [now: number, ...([number, number, number | null, number, number] | [null, null, null, null, null])]

interface ReadRow {
  numbers: Numbers
  cache_value: string
}

interface NamedReadRow extends ReadRow {
  cache_key: string
}

interface WrittenRow extends TimesRow {
  now: number
  version: number
}

export interface ReplacementOf {
  key: string
  version: number
  change: Replacement
}

/** What concerns single entries. Each method is one statement, and most are one round trip. */
export class PostgresEntries {
  readonly #database: PostgresDatabase
  readonly #names: TableNames
  readonly #statements: Statements
  readonly #jsonb: boolean

  constructor(database: PostgresDatabase, names: TableNames, statements: Statements, jsonb: boolean) {
    this.#database = database
    this.#names = names
    this.#statements = statements
    this.#jsonb = jsonb
  }

  async read(keys: readonly string[]): Promise<ReadReply> {
    const [only] = keys
    if (only === undefined || keys.length > 1) return this.#readMany(keys)
    const statement = this.#of(only).readOne
    const { rows } = await this.#database.request((client) => ask<ReadRow>(client, statement, [only]))
    const row = rows[0]!
    return { entries: [this.#entryOf(only, row)], storeNow: row.numbers[0] }
  }

  create({ key, value, lifetime, indexes, label }: NewEntry, endsAt?: number): Promise<CreateReply> {
    const { idleMs, absoluteMs } = lifetime
    return this.#database.request(async (client) => {
      const kept = [whole(idleMs), whole(absoluteMs), indexes?.subject, indexes?.sid, label]
      const { rows } = await ask<WrittenRow>(client, this.#of(key).create, [key, this.#bound(value), ...kept])
      const [row] = rows
      if (row === undefined) return { outcome: 'present' }
      return { outcome: 'created', version: row.version, times: timesOf(row), storeNow: row.now }
    }, endsAt)
  }

  replace({ key, version, change }: ReplacementOf, endsAt?: number): Promise<ReplaceReply> {
    const { replace, replaceAndBump } = this.#of(key)
    const { value, bump, lifetime } = change
    return this.#database.request(async (client) => {
      const values = [key, version, this.#bound(value), whole(lifetime?.idleMs), whole(lifetime?.absoluteMs)]
      const { rows } = bump
        ? await ask<ReplacedRow>(client, replaceAndBump, [...values, bucketOf(key, bucketCount)])
        : await ask<ReplacedRow>(client, replace, values)
      const row = rows[0]!
      if (row.version === null) return { outcome: row.found === null ? 'absent' : 'conflict' }
      const bumps = bump ? bumpsOf(rows) : []
      return { outcome: 'replaced', version: row.version, times: timesOf(row), storeNow: row.now, bumps }
    }, endsAt)
  }

  extend(key: string, idleMs: number, endsAt?: number): Promise<ExtendReply> {
    return this.#database.request(async (client) => {
      const { rows } = await ask<WrittenRow>(client, this.#of(key).extend, [key, whole(idleMs)])
      const [row] = rows
      if (row === undefined) return { outcome: 'absent' }
      return { outcome: 'extended', version: row.version, times: timesOf(row), storeNow: row.now }
    }, endsAt)
  }

  take(key: string): Promise<StoredEntry | undefined> {
    return this.#database.request(async (client) => {
      const { rows } = await ask<ReadRow>(client, this.#of(key).take, [key])
      return rows[0] && this.#entryOf(key, rows[0])
    })
  }

  async list(query: ListQuery): Promise<ListReply> {
    const { from, rows: count } = pageToAsk(query)
    const values = [query.values, from.createdAt, from.key, count]
    return this.#database.request(async (client) => {
      const { rows } = await ask<InfoRow>(client, this.#statements.page[query.index], values)
      return pageFrom(rows, query)
    })
  }

  #of(key: string): EntryStatements {
    return this.#statements.entries.get(tableOf(this.#names, key))!
  }

  #readMany(keys: readonly string[]): Promise<ReadReply> {
    return this.#database.request(async (client) => {
      let storeNow = 0
      const found = new Map<string, StoredEntry | undefined>()
      // No keys at all still ask for the clock.
      const wanted = keys.length === 0 ? [''] : [...new Set(keys)]
      for (const [table, own] of byTable(this.#names, wanted)) {
        const { rows } = await ask<NamedReadRow>(client, this.#statements.entries.get(table)!.readMany, [own])
        for (const row of rows) {
          storeNow = Math.max(storeNow, row.numbers[0])
          found.set(row.cache_key, this.#entryOf(row.cache_key, row))
        }
      }
      return { entries: keys.map((key) => found.get(key)), storeNow }
    })
  }

  #bound(value: Uint8Array): Uint8Array | string {
    refuseTooLarge(value)
    return this.#jsonb ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString() : value
  }

  #entryOf(key: string, { numbers, cache_value }: ReadRow): StoredEntry | undefined {
    const [, version, expires_ms, absolute_expires_ms, created_at, last_accessed_at] = numbers
    if (version === null) return undefined
    const times = timesOf({ expires_ms, absolute_expires_ms, created_at, last_accessed_at })
    return { key, value: Buffer.from(cache_value, this.#jsonb ? 'utf8' : 'base64'), version, times }
  }
}

/** As the server takes it; a fraction would not move a deadline that is whole. */
export function whole(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.floor(ms)
}
