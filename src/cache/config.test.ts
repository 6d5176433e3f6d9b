import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkOptions } from '../shared/options.ts'
import { cacheRules } from './config-rules.ts'
import { resolveCacheConfig } from './config.ts'

test('every option has its documented default', () => {
  assert.deepEqual(resolveCacheConfig(), {
    enableL1: true,
    l1MaxCapacity: 10_000,
    l1MaxBytes: 67_108_864,
    l1TtlSec: 3_600,
    l1TimeToIdleSec: 3_600,
    l1EvictionPolicy: 's3-fifo',
    l1Priority: undefined,
    verifiers: {
      l1MaxCapacity: 1_000,
      l1MaxBytes: 4_194_304,
      l1TtlSec: 600,
      l1TimeToIdleSec: 600,
      l1EvictionPolicy: 's3-fifo',
    },
    serveStaleForSec: 0,
    maxStalenessMs: 1_000,
    operationTimeoutMs: 1_000,
    slowOperationMs: 200,
  })
})

test('an option that is given wins, and one that is `undefined` is not given', () => {
  const config = resolveCacheConfig({ enableL1: false, l1TtlSec: 60, maxStalenessMs: undefined } as object)
  assert.deepEqual([config.enableL1, config.l1TtlSec, config.maxStalenessMs], [false, 60, 1_000])
})

test('the defaults keep the rules', () => {
  checkOptions('the defaults', resolveCacheConfig(), cacheRules)
})
