import { callable, flag, group, integer, objectWith, rule, type Rule, type Rules } from '../shared/options.ts'
import type { EvictionPolicyName, L1Config, TwoTierCacheConfig } from './config.ts'

const policyNames: readonly EvictionPolicyName[] = ['s3-fifo', 'lru', 'lfu']

const roomRules: Rules<L1Config> = {
  l1MaxCapacity: integer({ min: 1, max: 10_000_000, unit: 'entries' }),
  l1MaxBytes: integer({ min: 4_096, max: 2 ** 40, unit: 'bytes' }),
  l1TtlSec: integer({ min: 1, max: 2_592_000, unit: 'seconds' }),
  l1TimeToIdleSec: integer({ min: 1, max: 2_592_000, unit: 'seconds' }),
  l1EvictionPolicy: rule((value) => {
    if (typeof value === 'function' || policyNames.includes(value as EvictionPolicyName)) return undefined
    const names = policyNames.map((name) => `'${name}'`).join(', ')
    return `must be one of ${names}, or a function that makes a policy`
  }),
}

export const cacheRules: Rules<TwoTierCacheConfig> = {
  ...roomRules,
  enableL1: flag(),
  l1Priority: callable(),
  verifiers: group(roomRules),
  maxStalenessMs: integer({ min: 100, max: 60_000, unit: 'milliseconds' }),
  operationTimeoutMs: integer({ min: 1, max: 60_000, unit: 'milliseconds' }),
  serveStaleForSec: integer({ min: 0, max: 86_400, unit: 'seconds' }),
}

export const storeRule: Rule = objectWith(
  'a store, e.g. sqliteStore({ path }) or memoryStore()',
  'init',
  'read',
  'create',
  'replace',
  'extend',
  'take',
  'remove',
  'list',
  'epochs',
  'sweep',
  'stats',
  'ping',
  'close',
)
