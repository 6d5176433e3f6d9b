import type { TwoTierCacheConfig } from '../../src/cache/config.ts'
import { rotations } from './fake-provider-tokens.ts'
import type { Rotation } from './fake-provider-tokens.ts'
import { anyLatency } from './link.ts'
import type { Latency } from './link.ts'
import type { SeededRandom } from './seeded-random.ts'

/** How instances hear of each other's bumps before they poll. Who shares a store object shares the machine as well. */
export type PushKind = 'none' | 'same store object' | 'bus' | 'lossy bus'
const pushKinds: readonly PushKind[] = ['none', 'same store object', 'bus', 'lossy bus']

/** What one run is about. */
export interface Plan {
  instances: number
  push: PushKind
  /** Whether every instance runs on a machine of its own. */
  isolated: boolean
  /** Of the ways to the store. */
  latency: Latency
  /** Of the ways to the provider. */
  providerLatency: Latency
  cache: TwoTierCacheConfig
  idleTimeoutSec: number
  absoluteLifetimeSec: number
  /** The life of the first access token; a refreshed one lives for an hour. */
  accessTokenMs: number
  rotation: Rotation
  refreshTimeoutMs: number
}

/** What `plan` leaves open the seed decides. */
export function completePlan(plan: Partial<Plan>, random: SeededRandom): Plan {
  const { isolated = false } = plan
  return {
    instances: 2,
    push: random.pick(isolated ? pushKinds.filter((kind) => kind !== 'same store object') : pushKinds),
    isolated,
    latency: random.pick(anyLatency),
    providerLatency: random.pick(anyLatency),
    idleTimeoutSec: 1_800,
    absoluteLifetimeSec: 86_400,
    accessTokenMs: 3_600_000,
    rotation: random.pick(rotations),
    refreshTimeoutMs: 5_000,
    ...plan,
    // Room for one: the answer to one session makes the next one of another a fill.
    cache: { maxStalenessMs: random.pick([500, 1_000]), l1MaxCapacity: random.pick([1, 100]), ...plan.cache },
  }
}
