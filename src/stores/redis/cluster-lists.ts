import type { EntryInfo, IndexName } from '../../cache/store.ts'
import type { ClusterKeys, Place } from './cluster-keys.ts'
import { enlist, heads, someOld } from './cluster-scripts.ts'
import type { Cluster } from './cluster.ts'
import { headFrom } from './record.ts'
import { runScript } from './script.ts'

/** The hashes an entry is listed under; empty where it is not. */
export type Hashes = Record<IndexName, string>

/** An entry as its head tells, and what it is listed under. */
export interface Headed extends Hashes {
  /** The key as the server sorts it. */
  name: Buffer
  info: EntryInfo
}

/** A name whose entry is not there may still be on its way, for as long as an operation takes; longer than this never. */
const inTheMakingMs = 120_000

/** Lists live longer than was asked: the clocks of the servers differ, and it takes time to use what was asked for. */
const marginMs = 180_000

/** Who has gone. */
export interface Gone extends Hashes {
  name: string
}

/** Every so many names some of a list are looked at, and those that expired leave it. */
const tidyEvery = 32

/** Four for each that comes, so that a list cannot outgrow its entries, however long it is. */
const tidyAtOnce = 4 * tidyEvery

/**
 * The lists of a cluster, in slots of their own. A name is on its lists before its entry is there and leaves them after
 * it is gone, so that no entry is ever missing from them; whether a name is right, its entry says.
 */
export class ClusterLists {
  readonly #cluster: Cluster
  readonly #keys: ClusterKeys

  constructor(cluster: Cluster, keys: ClusterKeys) {
    this.#cluster = cluster
    this.#keys = keys
  }

  /** Puts the name on the lists, if it is not empty, and makes them live for as long at least. */
  async keep(hashes: Hashes, name: string, forMs: number): Promise<void> {
    await Promise.all(
      this.#placesOf(hashes).map(async ({ tag, key }) => {
        const args = { name, idleMs: forMs + marginMs }
        const size = await this.#cluster.run(tag, (connection, startedAt) =>
          runScript(connection, { script: enlist, keys: [key], args, startedAt }),
        )
        if (name !== '' && Number(size) % tidyEvery === 0) void this.#tidy({ tag, key }).catch(() => {})
      }),
    )
  }

  /** Best effort: names without an entry do no harm. */
  async drop(gone: readonly Gone[]): Promise<void> {
    const struck = new Map<string, { place: Place; names: string[] }>()
    for (const { name, ...hashes } of gone) {
      for (const place of this.#placesOf(hashes)) {
        const known = struck.get(place.key)
        if (known === undefined) struck.set(place.key, { place, names: [name] })
        else known.names.push(name)
      }
    }
    await Promise.allSettled(Array.from(struck.values(), ({ place, names }) => this.#strike(place, names)))
  }

  /** The names on a list, each once. */
  async names(index: IndexName, hash: string): Promise<string[]> {
    const { tag, key } = this.#keys.list(index, hash)
    const reply = await this.#cluster.run(tag, (connection, startedAt) =>
      connection.send(['ZRANGE', key, '0', '-1'], startedAt),
    )
    return (reply as Buffer[]).map(String)
  }

  /** The entries that are there, of one moment per bucket. */
  async headed(names: Iterable<string>): Promise<Headed[]> {
    const groups = this.#keys.together(names)
    const found = await Promise.all(Array.from(groups, ([tag, group]) => this.#headedIn(tag, group)))
    return found.flat()
  }

  async #headedIn(tag: string, names: readonly string[]): Promise<Headed[]> {
    const keys = names.map((name) => this.#keys.entry(name).key)
    const reply = await this.#cluster.run(tag, (connection, startedAt) =>
      runScript(connection, { script: heads, keys, args: { indexes: '' }, startedAt }),
    )
    return names.flatMap((key, i) => {
      const found = (reply as (Buffer[] | null)[])[i]
      if (found === null || found === undefined) return []
      const [head, ...texts] = found as [Buffer, ...Buffer[]]
      const [subject = '', sid = '', label = ''] = texts.map(String)
      const info: EntryInfo = { key, ...headFrom(head) }
      if (label !== '') info.label = label
      return [{ name: Buffer.from(key), info, subject, sid }]
    })
  }

  async #tidy(place: Place): Promise<void> {
    const args = { ageMs: inTheMakingMs, limit: tidyAtOnce }
    const reply = await this.#cluster.run(place.tag, (connection, startedAt) =>
      runScript(connection, { script: someOld, keys: [place.key], args, startedAt }),
    )
    const names = (reply as Buffer[]).map(String)
    const there = new Set((await this.headed(names)).map(({ info }) => info.key))
    await this.#strike(
      place,
      names.filter((name) => !there.has(name)),
    )
  }

  async #strike({ tag, key }: Place, names: readonly string[]): Promise<void> {
    if (names.length === 0) return
    await this.#cluster.run(tag, (connection, startedAt) => connection.send(['ZREM', key, ...names], startedAt))
  }

  #placesOf({ subject, sid }: Hashes): Place[] {
    const places = [subject !== '' && this.#keys.list('subject', subject), sid !== '' && this.#keys.list('sid', sid)]
    return places.filter((place) => place !== false)
  }
}
