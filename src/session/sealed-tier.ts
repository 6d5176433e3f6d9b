import type { Partition, PartitionOptions } from '../cache/partition.ts'
import type { TwoTierCache } from '../cache/two-tier-cache.ts'
import type { CacheEntry } from '../cache/entry.ts'
import { Writes } from '../cache/writes.ts'
import { priorityOf } from './priority.ts'
import type { SessionRecord } from './record.ts'
import type { Vault } from './vault.ts'

/** One kind of value in the two tiers: how it is read and how it is written. */
export interface SealedTier<V> {
  readonly partition: Partition<V>
  readonly writes: Writes<V>
}

/** Values that are sealed in L2 and open in L1. What opens was sealed by us: it has the type it was written with. */
function sealedTier<V>(tiers: TwoTierCache, vault: Vault, options: Omit<PartitionOptions<V>, 'open'>): SealedTier<V> {
  const partition = tiers.partition<V>({
    ...options,
    open: (text, stored) => vault.open(text, stored) as V | undefined,
  })
  return { partition, writes: new Writes<V>(tiers, partition, (item) => vault.seal(item)) }
}

export function sessionTier(
  tiers: TwoTierCache,
  vault: Vault,
  plan: (entry: CacheEntry<SessionRecord>) => void = () => {},
): SealedTier<SessionRecord> {
  const priority = priorityOf(tiers.config.l1Priority, tiers.logger)
  return sealedTier(tiers, vault, { name: 'sessions', room: tiers.config, plan, ...(priority && { priority }) })
}

export function verifierTier(tiers: TwoTierCache, vault: Vault): SealedTier<string> {
  return sealedTier(tiers, vault, { name: 'verifiers', room: tiers.config.verifiers })
}
