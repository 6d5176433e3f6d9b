import { channel } from 'node:diagnostics_channel'
import type { BreakerState } from './l2/circuit-breaker.ts'

/** What happens beside the counters, published on the diagnostics channel `sallyport:cache`. No key is ever in it. */
export type CacheEvent =
  | { type: 'evicted'; partition: string; reason: EvictionReason; count: number }
  | { type: 'bypassed'; partition: string; reason: BypassReason }
  | { type: 'fill-discarded'; partition: string }
  | { type: 'policy-failed'; partition: string; error: unknown }
  | { type: 'push-gap'; bucket: number }
  | { type: 'coherence-violation'; bucket: number; reason: 'forgotten' | 'late' }
  | { type: 'lease'; state: 'held' | 'lost' }
  | { type: 'breaker'; store: string; state: BreakerState }
  | { type: 'slow-operation'; store: string; operation: string; ms: number }
  | { type: 'signed-out'; store: string; kind: string; reason: 'capacity' }

export type EvictionReason = 'capacity' | 'bytes' | 'expired' | 'idle'
export type BypassReason = 'lease' | 'floor' | 'version'

const events = channel('sallyport:cache')

/** Costs a property read while nobody listens. A listener's error is its own: Node reports it as uncaught. */
export function publish(event: CacheEvent): void {
  if (events.hasSubscribers) events.publish(event)
}
