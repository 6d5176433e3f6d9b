import type { AnswerSource, CacheStats } from '../cache/answer.ts'
import type { Partition } from '../cache/partition.ts'
import type { TwoTierCache } from '../cache/two-tier-cache.ts'

export function cacheStats(
  tiers: TwoTierCache,
  partition: Partition<unknown>,
  answers: Readonly<Record<AnswerSource, number>>,
): CacheStats {
  return {
    ...answers,
    l1Entries: partition.size,
    evictions: partition.evictions,
    storeReads: tiers.reads.sent,
    discardedFills: partition.discardedFills,
    bypasses: partition.bypasses,
    pushGaps: tiers.coherence.pushGaps,
  }
}
