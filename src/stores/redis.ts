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
  Replacement,
  ReplaceReply,
  Store,
  StoreCapabilities,
  StoredEntry,
  StoreStats,
  Write,
  WriteOutcome,
  WriteReply,
} from '../cache/store.ts'
import { hasCode } from '../shared/errors.ts'
import { bucketCount, maxNamedKeys } from './rules/bumps.ts'
import { isClusterClient } from './redis/client.ts'
import { RedisClusterStore } from './redis/cluster-store.ts'
import type { Connection } from './redis/connection.ts'
import { escaped, keysLike } from './redis/count.ts'
import { remove, removeListed, take } from './redis/entry-scripts.ts'
import { Epochs } from './redis/epochs.ts'
import { RedisError, redisError } from './redis/error.ts'
import { endsConnection, translated } from './redis/errors.ts'
import { tryToAnnounce, warnOfChannel, warnOfRisks } from './redis/inspection.ts'
import { pageOf } from './redis/list.ts'
import { checkedSettings } from './redis/options.ts'
import type { RedisSettings, RedisStoreOptions } from './redis/options.ts'
import { Reads } from './redis/reads.ts'
import { entryFrom, versionText } from './redis/record.ts'
import { bumpFrom } from './redis/replies.ts'
import { runScript } from './redis/script.ts'
import type { Run } from './redis/script.ts'
import { risks } from './redis/server-check.ts'
import { RedisServer } from './redis/server.ts'
import { Writes } from './redis/writes.ts'
import type { PlannedWrite } from './redis/writes.ts'

export type { RedisStoreOptions } from './redis/options.ts'

/**
 * A store on Redis 7 or later, or Valkey 8 or later: everything in memory there, expired by the server to the
 * millisecond, announced to the other instances by the same script that changes it. What a restart or a failover may
 * forget depends on how the server saves and replicates; after either, every instance clears its memory. Its
 * `stats().entries` is exact in a database of up to 10,000 keys, else an estimate. Nothing is opened before the first
 * operation. Throws `ConfigError` naming every wrong option.
 */
export function redisStore(options: RedisStoreOptions): Store {
  const settings = checkedSettings(options)
  return isClusterClient(settings.client) ? new RedisClusterStore(settings) : new RedisStore(settings)
}

class RedisStore implements Store {
  readonly name = 'redis'
  readonly cleanupIntervalSec = 0
  readonly capabilities: StoreCapabilities
  readonly subscribe?: (listener: (bump: Bump) => void) => () => void

  readonly #settings: RedisSettings
  readonly #server: RedisServer
  readonly #epochs: Epochs
  readonly #reads: Reads = new Reads()
  readonly #writes: Writes
  #isInspected = false

  constructor(settings: RedisSettings) {
    const { push } = settings
    this.capabilities = {
      removeByIndex: 'atomic',
      clock: 'store',
      granularityMs: 1,
      push,
      durable: true,
      buckets: bucketCount,
    }
    this.#settings = settings
    this.#server = new RedisServer(settings)
    const { keys } = this.#server
    const channel = push ? keys.channel : ''
    const announced = { publish: 'PUBLISH', channelOf: () => channel } as const
    this.#writes = new Writes({ lists: keys.lists, buckets: bucketCount, ...announced })
    this.#epochs = new Epochs({ state: keys.state, buckets: bucketCount, first: 0, count: bucketCount })
    if (push) this.subscribe = (listener) => this.#server.pushes.subscribe(listener)
  }

  init({ maxStalenessMs }: { maxStalenessMs: number }): Promise<void> {
    return this.#run(async (connection, startedAt) => {
      await this.#epochs.open(connection, startedAt, maxStalenessMs)
      if (this.#isInspected) return
      this.#isInspected = true
      const { logger, push } = this.#settings
      warnOfRisks(logger, await risks(connection, startedAt))
      if (!push) return
      const { channel } = this.#server.keys
      const refusal = await tryToAnnounce(connection, startedAt, ['PUBLISH', channel])
      if (refusal !== undefined) warnOfChannel(logger, channel, refusal)
    })
  }

  read(keys: readonly string[]): Promise<ReadReply> {
    const named = keys.map((key) => [key, this.#server.keys.entry(key)] as const)
    return this.#run((connection, startedAt) => this.#reads.read(connection, startedAt, named))
  }

  async create(entry: NewEntry): Promise<CreateReply> {
    return await this.#write(this.#writes.create(entry))
  }

  async replace(key: string, version: number, change: Replacement): Promise<ReplaceReply> {
    return await this.#write(this.#writes.replace(key, version, change))
  }

  extend(key: string, idleMs: number): Promise<ExtendReply> {
    return this.#write(this.#writes.extend(key, idleMs))
  }

  /** One script: to start one costs the server as much as the write. */
  async writeMany(writes: readonly Write[]): Promise<WriteOutcome[]> {
    try {
      return await this.#together(writes)
    } catch (error) {
      if (!hasCode(error, 'ERR_STORE_VALUE_TOO_LARGE')) throw error
      // Nothing was done of what the server does not take; alone, only those that are too large fail.
      const outcomes: WriteOutcome[] = []
      for (const write of writes) outcomes.push(await this.#alone(write))
      return outcomes
    }
  }

  async take(key: string): Promise<StoredEntry | undefined> {
    const { keys } = this.#server
    const record = await this.#script({ script: take, keys: [keys.entry(key)], args: this.#writes.named(key) })
    return record === null ? undefined : entryFrom(key, record as Buffer)
  }

  async remove(target: RemoveTarget): Promise<RemoveReply> {
    const [removed, ...bumps] = (await this.#removal(target)) as [number, ...unknown[][]]
    return { removed, bumps: bumps.map(bumpFrom) }
  }

  list(query: ListQuery): Promise<ListReply> {
    return this.#run(async (connection, startedAt) => pageOf({ connection, startedAt, keys: this.#server.keys }, query))
  }

  epochs(known: readonly number[]): Promise<EpochsReply> {
    return this.#run((connection, startedAt) => this.#epochs.read(connection, startedAt, known), 'poll')
  }

  /** The server does it by itself. */
  async sweep(): Promise<number> {
    await this.ping()
    return 0
  }

  stats(): Promise<StoreStats> {
    return this.#run(async (connection, startedAt) => ({
      entries: await keysLike(connection, startedAt, `${escaped(this.#server.keys.entries)}*`),
    }))
  }

  ping(): Promise<void> {
    return this.#run(async (connection, startedAt) => void (await connection.send(['PING'], startedAt)))
  }

  async close(): Promise<void> {
    this.#server.close()
  }

  #removal(target: RemoveTarget): Promise<unknown> {
    const { keys } = this.#server
    if ('key' in target) {
      const version = 'ifVersion' in target ? versionText(target.ifVersion) : ''
      const args = { ...this.#writes.named(target.key), version, ...this.#writes.bumping(target.key) }
      return this.#script({ script: remove, keys: [keys.entry(target.key), keys.state], args })
    }
    const lists = [...new Set(target.values)].map((hash) => keys.list(target.index, hash))
    const who = { except: target.except ?? '', maxNamed: maxNamedKeys, ...this.#writes.bumping() }
    const args = { indexes: keys.lists, prefix: keys.entries, ...who }
    return this.#script({ script: removeListed, keys: [keys.state, ...lists], args })
  }

  async #together(writes: readonly Write[]): Promise<WriteOutcome[]> {
    const plans = writes.map((write) => this.#writes.planned(write))
    const keys = [this.#server.keys.state, ...plans.map(({ key }) => this.#server.keys.entry(key))]
    const replies = await this.#run((connection, startedAt) =>
      this.#writes.together(connection, startedAt, { plans, keys }),
    )
    return plans.map(({ answer }, i) => {
      const reply = replies[i]
      if (!Buffer.isBuffer(reply)) return { reply: answer(reply) }
      return { error: this.#failure(redisError(new Error(String(reply)))) }
    })
  }

  async #alone(write: Write): Promise<WriteOutcome> {
    try {
      return { reply: await this.#write(this.#writes.planned(write)) }
    } catch (error) {
      return { error }
    }
  }

  async #write<R extends WriteReply>({ script, key, args, answer }: PlannedWrite<R>): Promise<R> {
    const { keys } = this.#server
    return answer(await this.#script({ script, keys: [keys.entry(key), keys.state], args }))
  }

  #script(run: Omit<Run, 'startedAt'>): Promise<unknown> {
    return this.#run((connection, startedAt) => runScript(connection, { ...run, startedAt }))
  }

  async #run<T>(
    work: (connection: Connection, startedAt: number) => Promise<T>,
    on: 'main' | 'poll' = 'main',
  ): Promise<T> {
    try {
      return await this.#server[on].run(work)
    } catch (error) {
      throw this.#failure(error)
    }
  }

  #failure(error: unknown): unknown {
    if (error instanceof RedisError && endsConnection(error)) this.#server.drop(error)
    return translated(error, this.#settings.keyPrefix)
  }
}
