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
import { MysqlEntries } from './mysql/entries.ts'
import { MysqlEpochs } from './mysql/epochs.ts'
import { isTooLarge, tooLarge } from './mysql/errors.ts'
import { MysqlKind } from './mysql/kind.ts'
import { checkedSettings } from './mysql/options.ts'
import type { MysqlSettings, MysqlStoreOptions } from './mysql/options.ts'
import { mysqlTableNames } from './mysql/schema.ts'
import type { MysqlSession } from './mysql/session.ts'
import { mysqlStatements } from './mysql/statements.ts'
import { MysqlUnits } from './mysql/units.ts'
import { MysqlUpkeep } from './mysql/upkeep.ts'
import { SqlDatabase } from './sql/database.ts'
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

  readonly #kind: MysqlKind
  readonly #database: SqlDatabase<MysqlSession>
  readonly #entries: MysqlEntries
  readonly #units: MysqlUnits
  readonly #epochs: MysqlEpochs
  readonly #upkeep: MysqlUpkeep

  constructor(settings: MysqlSettings) {
    this.cleanupIntervalSec = settings.cleanupIntervalSec
    const names = mysqlTableNames(settings.tableName, settings.verifierTableName)
    const statements = mysqlStatements(names)
    this.#kind = new MysqlKind(settings, names, statements)
    this.#database = new SqlDatabase(this.#kind, settings)
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
      durable: this.#kind.isDurable,
      buckets: bucketCount,
    }
  }

  init(instance: { maxStalenessMs: number }): Promise<void> {
    return this.#database.init(instance.maxStalenessMs)
  }

  read(keys: readonly string[]): Promise<ReadReply> {
    return this.#database.request((session) => this.#entries.read(session, keys))
  }

  create(entry: NewEntry): Promise<CreateReply> {
    return this.#fitting(entry.value, async (session) => {
      const reply = await this.#entries.create(session, entry)
      return reply ?? this.#inUnit(session, { operation: 'create', entry })
    })
  }

  replace(key: string, version: number, change: Replacement): Promise<ReplaceReply> {
    const write: Write = { operation: 'replace', key, version, change }
    return this.#fitting(change.value, async (session) => {
      const reply = change.bump ? undefined : await this.#entries.replace(session, write)
      return reply ?? this.#inUnit<ReplaceReply>(session, write)
    })
  }

  extend(key: string, idleMs: number): Promise<ExtendReply> {
    return this.#database.request(async (session) => {
      const reply = await this.#entries.extend(session, key, idleMs)
      return reply ?? this.#inUnit(session, { operation: 'extend', key, idleMs })
    })
  }

  /** One transaction, that is one wait for the disk, for as many as fit into a statement. */
  async writeMany(writes: readonly Write[]): Promise<WriteOutcome[]> {
    const endsAt = this.#database.endOfRequest()
    await this.#database.ready(endsAt)
    const outcomes: WriteOutcome[] = []
    for (const portion of portions(writes, this.#kind.maxValueBytes)) {
      try {
        outcomes.push(...(await this.#together(portion, endsAt)))
      } catch (error) {
        // Those before are written: that must not be lost with the rest.
        if (outcomes.length === 0) throw error
        outcomes.push(...portion.map(() => ({ error })))
      }
    }
    return outcomes
  }

  take(key: string): Promise<StoredEntry | undefined> {
    return this.#database.request((session) => this.#entries.take(session, key))
  }

  remove(target: RemoveTarget): Promise<RemoveReply> {
    return this.#database.request((session) => this.#units.remove(session, target))
  }

  async list(query: ListQuery): Promise<ListReply> {
    const page = pageToAsk(query)
    return await this.#database.request((session) => this.#entries.list(session, query, page))
  }

  epochs(known: readonly number[]): Promise<EpochsReply> {
    return this.#database.poll((session) => this.#epochs.read(session, known))
  }

  sweep(limit: number): Promise<number> {
    return this.#database.background((session) => this.#upkeep.sweep(session, limit))
  }

  stats(): Promise<StoreStats> {
    return this.#database.background(async (session) => ({
      ...(await this.#upkeep.measure(session)),
      ...this.#database.poolStats(),
    }))
  }

  ping(): Promise<void> {
    return this.#database.request((session) => this.#upkeep.ping(session))
  }

  close(): Promise<void> {
    return this.#database.close()
  }

  async #inUnit<R>(session: MysqlSession, write: Write): Promise<R> {
    const [reply] = await this.#units.write(session, [write])
    return reply as R
  }

  async #together(writes: readonly Write[], endsAt: number): Promise<WriteOutcome[]> {
    try {
      if (writes.some((write) => valueBytes(write) > this.#kind.maxValueBytes)) throw tooLarge()
      const replies = await this.#database.request((session) => this.#units.write(session, writes), endsAt)
      return replies.map((reply) => ({ reply }))
    } catch (error) {
      if (!isTooLarge(error)) throw error
      return writes.length === 1 ? [{ error }] : await this.#oneByOne(writes, endsAt)
    }
  }

  /** One of them is more than the database takes: that is its own outcome only. */
  async #oneByOne(writes: readonly Write[], endsAt: number): Promise<WriteOutcome[]> {
    const outcomes: WriteOutcome[] = []
    for (const write of writes) outcomes.push(...(await this.#together([write], endsAt)))
    return outcomes
  }

  /** The server closes the connection on a statement that is too long for it. */
  async #fitting<R>(value: Uint8Array, write: (session: MysqlSession) => Promise<R>): Promise<R> {
    const endsAt = this.#database.endOfRequest()
    await this.#database.ready(endsAt)
    if (value.byteLength > this.#kind.maxValueBytes) throw tooLarge()
    return await this.#database.request(write, endsAt)
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
