import type {
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
} from '../cache/store.ts'
import { SallyportError } from '../shared/errors.ts'
import { bucketCount, keysToBump } from './_bumps.ts'
import { deadlines, extendedDeadline } from './_deadlines.ts'
import { EntryRows } from './_entry-rows.ts'
import { EpochRows } from './_epoch-rows.ts'
import { LockRetries } from './_lock-retries.ts'
import { loadDriver } from './_sqlite-connection.ts'
import type { Driver } from './_sqlite-connection.ts'
import { connect, disconnect } from './_sqlite-connections.ts'
import type { Connections } from './_sqlite-connections.ts'
import { isLocked, isSqliteError, translated } from './_sqlite-errors.ts'
import { fileAt } from './_sqlite-file.ts'
import { checkedSettings } from './_sqlite-options.ts'
import type { SqliteSettings, SqliteStoreOptions } from './_sqlite-options.ts'
import { prepareSchema, raiseMaxStaleness, tableNames } from './_sqlite-schema.ts'
import type { TableNames } from './_sqlite-schema.ts'

export type { SqliteStoreOptions } from './_sqlite-options.ts'

/**
 * A store in one SQLite file, through the `node:sqlite` that is part of Node.js: any number of processes on one
 * machine share it, and sessions outlive a restart. Nothing is opened before the first operation; the tables are
 * created then. Throws `ConfigError` naming every wrong option.
 */
export function sqliteStore(options: SqliteStoreOptions): Store {
  return new SqliteStore(checkedSettings(options))
}

class SqliteStore implements Store {
  readonly name = 'sqlite'
  readonly cleanupIntervalSec: number
  readonly capabilities: StoreCapabilities = {
    removeByIndex: 'atomic',
    clock: 'store',
    granularityMs: 1,
    push: false,
    durable: true,
    buckets: bucketCount,
  }

  readonly #settings: SqliteSettings
  readonly #tables: TableNames
  readonly #retries: LockRetries
  readonly #entries: EntryRows
  readonly #epochs: EpochRows
  #driver: Driver | undefined
  #connections: Connections | undefined
  #maxStalenessMs = 0
  #closed = false

  constructor(settings: SqliteSettings) {
    this.cleanupIntervalSec = settings.cleanupIntervalSec
    this.#settings = settings
    this.#tables = tableNames(settings.tableName)
    this.#retries = new LockRetries(settings.clock, settings.operationTimeoutMs)
    this.#entries = new EntryRows(this.#tables)
    this.#epochs = new EpochRows(this.#tables)
  }

  init(instance: { maxStalenessMs: number }): Promise<void> {
    // Remembered too, for a file that takes the place of this one.
    this.#maxStalenessMs = Math.max(this.#maxStalenessMs, instance.maxStalenessMs)
    return this.#run(({ durable }) => raiseMaxStaleness(durable, this.#tables, this.#maxStalenessMs))
  }

  read(keys: readonly string[]): Promise<ReadReply> {
    return this.#run(({ main }, storeNow) => {
      const each = (): ReadReply['entries'] => keys.map((key) => this.#entries.live(main, key, storeNow))
      return { entries: keys.length > 1 ? main.reading(each) : each(), storeNow }
    })
  }

  create(entry: NewEntry): Promise<CreateReply> {
    return this.#run(({ main }, storeNow) =>
      main.writing((): CreateReply => {
        if (this.#entries.live(main, entry.key, storeNow)) return { outcome: 'present' }
        this.#entries.delete(main, entry.key)
        const times = { createdAt: storeNow, lastSeenAt: storeNow, ...deadlines(storeNow, entry.lifetime) }
        this.#entries.insert(main, entry, times)
        return { outcome: 'created', version: 1, times, storeNow }
      }),
    )
  }

  replace(key: string, version: number, change: Replacement): Promise<ReplaceReply> {
    return this.#run((connections, storeNow) => {
      const connection = change.bump ? connections.durable : connections.main
      return connection.writing((): ReplaceReply => {
        const found = this.#entries.live(connection, key, storeNow)
        if (!found) return { outcome: 'absent' }
        if (found.version !== version) return { outcome: 'conflict' }
        const times = change.lifetime
          ? { createdAt: found.times.createdAt, lastSeenAt: storeNow, ...deadlines(storeNow, change.lifetime) }
          : found.times
        this.#entries.update(connection, { key, value: change.value, version: version + 1, times })
        const bumps = change.bump ? this.#epochs.bump(connection, [key], storeNow) : []
        return { outcome: 'replaced', version: version + 1, times, storeNow, bumps }
      })
    })
  }

  extend(key: string, idleMs: number): Promise<ExtendReply> {
    return this.#run(({ main }, storeNow) =>
      main.writing((): ExtendReply => {
        const found = this.#entries.live(main, key, storeNow)
        if (!found) return { outcome: 'absent' }
        const expiresAt = extendedDeadline(found.times, storeNow, idleMs)
        const times = { ...found.times, lastSeenAt: storeNow, expiresAt }
        this.#entries.prolong(main, key, times)
        return { outcome: 'extended', version: found.version, times, storeNow }
      }),
    )
  }

  take(key: string): Promise<StoredEntry | undefined> {
    return this.#run(({ main }, storeNow) =>
      main.writing(() => {
        const found = this.#entries.live(main, key, storeNow)
        if (found) this.#entries.delete(main, key)
        return found
      }),
    )
  }

  remove(target: RemoveTarget): Promise<RemoveReply> {
    return this.#run(({ durable }, storeNow) =>
      durable.writing(() => {
        const rows = this.#entries.targeted(durable, target)
        for (const row of rows) this.#entries.delete(durable, row.cache_key)
        const keys = keysToBump(
          target,
          rows.map((row) => row.cache_key),
        )
        const bumps = this.#epochs.bump(durable, keys, storeNow)
        return { removed: rows.filter((row) => storeNow < row.expires_ms).length, bumps }
      }),
    )
  }

  list(query: ListQuery): Promise<ListReply> {
    return this.#run(({ main }, storeNow) => this.#entries.list(main, query, storeNow))
  }

  epochs(known: readonly number[]): Promise<EpochsReply> {
    return this.#run(({ poll }, storeNow) => ({ ...this.#epochs.read(poll, known), storeNow }))
  }

  sweep(limit: number): Promise<number> {
    return this.#run(({ main }, storeNow) => this.#entries.sweep(main, storeNow, limit))
  }

  stats(): Promise<StoreStats> {
    return this.#run(({ main }) => ({ entries: this.#entries.count(main), sizeBytes: main.sizeBytes() }))
  }

  ping(): Promise<void> {
    return this.#run(({ main }) => void main.all(`SELECT 1 FROM ${this.#tables.meta}`))
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#retries.wake()
    this.#disconnect()
  }

  /** One attempt is one turn of the event loop: nothing of this process ever comes between its statements. */
  async #run<T>(unit: (connections: Connections, storeNow: number) => T): Promise<T> {
    const { clock, path } = this.#settings
    this.#driver ??= await loadDriver()
    const driver = this.#driver
    try {
      return await this.#retries.run(() => unit(this.#connected(driver), Math.floor(clock.wall())), isLocked)
    } catch (error) {
      if (isSqliteError(error)) this.#disconnect()
      throw translated(error, path)
    }
  }

  #connected(driver: Driver): Connections {
    if (this.#closed) throw new SallyportError('ERR_CLOSED', 'the SQLite store is closed')
    const { path, tableName } = this.#settings
    this.#letGoOfReplacedFile()
    this.#connections ??= connect(driver, path, (main) => prepareSchema(main, tableName, this.#maxStalenessMs))
    return this.#connections
  }

  /** A file that was replaced or deleted is still there for those who have it open: nobody else would see our writes. */
  #letGoOfReplacedFile(): void {
    if (this.#connections && this.#connections.file !== fileAt(this.#settings.path)) this.#disconnect()
  }

  #disconnect(): void {
    const connections = this.#connections
    this.#connections = undefined
    if (connections) disconnect(connections)
  }
}
