import type { Store } from '../../src/cache/store.ts'
import { TwoTierAuthCache } from '../../src/session/two-tier-auth-cache.ts'
import { recordingLogger } from '../../test/support/recording-logger.ts'
import { sessions } from '../l1/workload.ts'
import { median } from '../median.ts'

/** How a store does behind the seven operations: with memory before it, without, and after a restart. */
export interface TierFigures {
  /** Microseconds for one `getAuthSession`, every one of them sent to the store. */
  oneTier: number
  /** Microseconds for one, answered from memory. */
  twoTier: number
  coldStart: { roundTrips: number; ms: number; oneByOneMs: number }
}

const secret = 'x'.repeat(32)
const rounds = 3_000

/** `open` makes a store of the same data again and again. */
export async function measureTiers(open: () => Store, count: number): Promise<TierFigures> {
  const ids = Array.from({ length: count }, (_, i) => `session-${i}`)
  const values = sessions()
  const writer = cacheOver(open(), true)
  await Promise.all(
    ids.map((id, i) => {
      const { claims, data, tokens } = values[i % values.length]!
      return writer.setAuthSession(id, { claims, data, ...tokens })
    }),
  )
  await writer.close()

  const one = cacheOver(open(), false)
  const oneTier = await middle(one, ids)
  const oneByOneMs = await timed(async () => {
    for (const id of ids) await found(one, id)
  })
  await one.close()

  const two = cacheOver(open(), true)
  const ms = await timed(() => Promise.all(ids.map((id) => found(two, id))))
  const roundTrips = two.stats().store.readBatches
  const twoTier = await middle(two, ids)
  await two.close()
  return { oneTier, twoTier, coldStart: { roundTrips, ms, oneByOneMs } }
}

function cacheOver(store: Store, enableL1: boolean): TwoTierAuthCache {
  const { logger } = recordingLogger()
  return new TwoTierAuthCache({
    store,
    secret,
    enableL1,
    l1MaxCapacity: 20_000,
    l1MaxBytes: 2 ** 30,
    operationTimeoutMs: 60_000,
    logger,
  })
}

async function found(cache: TwoTierAuthCache, id: string): Promise<void> {
  if ((await cache.getAuthSession(id)) === undefined) throw new Error('what was asked for was not there')
}

async function middle(cache: TwoTierAuthCache, ids: readonly string[]): Promise<number> {
  const samples: number[] = []
  for (let i = 0; i < rounds; i++) {
    const id = ids[(i * 7) % ids.length]!
    samples.push((await timed(() => found(cache, id))) * 1_000)
  }
  return median(samples)
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}
