import { flag, integer, objectWith, type Rule, type Rules } from '../shared/options.ts'
import type { TwoTierCacheConfig } from './config.ts'

export const cacheRules: Rules<TwoTierCacheConfig> = {
  enableL1: flag(),
  l1MaxCapacity: integer({ min: 1, max: 10_000_000, unit: 'entries' }),
  l1TtlSec: integer({ min: 1, max: 2_592_000, unit: 'seconds' }),
  maxStalenessMs: integer({ min: 100, max: 60_000, unit: 'milliseconds' }),
  operationTimeoutMs: integer({ min: 1, max: 60_000, unit: 'milliseconds' }),
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
