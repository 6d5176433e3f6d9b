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
  WriteReply,
} from '../../cache/store.ts'
import { ShardChannels } from './channels.ts'
import { ClusterEpochs } from './cluster-epochs.ts'
import { clusterBuckets, ClusterKeys } from './cluster-keys.ts'
import { ClusterLists } from './cluster-lists.ts'
import type { Hashes } from './cluster-lists.ts'
import { removeListed } from './cluster-removal.ts'
import { Cluster } from './cluster.ts'
import { clusterLike } from './client.ts'
import { keysLike } from './count.ts'
import { remove, take } from './entry-scripts.ts'
import type { RedisError } from './error.ts'
import { translated } from './errors.ts'
import { tryToAnnounce, warnOfChannel, warnOfRisks } from './inspection.ts'
import { sortedPage } from './list.ts'
import type { RedisSettings } from './options.ts'
import { Pushes } from './push.ts'
import { Reads } from './reads.ts'
import { entryFrom, hashesFrom, versionText } from './record.ts'
import { bumpFrom } from './replies.ts'
import { runScript } from './script.ts'
import type { Run } from './script.ts'
import { risks } from './server-check.ts'
import { Writes } from './writes.ts'
import type { PlannedWrite } from './writes.ts'

/** Longer than any operation takes. */
const soonMs = 60_000

/**
 * A store in a cluster. An entry, its epoch and the last bumps share the slot of its bucket, so that they change
 * together; its lists are elsewhere, so that a removal by index is one unit for each entry.
 */
export class RedisClusterStore implements Store {
  readonly name = 'redis'
  readonly cleanupIntervalSec = 0
  readonly capabilities: StoreCapabilities
  readonly subscribe?: (listener: (bump: Bump) => void) => () => void

  readonly #settings: RedisSettings
  readonly #keys: ClusterKeys
  readonly #cluster: Cluster
  readonly #lists: ClusterLists
  readonly #epochs: ClusterEpochs
  readonly #writes: Writes
  readonly #pushes: Pushes
  readonly #reads: Reads = new Reads()
  #isInspected = false

  constructor(settings: RedisSettings) {
    const { client = {}, keyPrefix, clock, operationTimeoutMs: timeoutMs, push, logger } = settings
    const [removeByIndex, clockOf] = ['per-key-atomic', 'store'] as const
    const buckets = clusterBuckets
    this.capabilities = { removeByIndex, clock: clockOf, granularityMs: 1, push, durable: true, buckets }
    this.#settings = settings
    this.#keys = new ClusterKeys(keyPrefix)
    this.#cluster = new Cluster(clusterLike(client), { clock, timeoutMs })
    this.#lists = new ClusterLists(this.#cluster, this.#keys)
    this.#epochs = new ClusterEpochs(this.#cluster, this.#keys)
    const channelOf = (bucket: number): string => (push ? this.#keys.channel(bucket).key : '')
    this.#writes = new Writes({ lists: '', buckets, publish: 'SPUBLISH', channelOf })
    const channels = new ShardChannels(this.#cluster, this.#keys)
    const onRefused = (error: RedisError): void => warnOfChannel(logger, this.#keys.channels, error)
    this.#pushes = new Pushes({ channels, clock, onRefused })
    if (push) this.subscribe = (listener) => this.#listen(listener)
  }

  init({ maxStalenessMs }: { maxStalenessMs: number }): Promise<void> {
    return this.#translating(async () => {
      await this.#epochs.open(maxStalenessMs)
      if (this.#isInspected) return
      this.#isInspected = true
      const { logger, push } = this.#settings
      warnOfRisks(logger, (await this.#cluster.onEach(risks)).flat())
      if (push) await this.#tryToAnnounce()
    })
  }

  /** In one consistent read per bucket; the time is that of the server whose clock is ahead. */
  read(keys: readonly string[]): Promise<ReadReply> {
    return this.#translating(async () => {
      const groups = this.#keys.together(keys)
      if (groups.size === 0) groups.set('0', [])
      const replies = await Promise.all(Array.from(groups, ([tag, group]) => this.#readIn(tag, group)))
      const found = new Map(replies.flatMap(({ entries }) => entries.map((entry) => [entry?.key, entry] as const)))
      return {
        entries: keys.map((key) => found.get(key)),
        storeNow: Math.max(...replies.map(({ storeNow }) => storeNow)),
      }
    })
  }

  create(entry: NewEntry): Promise<CreateReply> {
    return this.#translating(async () => {
      const { key, lifetime, indexes } = entry
      // First of all: it refuses what is too large.
      const planned = this.#writes.create(entry)
      const listedMs = Math.min(2 * lifetime.idleMs, lifetime.absoluteMs ?? Infinity)
      await this.#lists.keep({ subject: indexes?.subject ?? '', sid: indexes?.sid ?? '' }, key, listedMs)
      return planned.answer(await this.#script(key, planned))
    })
  }

  replace(key: string, version: number, change: Replacement): Promise<ReplaceReply> {
    return this.#translating(async () => {
      const reply = await this.#demanding(this.#writes.replace(key, version, change))
      if (reply.outcome !== 'replaced') return reply
      return { ...reply, bumps: await Promise.all(reply.bumps.map((bump) => this.#epochs.made(bump))) }
    })
  }

  extend(key: string, idleMs: number): Promise<ExtendReply> {
    return this.#translating(() => this.#demanding(this.#writes.extend(key, idleMs)))
  }

  take(key: string): Promise<StoredEntry | undefined> {
    return this.#translating(async () => {
      const record = await this.#script(key, { script: take, args: this.#writes.named(key) })
      if (record === null) return undefined
      void this.#lists.drop([{ name: key, ...hashesFrom(record as Buffer) }])
      return entryFrom(key, record as Buffer)
    })
  }

  remove(target: RemoveTarget): Promise<RemoveReply> {
    return this.#translating(async () => {
      if ('index' in target) {
        const [cluster, keys, lists] = [this.#cluster, this.#keys, this.#lists]
        return removeListed({ cluster, keys, lists, epochs: this.#epochs, writes: this.#writes }, target)
      }
      const version = 'ifVersion' in target ? versionText(target.ifVersion) : ''
      const args = { ...this.#writes.named(target.key), version, ...this.#writes.bumping(target.key) }
      const reply = await this.#script(target.key, { script: remove, args })
      const [removed, bump, hashes] = reply as [number, unknown[]?, [Buffer, Buffer]?]
      if (hashes !== undefined) void this.#lists.drop([{ name: target.key, ...hashesOf(hashes) }])
      return { removed, bumps: bump === undefined ? [] : [await this.#epochs.made(bumpFrom(bump))] }
    })
  }

  list(query: ListQuery): Promise<ListReply> {
    return this.#translating(async () => {
      const values = new Set(query.values)
      const names = await Promise.all(Array.from(values, (hash) => this.#lists.names(query.index, hash)))
      const found = await this.#lists.headed(new Set(names.flat()))
      return sortedPage(
        found.filter((each) => values.has(each[query.index])),
        query,
      )
    })
  }

  epochs(known: readonly number[]): Promise<EpochsReply> {
    return this.#translating(() => this.#epochs.read(known))
  }

  /** The servers do it by themselves. */
  async sweep(): Promise<number> {
    await this.ping()
    return 0
  }

  stats(): Promise<StoreStats> {
    return this.#translating(async () => {
      const counts = await this.#cluster.onEach((connection, startedAt) =>
        keysLike(connection, startedAt, this.#keys.entries),
      )
      return { entries: counts.reduce((sum, count) => sum + count, 0) }
    })
  }

  ping(): Promise<void> {
    return this.#translating(async () => {
      await this.#cluster.run('0', (connection, startedAt) => connection.send(['PING'], startedAt))
    })
  }

  async close(): Promise<void> {
    this.#pushes.close()
    this.#cluster.close()
  }

  async #tryToAnnounce(): Promise<void> {
    const refusals = await Promise.all(
      Array.from({ length: clusterBuckets }, (_, bucket) => {
        const { tag, key: channel } = this.#keys.channel(bucket)
        return this.#cluster.run(tag, (connection, startedAt) =>
          tryToAnnounce(connection, startedAt, ['SPUBLISH', channel]),
        )
      }),
    )
    const refusal = refusals.find((each) => each !== undefined)
    if (refusal !== undefined) warnOfChannel(this.#settings.logger, this.#keys.channels, refusal)
  }

  #readIn(tag: string, keys: readonly string[]): Promise<ReadReply> {
    const named = keys.map((key) => [key, this.#keys.entry(key).key] as const)
    return this.#cluster.run(tag, (connection, startedAt) => this.#reads.read(connection, startedAt, named))
  }

  /** A script that may ask for its lists to be seen to first. */
  async #demanding<R extends WriteReply>({ key, script, args, answer }: PlannedWrite<R>): Promise<R> {
    const reply = await this.#script(key, { script, args })
    if (!Array.isArray(reply) || reply[0] !== 3) return answer(reply)
    const [, listedUntil, forMs, ...hashes] = reply as [3, number, number, Buffer, Buffer]
    await this.#lists.keep(hashesOf(hashes), key, forMs + soonMs)
    return answer(await this.#script(key, { script, args: { ...args, promised: listedUntil + soonMs } }))
  }

  #script(key: string, { script, args }: Pick<Run, 'script' | 'args'>): Promise<unknown> {
    const { tag, key: entry } = this.#keys.entry(key)
    const keys = [entry, this.#keys.state(Number(tag)).key]
    return this.#cluster.run(tag, (connection, startedAt) => runScript(connection, { script, args, keys, startedAt }))
  }

  #listen(listener: (bump: Bump) => void): () => void {
    return this.#pushes.subscribe((bump) => listener(this.#epochs.announced(bump)))
  }

  async #translating<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw translated(error, this.#settings.keyPrefix)
    }
  }
}

function hashesOf([subject, sid]: readonly Buffer[]): Hashes {
  return { subject: String(subject ?? ''), sid: String(sid ?? '') }
}
