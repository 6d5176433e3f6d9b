import type { IndexName, RemoveReply, RemoveTarget } from '../../cache/store.ts'
import { maxNamedKeys } from '../rules/bumps.ts'
import type { ClusterEpochs } from './cluster-epochs.ts'
import type { ClusterKeys } from './cluster-keys.ts'
import type { ClusterLists, Gone } from './cluster-lists.ts'
import { removeIfListed } from './cluster-scripts.ts'
import type { Cluster } from './cluster.ts'
import { bumpFrom } from './replies.ts'
import { runScript } from './script.ts'
import type { Writes } from './writes.ts'

/** The parts of a store that take part. */
export interface Removing {
  cluster: Cluster
  keys: ClusterKeys
  lists: ClusterLists
  epochs: ClusterEpochs
  writes: Writes
}

/** Goes on until the lists hold nothing it has not seen: entries may come while it is at work. */
export async function removeListed(
  removing: Removing,
  { index, values, except }: Extract<RemoveTarget, { index: IndexName }>,
): Promise<RemoveReply> {
  const total: RemoveReply = { removed: 0, bumps: [] }
  for (const hash of new Set(values)) {
    const seen = new Set(except === undefined ? [] : [except])
    for (;;) {
      const names = (await removing.lists.names(index, hash)).filter((name) => !seen.has(name))
      if (names.length === 0) break
      for (const name of names) seen.add(name)
      const groups = [...removing.keys.together(names).values()]
      await Promise.all(groups.map((group) => removeInBucket(removing, { index, hash, group, total })))
    }
  }
  return total
}

interface Group {
  index: IndexName
  hash: string
  /** Of one bucket. */
  group: readonly string[]
  total: RemoveReply
}

/**
 * Some after the other, and off the lists with them: however many there are, none of it outlives its time, and should
 * a server fail meanwhile, whoever tries again finds only what is left.
 */
async function removeInBucket(removing: Removing, { index, hash, group, total }: Group): Promise<void> {
  const { cluster, keys, lists, epochs, writes } = removing
  for (let from = 0; from < group.length; from += maxNamedKeys) {
    const names = group.slice(from, from + maxNamedKeys)
    const [first = ''] = names
    const { tag, key } = keys.entry(first)
    const prefix = key.slice(0, key.length - first.length)
    const args = { indexes: '', prefix, index, hash, ...writes.bumping(first) }
    const run = { keys: [keys.state(Number(tag)).key, ...names.map((name) => prefix + name)], args }
    const [gone, bump] = (await cluster.run(tag, (connection, startedAt) =>
      runScript(connection, { script: removeIfListed, ...run, startedAt }),
    )) as [Buffer[][], unknown[]?]
    total.removed += gone.length
    if (bump !== undefined) total.bumps.push(await epochs.made(bumpFrom(bump)))
    await lists.drop(gone.map(goneFrom))
  }
}

function goneFrom(texts: readonly Buffer[]): Gone {
  const [name = '', subject = '', sid = ''] = texts.map(String)
  return { name, subject, sid }
}
