import type { Partition, PartitionOptions } from '../cache/partition.ts'
import type { TwoTierCache } from '../cache/two-tier-cache.ts'
import { Writes } from '../cache/writes.ts'
import type { Vault } from './vault.ts'

/** One kind of value in the two tiers: how it is read and how it is written. */
export interface SealedTier<V> {
  readonly partition: Partition<V>
  readonly writes: Writes<V>
}

/** Values that are sealed in L2 and open in L1. What opens was sealed by us: it has the type it was written with. */
export function sealedTier<V>(
  tiers: TwoTierCache,
  vault: Vault,
  options: Omit<PartitionOptions<V>, 'open'>,
): SealedTier<V> {
  const partition = tiers.partition<V>({
    ...options,
    open: (text, stored) => vault.open(text, stored) as V | undefined,
  })
  return { partition, writes: new Writes<V>(tiers, partition, (item) => vault.seal(item)) }
}
