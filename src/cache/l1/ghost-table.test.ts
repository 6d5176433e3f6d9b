import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '../../../test/support/seeded-random.ts'
import { GhostTable } from './ghost-table.ts'

function hashes(count: number): number[] {
  const random = seededRandom(1)
  return Array.from({ length: count }, () => random.below(2 ** 32) | 0)
}

function remembered(ghost: GhostTable, of: readonly number[], window: number): number {
  return of.filter((hash) => ghost.take(hash, window)).length
}

describe('the ghost table', () => {
  test('remembers nothing at first, not even the hash 0', () => {
    assert.equal(new GhostTable().take(0, 10_000_000), false)
  })

  test('remembers a hash once', () => {
    const ghost = new GhostTable()
    ghost.remember(7, 10)
    assert.deepEqual([ghost.take(7, 10), ghost.take(7, 10)], [true, false])
  })

  test('does not remember again, some turns later, what was taken', () => {
    const ghost = new GhostTable()
    ghost.remember(7, 10)
    ghost.take(7, 10)
    for (let hash = 100; hash < 105; hash++) {
      ghost.remember(hash, 10)
      assert.equal(ghost.take(7, 10), false)
    }
  })

  test('takes a hash for the same whether its 32 bits are given with a sign or without', () => {
    for (const [given, asked] of [
      [0xffff_fff0, -16],
      [-16, 0xffff_fff0],
    ] as const) {
      const ghost = new GhostTable()
      ghost.remember(given, 10)
      assert.ok(ghost.take(asked, 10))
    }
  })

  test('remembers a hash until so many others have followed as the window is wide', () => {
    for (const [followers, expected] of [
      [9, true],
      [10, false],
    ] as const) {
      const ghost = new GhostTable()
      for (let hash = 0; hash <= followers; hash++) ghost.remember(hash, 10)
      assert.equal(ghost.take(0, 10), expected)
    }
  })

  test('forgets few of them early, and only when it is nearly full', () => {
    const of = hashes(100_000)
    const recall = (window: number): number => {
      const ghost = new GhostTable()
      for (const hash of of) ghost.remember(hash, window)
      return remembered(ghost, of.slice(-window), window) / window
    }
    assert.ok(recall(2 ** 15) > 0.8, 'as full as can be')
    assert.ok(recall(2 ** 15 + 1) > 0.95, 'half full')
  })

  test('loses nothing by becoming larger', () => {
    const of = hashes(1_000)
    const [grown, not] = [new GhostTable(), new GhostTable()]
    for (const ghost of [grown, not]) for (const hash of of) ghost.remember(hash, of.length)
    grown.remember(0, 100_000)
    assert.equal(remembered(grown, of, 2_000), remembered(not, of, 2_000))
  })

  test('never remembers what was not let go of within the window', () => {
    const step = fc.record({ hash: fc.integer({ min: -50, max: 50 }), take: fc.boolean() })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.array(step, { maxLength: 300, size: 'max' }), (window, steps) => {
        const ghost = new GhostTable()
        const letGo: (number | undefined)[] = []
        for (const { hash, take } of steps) {
          if (!take) {
            ghost.remember(hash, window)
            letGo.push(hash)
          } else if (ghost.take(hash, window)) {
            const at = letGo.lastIndexOf(hash)
            assert.ok(at >= 0 && letGo.length - at <= window)
            letGo.forEach((each, i) => (letGo[i] = each === hash ? undefined : each))
          }
        }
      }),
    )
  })
})
