import { TwoTierAuthCache } from '../../src/session/two-tier-auth-cache.ts'
import { recordingLogger } from '../../test/support/recording-logger.ts'
import type { Contenders, Operations } from '../contest.ts'
import { keys, keysInOrder, sessions, ttlMs } from '../l1/workload.ts'
import type { PeerCache } from '../peers/memory-caches.mjs'
import { twoTierCaches } from '../peers/two-tier-caches.mjs'
import { awaiting } from '../runs.ts'
import { slowStore, slowTexts } from './slow-tier.ts'

/** A second tier and the caches over it, as processes would have them. */
interface Tiers {
  open(max: number): Promise<PeerCache>
  /** Round trips to the second tier that read. */
  reads(): number
}

const tiers: Record<string, () => Tiers> = {
  'two-tier': ours,
  ...Object.fromEntries(Object.keys(twoTierCaches).map((name) => [`peer.${name}`, () => theirs(name)])),
}

export const contenders: Contenders = Object.fromEntries(
  Object.entries(tiers).map(([name, start]) => [name, () => operations(name, start())]),
)

/** How often the second tier is read when 1,000 ask at once: for the same entry, and each for another one. */
export async function readsOf(name: string): Promise<{ herd: number; batch: number }> {
  const { open, reads } = tiers[name]!()
  await fill(await open(keys.length), 1_001)
  const cold = await open(keys.length)
  const readsFor = async (wanted: readonly string[]): Promise<number> => {
    const before = reads()
    const found = await Promise.all(wanted.map((key) => cold.get(key)))
    if (found.includes(undefined)) throw new Error(`${name} did not find what was there`)
    return reads() - before
  }
  const herd = await readsFor(Array.from({ length: 1_000 }, () => keys[1_000]!))
  return { herd, batch: await readsFor(keys.slice(0, 1_000)) }
}

async function operations(name: string, { open }: Tiers): Promise<Operations> {
  const count = 1_000
  const warm = await open(keys.length)
  await fill(warm, count)
  // There is room for one only, so that the next is never there.
  const cold = await open(1)
  const known = new Set(keys.slice(0, count))
  const order = keysInOrder().filter((key) => known.has(key))
  return {
    hot: {
      [`${name}.hit`]: awaiting(async (key) => warm.get(key), order),
      [`${name}.cold`]: awaiting(async (key) => cold.get(key), keys.slice(0, count)),
    },
    wake: async () => warm.get(keys[0]!),
  }
}

async function fill(cache: PeerCache, count: number): Promise<void> {
  const values = sessions()
  for (let i = 0; i < count; i++) await cache.set(keys[i]!, values[i]!)
}

function ours(): Tiers {
  const { store, reads } = slowStore()
  return {
    reads,
    async open(max) {
      const { logger } = recordingLogger()
      const cache = new TwoTierAuthCache({
        store,
        secret: 'x'.repeat(32),
        l1MaxCapacity: max,
        l1MaxBytes: 2 ** 30,
        // On a machine that does other things too, 1,000 gets at once may take their time.
        operationTimeoutMs: 20_000,
        logger,
      })
      return {
        get: (key) => cache.getAuthSession(key),
        async set(key, value) {
          const { claims, data, tokens } = value as ReturnType<typeof sessions>[number]
          await cache.setAuthSession(key, { claims, data, ...tokens })
        },
      }
    },
  }
}

function theirs(name: string): Tiers {
  const { l2, reads } = slowTexts()
  return { reads, open: (max) => twoTierCaches[name]!(l2, { max, ttlMs }) }
}
