import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bucketOf, nextEpoch } from './bucket.ts'

test('every release must find a key in the same bucket: FNV-1a of well-known texts', () => {
  assert.deepEqual(
    ['', 'a', 'foobar'].map((text) => bucketOf(text, 2 ** 32)),
    [0x811c9dc5, 0xe40c292c, 0xbf9cf968],
  )
})

test('a bucket is always one of those there are', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 65_536 }), (key, buckets) => {
      const bucket = bucketOf(key, buckets)
      assert.ok(Number.isInteger(bucket) && bucket >= 0 && bucket < buckets)
    }),
  )
})

test('keys spread over the buckets: of 10,000, none of 256 has more than twice its share', () => {
  const counts = new Map<number, number>()
  for (let i = 0; i < 10_000; i++) {
    const bucket = bucketOf(`session:${i}`, 256)
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1)
  }
  assert.equal(counts.size, 256)
  assert.ok(Math.max(...counts.values()) < 2 * (10_000 / 256))
})

test('a number is greater than the one before, a whole one, and never behind the store’s clock', () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 41 }), fc.double({ min: 0, max: 2 ** 41, noNaN: true }), (prev, storeNow) => {
      const n = nextEpoch(prev, storeNow)
      assert.ok(Number.isInteger(n) && n > prev && n >= Math.floor(storeNow))
    }),
  )
})
