import { createHash } from 'node:crypto'
import type { Bump, EpochsReply } from '../../cache/store.ts'
import { clusterBuckets } from './cluster-keys.ts'
import type { ClusterKeys } from './cluster-keys.ts'
import type { Cluster } from './cluster.ts'
import { Epochs } from './epochs.ts'

/**
 * The epochs of a store in a cluster, and who it is: each bucket's slot has an incarnation of its own, since it may
 * fail over alone, and the store's is made of them all. So a bump, which one slot makes, carries the same one as the
 * next poll tells.
 */
export class ClusterEpochs {
  readonly #cluster: Cluster
  readonly #keys: ClusterKeys
  readonly #epochs: readonly Epochs[]
  /** The incarnation of each bucket's slot, as heard last. */
  readonly #parts: (string | undefined)[] = Array.from({ length: clusterBuckets }, () => undefined)
  #maxStalenessMs = 0

  constructor(cluster: Cluster, keys: ClusterKeys) {
    this.#cluster = cluster
    this.#keys = keys
    this.#epochs = Array.from(
      { length: clusterBuckets },
      (_, first) => new Epochs({ state: keys.state(first).key, buckets: clusterBuckets, first, count: 1 }),
    )
  }

  /** Raises the greatest staleness and checks that the store is one of ours, in every slot. */
  async open(maxStalenessMs: number): Promise<void> {
    this.#maxStalenessMs = Math.max(this.#maxStalenessMs, maxStalenessMs)
    await this.#introduce(() => true)
  }

  async read(known: readonly number[]): Promise<EpochsReply> {
    const replies = await Promise.all(
      this.#epochs.map((epochs, bucket) => {
        const own = known.length === clusterBuckets ? [known[bucket] ?? 0] : []
        const { tag } = this.#keys.state(bucket)
        return this.#cluster.run(tag, (connection, startedAt) => epochs.read(connection, startedAt, own), 'poll')
      }),
    )
    for (const [bucket, reply] of replies.entries()) this.#parts[bucket] = reply.incarnation
    const incarnation = whole(this.#parts)
    return {
      incarnation,
      maxStalenessMs: Math.max(...replies.map((reply) => reply.maxStalenessMs)),
      numbers: replies.map(({ numbers }) => numbers[0] ?? 0),
      recent: replies.flatMap(({ recent }) => recent.map((bump) => ({ ...bump, incarnation }))),
      // Always of the same server: whoever asks compares it with what it was.
      storeNow: replies[0]?.storeNow ?? 0,
    }
  }

  /** A bump that a script has made in one slot, as one of the whole store. */
  async made(bump: Bump): Promise<Bump> {
    this.#parts[bump.bucket] = bump.incarnation
    if (this.#parts.includes(undefined)) await this.#introduce((bucket) => this.#parts[bucket] === undefined)
    return { ...bump, incarnation: whole(this.#parts) }
  }

  /** The same of a bump that was announced: it may be late, and tells nothing of what is now. */
  announced(bump: Bump): Bump {
    return { ...bump, incarnation: whole(this.#parts.with(bump.bucket, bump.incarnation)) }
  }

  async #introduce(isWanted: (bucket: number) => boolean): Promise<void> {
    const introductions = this.#epochs.map(async (epochs, bucket) => {
      if (!isWanted(bucket)) return
      this.#parts[bucket] = await this.#cluster.run(this.#keys.state(bucket).tag, (connection, startedAt) =>
        epochs.open(connection, startedAt, this.#maxStalenessMs),
      )
    })
    await Promise.all(introductions)
  }
}

function whole(parts: readonly (string | undefined)[]): string {
  return createHash('sha256').update(parts.join()).digest('base64url')
}
