import { bucketOf, hashOf } from '../../cache/bucket.ts'
import type { IndexName } from '../../cache/store.ts'
import { escaped } from './count.ts'

/** Reads of them cross servers, and a removal of many keys touches many. */
export const clusterBuckets = 16

/** Lists are spread over as many slots. */
const listTags = 64

/** A key, and the hash tag that says where it lives. */
export interface Place {
  tag: string
  key: string
}

/** The names of a store's keys in a cluster: what belongs to a bucket shares a slot. */
export class ClusterKeys {
  /** How the names of all channels begin. */
  readonly channels: string
  /** What the keys of entries look like to SCAN. */
  readonly entries: string
  readonly #prefix: string

  constructor(prefix: string) {
    this.#prefix = prefix
    this.channels = `${prefix}{`
    this.entries = `${escaped(prefix)}{*}entry:*`
  }

  entry(key: string): Place {
    return this.#at(String(bucketOf(key, clusterBuckets)), `entry:${key}`)
  }

  /** Keys that live together. */
  together(keys: Iterable<string>): Map<string, string[]> {
    const groups = new Map<string, string[]>()
    for (const key of keys) {
      const { tag } = this.entry(key)
      const group = groups.get(tag)
      if (group === undefined) groups.set(tag, [key])
      else group.push(key)
    }
    return groups
  }

  state(bucket: number): Place {
    return this.#at(String(bucket), 'state')
  }

  /** Where the bumps of a bucket are announced: in the slot of its keys. */
  channel(bucket: number): Place {
    return this.#at(String(bucket), 'bumps')
  }

  list(index: IndexName, hash: string): Place {
    const name = `list:${index}:${hash}`
    return this.#at(`l${hashOf(name) % listTags}`, name)
  }

  #at(tag: string, name: string): Place {
    return { tag, key: `${this.#prefix}{${tag}}${name}` }
  }
}
