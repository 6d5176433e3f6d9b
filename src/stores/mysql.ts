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
  Replacement,
  ReplaceReply,
  Store,
  StoreCapabilities,
  StoredEntry,
  StoreStats,
  Write,
  WriteOutcome,
} from '../cache/store.ts'
import { bucketCount } from './rules/bumps.ts'
import { MysqlDatabase } from './mysql/database.ts'
import { MysqlEntries } from './mysql/entries.ts'
import { MysqlEpochs } from './mysql/epochs.ts'
import { isTooLarge, tooLarge } from './mysql/errors.ts'
import { checkedSettings } from './mysql/options.ts'
import type { MysqlSettings, MysqlStoreOptions } from './mysql/options.ts'
import { mysqlTableNames } from './mysql/schema.ts'
import { mysqlStatements } from './mysql/statements.ts'
import { MysqlUnits } from './mysql/units.ts'
import { MysqlUpkeep } from './mysql/upkeep.ts'
import { pageToAsk } from './sql/rows.ts'

export type { MysqlStoreOptions } from './mysql/options.ts'

/**
 * A store in MySQL (8.0 or later) or MariaDB (10.11 or later), through the driver `mysql2`. Nothing is connected before
 * the first operation; the tables are created then. Throws `ConfigError` naming every wrong option.
 */
export function mysqlStore(options: MysqlStoreOptions): Store {
  return new MysqlStore(checkedSettings(options))
}

class MysqlStore implements Store {
  readonly name = 'mysql'
  readonly cleanupIntervalSec: number

  readonly #database: MysqlDatabase
  readonly #entries: MysqlEntries
  readonly #units: MysqlUnits
  readonly #epochs: MysqlEpochs
  readonly #upkeep: MysqlUpkeep

  constructor(settings: MysqlSettings) {
    this.cleanupIntervalSec = settings.cleanupIntervalSec
    const names = mysqlTableNames(settings.tableName, settings.verifierTableName)
    const statements = mysqlStatements(names)
    this.#database = new MysqlDatabase(settings, names, statements)
    this.#entries = new MysqlEntries(names, statements)
    this.#epochs = new MysqlEpochs(statements)
    this.#units = new MysqlUnits(names, statements, this.#epochs)
    this.#upkeep = new MysqlUpkeep(settings, names, statements)
  }

  /** Whether it is durable is the server's to say: until the first operation it counts as such. */
  get capabilities(): StoreCapabilities {
    return {
      removeByIndex: 'atomic',
      clock: 'store',
      granularityMs: 1,
      push: false,
      durable: this.#database.isDurable,
      buckets: bucketCount,
    }
  }

  init(instance: { maxStalenessMs: number }): Promise<void> {
    return this.#database.raiseMaxStaleness(instance.maxStalenessMs)
  }

  read(keys: readonly string[]): Promise<ReadReply> {
    return this.#database.run((session) => this.#entries.read(session, keys))
  }

  create(entry: NewEntry): Promise<CreateReply> {
    return this.#fitting(entry.value, async () => {
      const reply = await this.#database.run((session) => this.#entries.create(session, entry))
      return reply ?? this.#inUnit({ operation: 'create', entry })
    })
  }

  replace(key: string, version: number, change: Replacement): Promise<ReplaceReply> {
    const write: Write = { operation: 'replace', key, version, change }
    return this.#fitting(change.value, async () => {
      if (change.bump) return await this.#inUnit<ReplaceReply>(write)
      const reply = await this.#database.run((session) => this.#entries.replace(session, write))
      return reply ?? this.#inUnit<ReplaceReply>(write)
    })
  }

  async extend(key: string, idleMs: number): Promise<ExtendReply> {
    const reply = await this.#database.run((session) => this.#entries.extend(session, key, idleMs))
    return reply ?? this.#inUnit({ operation: 'extend', key, idleMs })
  }

  /** One transaction, that is one wait for the disk, for as many as fit into a statement. */
  async writeMany(writes: readonly Write[]): Promise<WriteOutcome[]> {
    await this.#database.ready()
    const outcomes: WriteOutcome[] = []
    for (const portion of portions(writes, this.#database.maxValueBytes)) {
      try {
        outcomes.push(...(await this.#together(portion)))
      } catch (error) {
        // Those before are written: that must not be lost with the rest.
        if (outcomes.length === 0) throw error
        outcomes.push(...portion.map(() => ({ error })))
      }
    }
    return outcomes
  }

  take(key: string): Promise<StoredEntry | undefined> {
    return this.#database.run((session) => this.#entries.take(session, key))
  }

  remove(target: RemoveTarget): Promise<RemoveReply> {
    return this.#database.run((session) => this.#units.remove(session, target))
  }

  async list(query: ListQuery): Promise<ListReply> {
    const page = pageToAsk(query)
    return await this.#database.run((session) => this.#entries.list(session, query, page))
  }

  epochs(known: readonly number[]): Promise<EpochsReply> {
    return this.#database.poll((session) => this.#epochs.read(session, known))
  }

  sweep(limit: number): Promise<number> {
    return this.#database.runInBackground((session) => this.#upkeep.sweep(session, limit))
  }

  stats(): Promise<StoreStats> {
    return this.#database.runInBackground(async (session) => ({
      ...(await this.#upkeep.measure(session)),
      pool: await this.#database.poolStats(),
    }))
  }

  ping(): Promise<void> {
    return this.#database.run((session) => this.#upkeep.ping(session))
  }

  close(): Promise<void> {
    return this.#database.close()
  }

  async #inUnit<R>(write: Write): Promise<R> {
    const [reply] = await this.#database.run((session) => this.#units.write(session, [write]))
    return reply as R
  }

  async #together(writes: readonly Write[]): Promise<WriteOutcome[]> {
    try {
      if (writes.some((write) => valueBytes(write) > this.#database.maxValueBytes)) throw tooLarge()
      const replies = await this.#database.run((session) => this.#units.write(session, writes))
      return replies.map((reply) => ({ reply }))
    } catch (error) {
      if (!isTooLarge(error)) throw error
      return writes.length === 1 ? [{ error }] : await this.#oneByOne(writes)
    }
  }

  /** One of them is more than the database takes: that is its own outcome only. */
  async #oneByOne(writes: readonly Write[]): Promise<WriteOutcome[]> {
    const outcomes: WriteOutcome[] = []
    for (const write of writes) outcomes.push(...(await this.#together([write])))
    return outcomes
  }

  /** The server closes the connection on a statement that is too long for it. */
  async #fitting<R>(value: Uint8Array, write: () => Promise<R>): Promise<R> {
    await this.#database.ready()
    if (value.byteLength > this.#database.maxValueBytes) throw tooLarge()
    return await write()
  }
}

/** In their order, as many together as have no more than this many bytes of values. */
function portions(writes: readonly Write[], maxBytes: number): Write[][] {
  const made: Write[][] = []
  let room = 0
  for (const write of writes) {
    room -= valueBytes(write)
    const portion = made.at(-1)
    if (portion !== undefined && room >= 0) {
      portion.push(write)
    } else {
      made.push([write])
      room = maxBytes - valueBytes(write)
    }
  }
  return made
}

function valueBytes(write: Write): number {
  if (write.operation === 'extend') return 0
  return (write.operation === 'create' ? write.entry.value : write.change.value).byteLength
}
