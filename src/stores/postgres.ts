import type { PoolClient } from 'pg'
import type {
  Bump,
  CreateReply,
  EpochsReply,
  ExtendReply,
  ListQuery,
  ListReply,
  NewEntry,
  ReadReply,
  RemoveReply,
  RemoveTarget,
  ReplaceReply,
  Replacement,
  Store,
  StoreCapabilities,
  StoredEntry,
  StoreStats,
  Write,
  WriteOutcome,
} from '../cache/store.ts'
import { bucketCount } from './rules/bumps.ts'
import { PostgresBulkWrites } from './postgres/bulk-writes.ts'
import { PostgresEntries } from './postgres/entries.ts'
import { readEpochs } from './postgres/epochs.ts'
import { postgresKind } from './postgres/kind.ts'
import type { PostgresDatabase } from './postgres/kind.ts'
import { PostgresListener } from './postgres/listener.ts'
import { checkedSettings } from './postgres/options.ts'
import type { PostgresSettings, PostgresStoreOptions } from './postgres/options.ts'
import { ask, inTransaction } from './postgres/query.ts'
import { PostgresRemovals } from './postgres/removals.ts'
import { postgresStatements } from './postgres/statements.ts'
import type { Statements } from './postgres/statements.ts'
import { SqlDatabase } from './sql/database.ts'
import { LostIdentity } from './sql/lost-identity.ts'
import { tableNames } from './sql/schema.ts'

export type { PostgresStoreOptions } from './postgres/options.ts'

/**
 * A store in a PostgreSQL database, version 13 or later, through the driver `pg`. Nothing is opened before the first
 * operation; the tables are created then. Besides the pool it keeps one connection for polling and, unless `push` is
 * false, one for listening. Throws `ConfigError` naming every wrong option.
 */
export function postgresStore(options: PostgresStoreOptions): Store {
  return new PostgresStore(checkedSettings(options))
}

interface TableSize {
  entries: number
  size_bytes: number
}

class PostgresStore implements Store {
  readonly name = 'postgres'
  readonly cleanupIntervalSec: number
  readonly capabilities: StoreCapabilities
  readonly subscribe?: (listener: (bump: Bump) => void) => () => void

  readonly #acquireTimeoutMs: number
  readonly #statements: Statements
  readonly #database: PostgresDatabase
  readonly #entries: PostgresEntries
  readonly #bulk: PostgresBulkWrites
  readonly #removals: PostgresRemovals
  readonly #listener: PostgresListener | undefined

  constructor(settings: PostgresSettings) {
    const { tableName, verifierTableName, jsonb, push } = settings
    this.cleanupIntervalSec = settings.cleanupIntervalSec
    this.capabilities = {
      removeByIndex: 'atomic',
      clock: 'store',
      granularityMs: 1,
      push,
      durable: true,
      buckets: bucketCount,
      ...(jsonb ? { values: 'json' } : {}),
    }
    const channel = push ? `sallyport_${tableName}` : undefined
    this.#acquireTimeoutMs = settings.acquireTimeoutMs
    const names = tableNames(tableName, verifierTableName, (name) => `"${name}"`)
    this.#statements = postgresStatements(names, { jsonb, channel })
    this.#database = new SqlDatabase(postgresKind(settings, names), settings)
    this.#entries = new PostgresEntries(this.#database, names, this.#statements, jsonb)
    this.#bulk = new PostgresBulkWrites(this.#database, names, this.#statements, this.#entries)
    this.#removals = new PostgresRemovals(this.#database, names, this.#statements)
    if (channel === undefined) return
    const listener = new PostgresListener(this.#database, channel, settings)
    this.#listener = listener
    this.subscribe = (hear) => listener.subscribe(hear)
  }

  init(instance: { maxStalenessMs: number }): Promise<void> {
    return this.#database.init(instance.maxStalenessMs)
  }

  read(keys: readonly string[]): Promise<ReadReply> {
    return this.#entries.read(keys)
  }

  create(entry: NewEntry): Promise<CreateReply> {
    return this.#entries.create(entry)
  }

  replace(key: string, version: number, change: Replacement): Promise<ReplaceReply> {
    return this.#entries.replace({ key, version, change })
  }

  extend(key: string, idleMs: number): Promise<ExtendReply> {
    return this.#entries.extend(key, idleMs)
  }

  writeMany(writes: readonly Write[]): Promise<WriteOutcome[]> {
    return this.#bulk.writeMany(writes)
  }

  take(key: string): Promise<StoredEntry | undefined> {
    return this.#entries.take(key)
  }

  remove(target: RemoveTarget): Promise<RemoveReply> {
    return this.#removals.remove(target)
  }

  list(query: ListQuery): Promise<ListReply> {
    return this.#entries.list(query)
  }

  epochs(known: readonly number[]): Promise<EpochsReply> {
    return this.#database.poll((client) => readEpochs(client, this.#statements.epochs, known))
  }

  sweep(limit: number): Promise<number> {
    return this.#inBackground(async (client) => {
      let swept = 0
      for (const { sweep } of this.#statements.entries.values())
        swept += (await ask(client, sweep, [limit - swept])).count
      return swept
    })
  }

  async stats(): Promise<StoreStats> {
    const tables = await this.#inBackground(async (client) => {
      const rows: TableSize[] = []
      for (const { stats } of this.#statements.entries.values())
        rows.push(...(await ask<TableSize>(client, stats)).rows)
      return rows
    })
    return {
      entries: tables.reduce((sum, { entries }) => sum + entries, 0),
      sizeBytes: tables.reduce((sum, { size_bytes }) => sum + size_bytes, 0),
      ...this.#database.poolStats(),
    }
  }

  async ping(): Promise<void> {
    await this.#database.request(async (client) => {
      const { count } = await ask(client, this.#statements.ping)
      if (count === 0) throw new LostIdentity()
    })
  }

  async close(): Promise<void> {
    await Promise.all([this.#listener?.close(), this.#database.close()])
  }

  /** In a transaction of its own: the connections' limit for a statement is one for requests. */
  #inBackground<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const limitMs = this.#acquireTimeoutMs
    return this.#database.background((client) => inTransaction(client, limitMs, () => work(client)))
  }
}
