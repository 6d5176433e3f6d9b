import type { ClusterKeys } from './cluster-keys.ts'
import { clusterBuckets } from './cluster-keys.ts'
import type { Cluster } from './cluster.ts'
import type { Connection } from './connection.ts'
import { RedisError } from './error.ts'
import type { Lane } from './lane.ts'

/** Where bumps are announced. */
export interface Channels {
  /** Looks whether everything is listened to, and listens to what is not. */
  listen(onMessage: (message: Buffer) => void): Promise<void>
  /** Leaves no connection open; `listen` may be called again. */
  stop(): void
  /** For good. Repeatable. */
  close(): void
}

/** The channel of a server, or of a primary and its replicas. */
export class OneChannel implements Channels {
  readonly #lane: Lane
  readonly #channel: string
  #listening: Connection | undefined

  constructor(lane: Lane, channel: string) {
    this.#lane = lane
    this.#channel = channel
  }

  async listen(onMessage: (message: Buffer) => void): Promise<void> {
    await this.#lane.run(async (connection, startedAt) => {
      const isListening = this.#listening === connection
      await (isListening ? connection.send(['PING'], startedAt) : connection.subscribe(this.#channel, onMessage))
      this.#listening = connection
    })
  }

  stop(): void {
    this.#listening = undefined
    this.#lane.drop(nobodyListens())
  }

  close(): void {
    this.stop()
    this.#lane.close()
  }
}

/**
 * A channel for each bucket of a cluster, in the bucket's slot: only the servers that hold the slot pass on what is said
 * there. When a slot moves, its old server says so or is found not to hold it any more; the connection to it is given
 * up, and the next look finds every channel where it is then.
 */
export class ShardChannels implements Channels {
  readonly #cluster: Cluster
  readonly #keys: ClusterKeys
  /** Which connection listens to the channel of a bucket. */
  readonly #listening = new Map<number, Connection>()

  constructor(cluster: Cluster, keys: ClusterKeys) {
    this.#cluster = cluster
    this.#keys = keys
  }

  /** A server that is down keeps nobody from listening to the others. */
  async listen(onMessage: (message: Buffer) => void): Promise<void> {
    const asked = new Set<Connection>()
    const looks = await Promise.allSettled(
      Array.from({ length: clusterBuckets }, (_, bucket) => this.#listenTo(bucket, onMessage, asked)),
    )
    const failures: unknown[] = looks.flatMap((look) => (look.status === 'rejected' ? [look.reason] : []))
    if (failures.length > 0) throw failures.find(isRefusal) ?? failures[0]
  }

  stop(): void {
    this.#listening.clear()
    this.#cluster.drop('listen', nobodyListens())
  }

  close(): void {
    this.stop()
  }

  /** Each connection is `asked` once whether it lives. */
  async #listenTo(bucket: number, onMessage: (message: Buffer) => void, asked: Set<Connection>): Promise<void> {
    const { tag, key: channel } = this.#keys.channel(bucket)
    await this.#cluster.run(
      tag,
      async (connection, startedAt) => {
        const before = this.#listening.get(bucket)
        if (before === connection) {
          const isAsked = asked.has(connection)
          asked.add(connection)
          if (!isAsked) await connection.send(['PING'], startedAt)
          return
        }
        await connection.subscribe(channel, onMessage, 'shard')
        this.#listening.set(bucket, connection)
        // What the driver believes to hear there it may not hear should the slot come back.
        before?.end(new RedisError('CONNECTION', 'a slot is elsewhere'))
      },
      'listen',
    )
  }
}

/** Whether the user may not listen. */
export function isRefusal(error: unknown): error is RedisError {
  return error instanceof RedisError && error.code === 'NOPERM'
}

function nobodyListens(): RedisError {
  return new RedisError('CONNECTION', 'nobody listens any more')
}
