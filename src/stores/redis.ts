import { randomUUID } from 'node:crypto'
import { bucketOf } from '../cache/bucket.ts'
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
} from '../cache/store.ts'
import { bucketCount, maxNamedKeys, maxRemembered } from './rules/bumps.ts'
import { isClusterClient } from './redis/client.ts'
import { RedisClusterStore } from './redis/cluster-store.ts'
import type { Connection } from './redis/connection.ts'
import { escaped, keysLike } from './redis/count.ts'
import { create, extend, remove, removeListed, replacementBy, take } from './redis/entry-scripts.ts'
import { Epochs } from './redis/epochs.ts'
import { RedisError } from './redis/error.ts'
import { translated } from './redis/errors.ts'
import { inspect } from './redis/inspection.ts'
import { pageOf } from './redis/list.ts'
import { checkedSettings } from './redis/options.ts'
import type { RedisSettings, RedisStoreOptions } from './redis/options.ts'
import { entryFrom, newRecord, nextRecord, versionText } from './redis/record.ts'
import { bumpFrom, spans, timeFrom, writtenFrom } from './redis/replies.ts'
import { runScript } from './redis/script.ts'
import type { Run } from './redis/script.ts'
import { RedisServer } from './redis/server.ts'

export type { RedisStoreOptions } from './redis/options.ts'

/**
 * A store on Redis 7 or later, or Valkey 8 or later: everything in memory there, expired by the server to the
 * millisecond, announced to the other instances by the same script that changes it. What a restart or a failover may
 * forget depends on how the server saves and replicates; after either, every instance clears its memory. Nothing is
 * opened before the first operation. Throws `ConfigError` naming every wrong option.
 */
export function redisStore(options: RedisStoreOptions): Store {
  const settings = checkedSettings(options)
  return isClusterClient(settings.client) ? new RedisClusterStore(settings) : new RedisStore(settings)
}

type Arguments = Run['args']

class RedisStore implements Store {
  readonly name = 'redis'
  readonly cleanupIntervalSec = 0
  readonly capabilities: StoreCapabilities
  readonly subscribe?: (listener: (bump: Bump) => void) => () => void

  readonly #settings: RedisSettings
  readonly #server: RedisServer
  readonly #epochs: Epochs
  /** The server's clock as the reads of this turn of the event loop ask for it. */
  #time: { connection: Connection; reply: Promise<number> } | undefined
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
    this.#epochs = new Epochs({ state: this.#server.keys.state, buckets: bucketCount, first: 0, count: bucketCount })
    if (push) this.subscribe = (listener) => this.#server.pushes.subscribe(listener)
  }

  init({ maxStalenessMs }: { maxStalenessMs: number }): Promise<void> {
    return this.#run(async (connection, startedAt) => {
      await this.#epochs.open(connection, startedAt, maxStalenessMs)
      if (this.#isInspected) return
      this.#isInspected = true
      const { logger, push } = this.#settings
      await inspect(connection, startedAt, { logger, channel: push ? this.#server.keys.channel : undefined })
    })
  }

  read(keys: readonly string[]): Promise<ReadReply> {
    return this.#run(async (connection, startedAt) => {
      const names = keys.map((key) => this.#server.keys.entry(key))
      // The time first: an entry that is found then has not reached its deadline.
      const time = this.#timeOf(connection, startedAt)
      const records = names.length === 0 ? [] : connection.send(['MGET', ...names], startedAt)
      const [storeNow, found] = await Promise.all([time, records])
      const entries = (found as (Buffer | null)[]).map((record, i) =>
        record === null ? undefined : entryFrom(keys[i] ?? '', record),
      )
      return { entries, storeNow }
    })
  }

  async create({ key, value, lifetime, indexes, label = '' }: NewEntry): Promise<CreateReply> {
    const { subject = '', sid = '' } = indexes ?? {}
    const made = newRecord({ bucket: bucketOf(key, bucketCount), subject, sid, label }, value)
    const args = { ...this.#named(key), subject, sid, ...made, ...spans(lifetime) }
    const reply = await this.#script({ script: create, keys: [this.#server.keys.entry(key)], args })
    return reply === 0 ? { outcome: 'present' } : { outcome: 'created', ...writtenFrom(reply) }
  }

  async replace(key: string, version: number, { value, bump, lifetime }: Replacement): Promise<ReplaceReply> {
    const { keys } = this.#server
    const versions = { version: versionText(version), nextVersion: versionText(version + 1) }
    const args = { indexes: keys.lists, ...versions, record: nextRecord(value), ...spans(lifetime) }
    const reply = await this.#script({
      script: replacementBy(lifetime !== undefined, bump),
      keys: [keys.entry(key), keys.state],
      args: bump ? { ...args, ...this.#bumping(key) } : args,
    })
    if (reply === 0) return { outcome: 'absent' }
    if (reply === 2) return { outcome: 'conflict' }
    const bumps = bump ? [bumpFrom((reply as unknown[][])[2] ?? [])] : []
    return { outcome: 'replaced', ...writtenFrom(reply), bumps }
  }

  async extend(key: string, idleMs: number): Promise<ExtendReply> {
    const { keys } = this.#server
    const args = { indexes: keys.lists, idleMs, absoluteMs: '', promised: 0 }
    const reply = await this.#script({ script: extend, keys: [keys.entry(key)], args })
    return reply === 0 ? { outcome: 'absent' } : { outcome: 'extended', ...writtenFrom(reply) }
  }

  async take(key: string): Promise<StoredEntry | undefined> {
    const record = await this.#script({ script: take, keys: [this.#server.keys.entry(key)], args: this.#named(key) })
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
      const args = { ...this.#named(target.key), version, ...this.#bumping(target.key) }
      return this.#script({ script: remove, keys: [keys.entry(target.key), keys.state], args })
    }
    const lists = [...new Set(target.values)].map((hash) => keys.list(target.index, hash))
    const who = { except: target.except ?? '', maxNamed: maxNamedKeys, ...this.#bumping() }
    const args = { indexes: keys.lists, prefix: keys.entries, ...who }
    return this.#script({ script: removeListed, keys: [keys.state, ...lists], args })
  }

  #named(key: string): Arguments {
    return { indexes: this.#server.keys.lists, name: key }
  }

  #bumping(key: string = ''): Arguments {
    const channel = this.#settings.push ? this.#server.keys.channel : ''
    const place = { bucket: bucketOf(key, bucketCount), names: JSON.stringify([key]) }
    return { candidate: randomUUID(), channel, remembered: maxRemembered, ...place }
  }

  #timeOf(connection: Connection, startedAt: number): Promise<number> {
    if (this.#time?.connection !== connection) {
      this.#time = { connection, reply: connection.send(['TIME'], startedAt).then(timeFrom) }
      setImmediate(() => (this.#time = undefined))
    }
    return this.#time.reply
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
      if (error instanceof RedisError && error.code === 'READONLY') this.#server.drop(error)
      throw translated(error, this.#settings.keyPrefix)
    }
  }
}
