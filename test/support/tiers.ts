import type { TestContext } from 'node:test'
import { bucketOf } from '../../src/cache/bucket.ts'
import { resolveCacheConfig, type TwoTierCacheConfig } from '../../src/cache/config.ts'
import type { Partition } from '../../src/cache/partition.ts'
import type { Store } from '../../src/cache/store.ts'
import { TwoTierCache } from '../../src/cache/two-tier-cache.ts'
import { Writes } from '../../src/cache/writes.ts'
import { systemRandomness, type Randomness } from '../../src/shared/randomness.ts'
import { bucketCount } from '../../src/stores/rules/bumps.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { manualClock, type ManualClock } from '../../src/testing/manual-clock.ts'
import { heldStore, type HeldStore } from './held-store.ts'
import { recordingLogger, type LogLine } from './recording-logger.ts'

/** Always the middle of the jitter. */
export const evenRandomness: Randomness = { bytes: systemRandomness.bytes, fraction: () => 0.5 }

/** An idle timeout that no test of the cache comes near by itself. */
export const hour = 3_600_000

export interface Instance {
  readonly clock: ManualClock
  readonly held: HeldStore
  readonly tiers: TwoTierCache
  readonly partition: Partition<string>
  readonly writes: Writes<string>
  readonly lines: LogLine[]
}

export interface InstancePlan {
  config?: TwoTierCacheConfig
  clock?: ManualClock
  /** Shared with another instance, as by another process: nothing is pushed. */
  inner?: Store
  randomness?: Randomness
}

/** One process with two tiers of texts: L1 over a memory store whose calls can be held back. */
export async function startInstance(t: TestContext, plan: InstancePlan = {}): Promise<Instance> {
  const { clock = manualClock(), randomness = evenRandomness } = plan
  const held = heldStore(plan.inner ?? memoryStore({ clock }))
  const { logger, lines } = recordingLogger()
  const tiers = new TwoTierCache({
    store: held.store,
    config: resolveCacheConfig(plan.config),
    clock,
    randomness,
    logger,
  })
  const partition = tiers.partition<string>({
    name: 'values',
    room: tiers.config,
    open: (_text, { value }) => {
      const text = Buffer.from(value).toString()
      return text === 'unreadable' ? undefined : text
    },
  })
  const writes = new Writes<string>(tiers, partition, ({ value }) => Buffer.from(value))
  await tiers.ready()
  t.after(() => tiers.close())
  return { clock, held, tiers, partition, writes, lines }
}

/** Puts an entry into the store as another process would have: this one knows nothing of it. */
export async function putByAnother(store: Store, key: string, value: string, idleMs: number = hour): Promise<void> {
  await store.create({ key, value: Buffer.from(value), lifetime: { idleMs } })
}

/** Another key of the same bucket. */
export function neighbourOf(key: string, buckets: number = bucketCount): string {
  for (let i = 0; ; i++) if (bucketOf(`neighbour ${i}`, buckets) === bucketOf(key, buckets)) return `neighbour ${i}`
}
