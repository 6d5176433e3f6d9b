import type { EvictionPolicyName } from '../config.ts'
import type { CreateEvictionPolicy, EvictionPolicy } from './eviction-policy.ts'
import { GuardedPolicy } from './guarded-policy.ts'
import { Lfu } from './lfu.ts'
import { Lru } from './lru.ts'
import { S3Fifo } from './s3-fifo.ts'

/**
 * The policy an option asks for. One made by a user is guarded: when it breaks the contract, `onFailure` is told, once,
 * and S3-FIFO takes its place.
 */
export function createPolicy(
  policy: EvictionPolicyName | CreateEvictionPolicy,
  maxEntries: number,
  onFailure: (error: unknown) => void,
): EvictionPolicy {
  switch (policy) {
    case 's3-fifo':
      return new S3Fifo(maxEntries)
    case 'lru':
      return new Lru(maxEntries)
    case 'lfu':
      return new Lfu(maxEntries)
    default:
      return new GuardedPolicy(policy, maxEntries, onFailure)
  }
}
