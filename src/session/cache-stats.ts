import type { AnswerSource } from '../cache/answer.ts'
import type { CacheStats } from '../cache/stats.ts'
import type { TwoTierCache } from '../cache/two-tier-cache.ts'
import type { SealedTier } from './sealed-tier.ts'

export function cacheStats(
  tiers: TwoTierCache,
  { sessions, verifiers }: Record<'sessions' | 'verifiers', SealedTier<unknown>['partition']>,
  answers: Readonly<Record<AnswerSource, number>>,
): CacheStats {
  return {
    answers: { ...answers },
    sessions: sessions.stats(),
    verifiers: verifiers.stats(),
    store: tiers.trafficStats(),
    coherence: tiers.coherenceStats(),
  }
}

export function noAnswers(): Record<AnswerSource, number> {
  return { l1: 0, l2: 0, joined: 0, stale: 0, refused: 0 }
}
