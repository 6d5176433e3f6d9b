import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { SlotCache, slotSteps } from '../../../test/support/slot-cache.ts'
import type { EvictionPolicyName } from '../config.ts'
import type { CreateEvictionPolicy } from './eviction-policy.ts'
import { GuardedPolicy } from './guarded-policy.ts'
import { Lfu } from './lfu.ts'
import { Lru } from './lru.ts'
import { createPolicy } from './policies.ts'
import { S3Fifo } from './s3-fifo.ts'

const names: EvictionPolicyName[] = ['s3-fifo', 'lru', 'lfu']
const own: CreateEvictionPolicy = (maxEntries) => new Lru(maxEntries)

function create(policy: EvictionPolicyName | CreateEvictionPolicy, maxEntries: number) {
  return createPolicy(policy, maxEntries, (error) => assert.fail(`the policy failed: ${String(error)}`))
}

test('each name stands for its policy, and a user’s own is guarded', () => {
  assert.deepEqual(
    [...names, own].map((policy) => create(policy, 10).constructor),
    [S3Fifo, Lru, Lfu, GuardedPolicy],
  )
})

for (const policy of [...names, own]) {
  describe(typeof policy === 'string' ? policy : 'own', () => {
    test('every entry leaves exactly once, whatever happens', () => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 40 }), slotSteps(60), (capacity, steps) => {
          const cache = new SlotCache(create(policy, capacity), capacity)
          for (const step of steps) cache.play(step)
          const { size } = cache
          assert.ok(size <= capacity)
          assert.equal(new Set(cache.drain()).size, size)
        }),
      )
    })

    test('takes memory for the entries in use, not for those there might be', () => {
      const before = process.memoryUsage().arrayBuffers
      const cache = new SlotCache(create(policy, 10_000_000), 10_000_000)
      for (let key = 0; key < 10; key++) cache.ask(key)
      assert.ok(process.memoryUsage().arrayBuffers - before < 10_000)
    })

    test('does not grow with entries that come and go', () => {
      const cache = new SlotCache(create(policy, 10_000_000), 10_000_000)
      const before = process.memoryUsage().arrayBuffers
      for (let key = 0; key < 100_000; key++) {
        cache.ask(key)
        if (key % 3 === 0) cache.evict()
        else cache.drop(key)
      }
      assert.ok(process.memoryUsage().arrayBuffers - before < 10_000)
    })

    test('has room for a slot beyond its capacity', () => {
      const cache = new SlotCache(create(policy, 1), 100)
      for (let key = 0; key < 100; key++) cache.ask(key)
      assert.equal(cache.drain().length, 100)
    })
  })
}
