/** How the two tiers behave. */
export interface TwoTierCacheConfig {
  /** Whether memory may answer at all. Default `true`. */
  enableL1?: boolean
  /** Sessions kept in memory at most; the least recently used leaves first. Default 10,000. */
  l1MaxCapacity?: number
  /** A session is read from the store again after this, in any case. Capped by its own remaining life. Default 3,600. */
  l1TtlSec?: number
  /** No instance answers from memory later than this after a revoke returned (D). 100 to 60,000; default 1,000. */
  maxStalenessMs?: number
  /** Every store operation a request waits for ends after this. Default 1,000. */
  operationTimeoutMs?: number
}

/** The same with every default filled in. */
export type ResolvedCacheConfig = Readonly<Required<TwoTierCacheConfig>>

export function resolveCacheConfig(config: TwoTierCacheConfig = {}): ResolvedCacheConfig {
  const { enableL1 = true, l1MaxCapacity = 10_000, l1TtlSec = 3_600 } = config
  const { maxStalenessMs = 1_000, operationTimeoutMs = 1_000 } = config
  return { enableL1, l1MaxCapacity, l1TtlSec, maxStalenessMs, operationTimeoutMs }
}
