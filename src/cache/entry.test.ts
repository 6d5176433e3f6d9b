import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CacheEntry, type Reading } from './entry.ts'

const times = { createdAt: 0, lastSeenAt: 0, expiresAt: 1_000_500 }

function reading(monotonic: number, storeNow: number, stamp = 1): Reading {
  return { stamp, at: { monotonic, wall: 0 }, storeNow }
}

function entry(ttlMs: number): CacheEntry<string> {
  return new CacheEntry({ text: 'text', key: 'key', value: 'value', version: 3, times }, reading(40, 1_000_000), {
    bucket: 0,
    ttlMs,
  })
}

test('it expires when the store says so, counted on our clock from when the read was sent', () => {
  assert.equal(entry(10_000).expiresAt, 540)
})

test('it expires when it must be read again, if that is earlier', () => {
  assert.equal(entry(200).expiresAt, 240)
})

test('prolonged, it lives as long as the store now says, and is as old as before', () => {
  const prolonged = entry(10_000)
  prolonged.prolong({ ...times, expiresAt: 1_002_000 }, reading(140, 1_000_100))
  assert.equal(prolonged.expiresAt, 2_040)
  assert.deepEqual([prolonged.stamp, prolonged.readAt.monotonic, prolonged.version], [1, 40, 3])
})

test('however often it is prolonged, it must be read again as long after its first read as ever', () => {
  const prolonged = entry(200)
  prolonged.prolong({ ...times, expiresAt: 1_900_000 }, reading(140, 1_000_100))
  assert.equal(prolonged.expiresAt, 240)
})
