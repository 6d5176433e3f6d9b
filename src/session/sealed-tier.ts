import type { Partition, PartitionOptions } from '../cache/partition.ts'
import type { TwoTierCache } from '../cache/two-tier-cache.ts'
import type { CacheEntry } from '../cache/entry.ts'
import { Writes } from '../cache/writes.ts'
import { priorityOf } from './priority.ts'
import { isSessionRecord, type SessionRecord } from './record.ts'
import type { Vault } from './vault.ts'

/** One kind of value in the two tiers: how it is read and how it is written. */
export interface SealedTier<V> {
  readonly partition: Partition<V>
  readonly writes: Writes<V>
}

/** Values that are sealed in L2 and open in L1. */
function sealedTier<V>(
  { tiers, vault }: { tiers: TwoTierCache; vault: Vault },
  isValue: (opened: unknown) => opened is V,
  options: Omit<PartitionOptions<V>, 'open'>,
): SealedTier<V> {
  const open: PartitionOptions<V>['open'] = (text, stored) => vault.open(text, stored, isValue)
  const partition = tiers.partition<V>({ ...options, open })
  return { partition, writes: new Writes<V>(tiers, partition, (item) => vault.seal(item)) }
}

export function sessionTier(
  tiers: TwoTierCache,
  vault: Vault,
  plan: (entry: CacheEntry<SessionRecord>) => void = () => {},
): SealedTier<SessionRecord> {
  const priority = priorityOf(tiers.config.l1Priority, tiers.logger)
  const options = { name: 'sessions', room: tiers.config, plan, ...(priority && { priority }) }
  return sealedTier({ tiers, vault }, isSessionRecord, options)
}

export function verifierTier(tiers: TwoTierCache, vault: Vault): SealedTier<string> {
  return sealedTier({ tiers, vault }, isKept, { name: 'verifiers', room: tiers.config.verifiers })
}

/** Login transactions share their prefix with verifiers: whoever asks for a verifier looks whether it is one. */
function isKept(opened: unknown): opened is string {
  return opened !== undefined
}
