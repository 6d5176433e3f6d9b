import type { EvictionPolicyName } from '../../src/cache/config.ts'
import { createPolicy } from '../../src/cache/l1/policies.ts'
import type { Trace } from './trace.ts'

/**
 * The share of requests, in percent, that a cache of so many entries answers. It is empty at first; what it does not
 * have it takes in.
 */
export function hitRatio({ requests, keys }: Trace, name: EvictionPolicyName, entries: number): number {
  const policy = createPolicy(name, entries, fail)
  const slotOf = new Int32Array(keys).fill(-1)
  const keyOf = new Int32Array(Math.min(entries, keys))
  let held = 0
  let hits = 0
  for (const key of requests) {
    if (slotOf[key]! >= 0) {
      hits++
      policy.used(slotOf[key]!)
      continue
    }
    let slot = held
    if (held < entries) held++
    else {
      slot = policy.evict()
      slotOf[keyOf[slot]!] = -1
    }
    slotOf[key] = slot
    keyOf[slot] = key
    policy.added(slot, hashOf(key))
  }
  return (100 * hits) / requests.length
}

/** The hash of a key is spread over all bits, as that of a text is. */
function hashOf(key: number): number {
  let hash = Math.imul(key ^ (key >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

function fail(error: unknown): never {
  throw error
}
