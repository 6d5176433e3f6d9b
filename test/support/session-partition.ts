import { resolveCacheConfig, type TwoTierCacheConfig } from '../../src/cache/config.ts'
import type { Partition } from '../../src/cache/partition.ts'
import type { Store } from '../../src/cache/store.ts'
import { TwoTierCache } from '../../src/cache/two-tier-cache.ts'
import { deepFreeze, type SessionRecord } from '../../src/session/record.ts'
import { systemClock } from '../../src/shared/clock.ts'
import { systemRandomness } from '../../src/shared/randomness.ts'
import { recordingLogger } from './recording-logger.ts'

const decoder = new TextDecoder()

export interface SessionPartition {
  readonly tiers: TwoTierCache
  readonly partition: Partition<SessionRecord>
}

/** Two tiers of sessions as in production, on the system's clock, but for the seal: the store holds plain JSON. */
export async function startSessionPartition(store: Store, config: TwoTierCacheConfig): Promise<SessionPartition> {
  const { logger } = recordingLogger()
  const resolved = resolveCacheConfig(config)
  const tiers = new TwoTierCache({ store, config: resolved, clock: systemClock, randomness: systemRandomness, logger })
  const partition = tiers.partition<SessionRecord>({
    name: 'sessions',
    room: resolved,
    open: (_text, { value }) => deepFreeze(JSON.parse(decoder.decode(value)) as SessionRecord),
  })
  await tiers.ready()
  return { tiers, partition }
}
