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
  Write,
  WriteOutcome,
} from '../cache/store.ts'
import { SallyportError } from '../shared/errors.ts'
import { bucketCount, keysToBump } from './rules/bumps.ts'
import { EntryRows } from './sqlite/entry-rows.ts'
import { EntryWrites } from './sqlite/entry-writes.ts'
import type { WritingUnit } from './sqlite/entry-writes.ts'
import { EpochRows } from './sqlite/epoch-rows.ts'
import { tellMigrated } from './sql/migration.ts'
import { LostIdentity } from './sql/lost-identity.ts'
import { SqlRetries } from './sql/retries.ts'
import { loadDriver } from './sqlite/connection.ts'
import type { Connection, Driver } from './sqlite/connection.ts'
import { connect, disconnect, isReplaced } from './sqlite/connections.ts'
import type { Connections } from './sqlite/connections.ts'
import { isLocked, isSqliteError, translated } from './sqlite/errors.ts'
import { checkedSettings } from './sqlite/options.ts'
import type { SqliteSettings, SqliteStoreOptions } from './sqlite/options.ts'
import { prepareSchema, refuseToMakeFile, sqliteTables } from './sqlite/schema.ts'
import { statements } from './sqlite/statements.ts'

export type { SqliteStoreOptions } from './sqlite/options.ts'

/**
 * For so long a read trusts that nobody put another file in the place of the one that is open: to look takes a fifth of
 * what a read takes. Whoever writes looks each time, else the log of the one file could get into the other.
 */
const trustedMs = 10

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
  readonly #retries: SqlRetries
  readonly #entries: EntryRows
  readonly #epochs: EpochRows
  readonly #writes: EntryWrites
  #driver: Driver | undefined
  #connections: Connections | undefined
  /** Monotonic: when the file at the path was last seen to be the one that is open. */
  #lookedAt = -Infinity
  #maxStalenessMs = 0
  #closed = false

  constructor(settings: SqliteSettings) {
    this.cleanupIntervalSec = settings.cleanupIntervalSec
    this.#settings = settings
    const names = sqliteTables(settings)
    const sql = statements(names)
    this.#retries = new SqlRetries(settings.clock, 'other connections kept the database locked')
    this.#entries = new EntryRows(names, sql)
    this.#epochs = new EpochRows(sql.epochs)
    this.#writes = new EntryWrites(this.#entries, this.#epochs)
  }

  init(instance: { maxStalenessMs: number }): Promise<void> {
    // Remembered too, for a file that takes the place of this one.
    this.#maxStalenessMs = Math.max(this.#maxStalenessMs, instance.maxStalenessMs)
    return this.#run(({ durable }) => this.#epochs.raiseMaxStaleness(durable, this.#maxStalenessMs))
  }

  read(keys: readonly string[]): Promise<ReadReply> {
    return this.#run(({ main }, storeNow) => {
      const each = (): ReadReply['entries'] => keys.map((key) => this.#entries.live(main, key, storeNow))
      return { entries: keys.length > 1 ? main.reading(each) : each(), storeNow }
    }, trustedMs)
  }

  create(entry: NewEntry): Promise<CreateReply> {
    return this.#write('main', (unit) => this.#writes.create(unit, entry))
  }

  replace(key: string, version: number, change: Replacement): Promise<ReplaceReply> {
    return this.#write(change.bump ? 'durable' : 'main', (unit) => this.#writes.replace(unit, { key, version, change }))
  }

  extend(key: string, idleMs: number): Promise<ExtendReply> {
    return this.#write('main', (unit) => this.#writes.extend(unit, key, idleMs))
  }

  /** One transaction, and durable as a whole if one of its writes has to be: that is one wait for the disk, not many. */
  async writeMany(writes: readonly Write[]): Promise<WriteOutcome[]> {
    const mustLast = writes.some((write) => write.operation === 'replace' && write.change.bump)
    const outcomes = await this.#write(mustLast ? 'durable' : 'main', (unit) => this.#writes.together(unit, writes))
    return outcomes.map((outcome) => ('error' in outcome ? { error: this.#failure(outcome.error) } : outcome))
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
    return this.#run(({ main }) => this.#epochs.ping(main))
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#retries.wake()
    this.#disconnect()
  }

  /** One attempt is one turn of the event loop: nothing of this process ever comes between its statements. */
  async #run<T>(unit: (connections: Connections, storeNow: number) => T, trustMs = 0): Promise<T> {
    const { clock, operationTimeoutMs } = this.#settings
    this.#driver ??= await loadDriver()
    const driver = this.#driver
    const attempt = (): T => unit(this.#connected(driver, trustMs), Math.floor(clock.wall()))
    try {
      return await this.#retries.run(operationTimeoutMs, attempt, isLocked)
    } catch (error) {
      throw this.#failure(error)
    }
  }

  #write<T>(on: 'main' | 'durable', work: (unit: WritingUnit) => T): Promise<T> {
    return this.#run((connections, storeNow) => {
      const connection = connections[on]
      return connection.writing(() => work({ connection, storeNow }))
    })
  }

  #failure(error: unknown): unknown {
    // Without connections the next operation looks at the tables, and makes what is missing.
    if (isSqliteError(error) || error instanceof LostIdentity) this.#disconnect()
    return translated(error, this.#settings.path)
  }

  #connected(driver: Driver, trustMs: number): Connections {
    if (this.#closed) throw new SallyportError('ERR_CLOSED', 'the SQLite store is closed')
    this.#letGoOfReplacedFile(trustMs)
    this.#connections ??= this.#connect(driver)
    return this.#connections
  }

  #connect(driver: Driver): Connections {
    const { path } = this.#settings
    refuseToMakeFile(path, this.#settings)
    return connect(driver, path, (main) => this.#prepare(main))
  }

  #prepare(main: Connection): void {
    tellMigrated(this.#settings.logger, this.name, prepareSchema(main, this.#settings))
    this.#epochs.raiseMaxStaleness(main, this.#maxStalenessMs)
  }

  /** Nobody else would see our writes. */
  #letGoOfReplacedFile(trustMs: number): void {
    const { clock, path } = this.#settings
    const monotonic = clock.monotonic()
    if (monotonic - this.#lookedAt < trustMs) return
    if (this.#connections && isReplaced(this.#connections, path)) this.#disconnect()
    this.#lookedAt = monotonic
  }

  #disconnect(): void {
    const connections = this.#connections
    this.#connections = undefined
    if (connections) disconnect(connections, this.#settings.path)
  }
}
