import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bucketOf } from '../../cache/bucket.ts'
import { bucketCount, byBucket, remembering, riseFrom } from './bumps.ts'

test('keys are grouped by bucket, each key once, buckets in ascending order', () => {
  const keys = Array.from({ length: 1_000 }, (_, i) => `key-${i % 500}`)
  const groups = byBucket(keys)
  const buckets = groups.map(([bucket]) => bucket)
  assert.deepEqual(
    buckets,
    [...new Set(buckets)].sort((a, b) => a - b),
  )
  assert.equal(groups.flatMap(([, group]) => group).length, 500)
  for (const [bucket, group] of groups) assert.ok(group.every((key) => bucketOf(key, bucketCount) === bucket))
})

test('a bump names up to 50 keys and no more', () => {
  const keys = Array.from({ length: 51 }, (_, i) => `key-${i}`)
  assert.deepEqual(riseFrom(3, 0, keys.slice(1), 100).keys, keys.slice(1))
  assert.equal(riseFrom(3, 0, keys, 100).keys, '*')
})

test('a number follows the clock, and rises by one where the clock does not', () => {
  assert.equal(riseFrom(0, 5, ['a'], 100.9).n, 100)
  assert.equal(riseFrom(0, 100, ['a'], 100).n, 101)
  assert.equal(riseFrom(0, 500, ['a'], 100).n, 501)
})

test('a bucket remembers its newest eight bumps, oldest first', () => {
  let recent: { n: number }[] = []
  for (let n = 1; n <= 20; n++) recent = remembering(recent, { n })
  assert.deepEqual(
    recent.map((bump) => bump.n),
    [13, 14, 15, 16, 17, 18, 19, 20],
  )
})
