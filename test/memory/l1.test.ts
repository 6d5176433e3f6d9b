import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import type { PartitionStats } from '../../src/cache/stats.ts'
import { median } from '../../bench/median.ts'
import { measureAlone } from '../support/heap.ts'

const cap = 64 * 2 ** 20

/** What `fill-l1.ts` prints: bytes of heap above the start, after each tenth of the sessions. */
interface Filling {
  heaps: number[]
  stats: PartitionStats
}

describe('a million sessions through an L1 of 50,000 entries and 64 MiB', () => {
  let heaps: number[]
  let stats: PartitionStats

  before(async () => {
    const filling = (await measureAlone(new URL('fill-l1.ts', import.meta.url), '1000000')) as Filling
    heaps = filling.heaps
    stats = filling.stats
  })

  test('all pass through it, and it is full at the end', () => {
    assert.ok(stats.fills >= 1_000_000, `${stats.fills} were kept`)
    assert.ok(stats.bytes > 0.99 * cap && stats.bytes <= cap, `${stats.bytes} of ${cap} bytes`)
  })

  test('the heap never holds more than 1.25 times the bytes that L1 may take', (t) => {
    const highest = Math.max(...heaps) / cap
    t.diagnostic(`highest: ${highest.toFixed(3)} × the cap, with ${stats.entries} sessions in memory`)
    assert.ok(highest <= 1.25, `${highest} × the cap`)
  })

  test('the heap is used for what it may be: at least 0.75 times the bytes that L1 may take', () => {
    assert.ok(Math.min(...heaps) >= 0.75 * cap, String(heaps))
  })

  test('the heap does not grow over the last half', (t) => {
    const growth = median(heaps.slice(8)) / median(heaps.slice(5, 7)) - 1
    t.diagnostic(`growth over the last half: ${(100 * growth).toFixed(2)} %`)
    assert.ok(Math.abs(growth) <= 0.02, `${growth} of itself`)
  })
})
