import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CacheStats } from '../cache/stats.ts'
import { manualClock } from '../testing/manual-clock.ts'
import { HitReport } from './hit-report.ts'

const none: CacheStats = statsOf({})

/** What a cache tells that has given these answers and holds so many sessions. */
function statsOf(answers: Partial<CacheStats['answers']>, entries: number = 0): CacheStats {
  const evictions = { capacity: 0, bytes: 0, expired: 0, idle: 0 }
  const bypasses = { lease: 0, floor: 0, version: 0 }
  const counters = { bytes: 0, hits: 0, misses: 0, joined: 0, stale: 0, fills: 0, discardedFills: 0, tooLarge: 0 }
  const traffic = { readBatches: 0, reads: 0, writeBatches: 0, writes: 0, failures: 0, refusals: 0 }
  const partition = { entries, ...counters, bypasses, evictions }
  return {
    answers: { l1: 0, l2: 0, joined: 0, stale: 0, refused: 0, ...answers },
    sessions: partition,
    verifiers: partition,
    store: { ...traffic, slow: 0, sweeper: { runs: 0, deleted: 0, failures: 0 }, breaker: 'closed' },
    coherence: { lease: 'held', polls: 0, pollFailures: 0, pushes: 0, pushGaps: 0, violations: 0 },
  }
}

interface Reported {
  lines: Record<string, unknown>[]
  report: HitReport
  clock: ReturnType<typeof manualClock>
  count: (answers: Partial<CacheStats['answers']>, entries?: number) => void
}

function reporting(): Reported {
  const lines: Record<string, unknown>[] = []
  const clock = manualClock()
  let stats = none
  const silent = (): void => {}
  const info = (fields: object): void => void lines.push({ ...fields })
  const report = new HitReport(() => stats, clock, { debug: silent, info, warn: silent, error: silent })
  return { lines, report, clock, count: (...told) => void (stats = statsOf(...told)) }
}

describe('the report of hits', () => {
  it('is one line a minute, of that minute', async () => {
    const { lines, report, clock, count } = reporting()
    report.note()
    report.note()
    count({ l1: 3, l2: 1 })
    await clock.advance(60_000)
    report.note()
    count({ l1: 4, l2: 1, refused: 2 }, 1)
    await clock.advance(60_000)
    assert.deepEqual(
      lines.map(({ l1, l2, refused, l1HitRatio, l1Entries }) => ({ l1, l2, refused, l1HitRatio, l1Entries })),
      [
        { l1: 3, l2: 1, refused: 0, l1HitRatio: 0.75, l1Entries: 0 },
        { l1: 1, l2: 0, refused: 2, l1HitRatio: 1, l1Entries: 1 },
      ],
    )
  })

  it('says nothing and keeps no timer while nobody asks', async () => {
    const { lines, report, clock } = reporting()
    report.note()
    await clock.advance(60_000)
    await clock.advance(600_000)
    assert.equal(lines.length, 1)
    assert.equal(clock.pending(), 0)
  })

  it('stops when it is closed', () => {
    const { report, clock } = reporting()
    report.note()
    report.close()
    assert.equal(clock.pending(), 0)
  })
})
