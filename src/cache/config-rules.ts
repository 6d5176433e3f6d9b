import { callable, flag, group, integer, objectWith, rule, type Rule, type Rules } from '../shared/options.ts'
import type { Store } from './store.ts'
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
  slowOperationMs: integer({ min: 0, max: 60_000, unit: 'milliseconds' }),
  serveStaleForSec: integer({ min: 0, max: 86_400, unit: 'seconds' }),
}

const storeMethods = objectWith(
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

export const storeRule: Rule = {
  check(store, report) {
    let isStore = true
    storeMethods.check(store, (message) => {
      isStore = false
      report(message)
    })
    if (!isStore) return
    const { capabilities, cleanupIntervalSec } = store as Partial<Store>
    const buckets = capabilities?.buckets
    if (!Number.isInteger(buckets) || buckets! < 0 || buckets! > 65_536) {
      report('must be a whole number from 0 to 65536', '.capabilities.buckets')
    }
    if (typeof cleanupIntervalSec !== 'number' || !(cleanupIntervalSec >= 0)) {
      report('must be a number of seconds, or 0', '.cleanupIntervalSec')
    }
  },
}
