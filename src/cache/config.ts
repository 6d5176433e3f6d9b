import type { CreateEvictionPolicy } from './l1/eviction-policy.ts'

/** The policies that come with the library. */
export type EvictionPolicyName = 's3-fifo' | 'lru' | 'lfu'

/** An entry of a lower class leaves memory before any of a higher one. */
export type L1Priority = 'low' | 'normal' | 'high'

/** How much memory one kind of entry may take, for how long, and which entry leaves first. */
export interface L1Config {
  /** Entries in memory at most. 1 to 10,000,000; default 10,000 for sessions, 1,000 for verifiers. */
  l1MaxCapacity?: number
  /**
   * Bytes of heap at most, as estimated from the values. 4,096 to 1 TiB; default 67,108,864 (64 MiB) for sessions,
   * 4,194,304 for verifiers. An entry larger than this is not kept in memory.
   */
  l1MaxBytes?: number
  /**
   * Seconds after which an entry is read from the store again, in any case; never beyond its own life. 1 to 2,592,000;
   * default 3,600 for sessions, 600 for verifiers.
   */
  l1TtlSec?: number
  /** Seconds after which an entry nobody asked for leaves memory; it stays in the store. 1 to 2,592,000; default `l1TtlSec`. */
  l1TimeToIdleSec?: number
  /**
   * Which entry leaves when memory is full: `'s3-fifo'` (default; best on mixed traffic), `'lru'` (below about 100
   * entries), `'lfu'`, or a function that makes your own.
   */
  l1EvictionPolicy?: EvictionPolicyName | CreateEvictionPolicy
}

/** How the two tiers behave. */
export interface TwoTierCacheConfig extends L1Config {
  /** Whether memory may answer at all. Default `true`. */
  enableL1?: boolean
  /** Which sessions memory keeps longest. Called once per read or write; default: all are `'normal'`. */
  l1Priority?: (session: PrioritySubject) => L1Priority
  /** Code verifiers have a room of their own, so that a flood of logins pushes no session out. */
  verifiers?: L1Config
  /** No instance answers from memory later than this after a revoke returned (D). 100 to 60,000; default 1,000. */
  maxStalenessMs?: number
  /** Every store operation a request waits for ends after this. 1 to 60,000; default 1,000. */
  operationTimeoutMs?: number
  /** A store operation that takes longer is counted, published and, once a minute, logged. 0 to 60,000; default 200; 0: none is. */
  slowOperationMs?: number
  /**
   * While the store does not answer, memory may go on answering for this many seconds longer, with what may have been
   * ended elsewhere meanwhile. 0 to 86,400; default 0: requests get 503 instead.
   */
  serveStaleForSec?: number
}

/** What `l1Priority` may look at. */
export interface PrioritySubject {
  readonly claims: Readonly<Record<string, unknown>>
  readonly data: Readonly<Record<string, unknown>>
}

/** The room of one partition, with every default filled in. */
export type ResolvedL1Config = Readonly<Required<L1Config>>

/** The same with every default filled in. */
export interface ResolvedCacheConfig extends ResolvedL1Config {
  readonly enableL1: boolean
  readonly l1Priority: ((session: PrioritySubject) => L1Priority) | undefined
  readonly verifiers: ResolvedL1Config
  readonly maxStalenessMs: number
  readonly operationTimeoutMs: number
  readonly slowOperationMs: number
  readonly serveStaleForSec: number
}

const sessionRoom = { l1MaxCapacity: 10_000, l1MaxBytes: 64 * 2 ** 20, l1TtlSec: 3_600 }
const verifierRoom = { l1MaxCapacity: 1_000, l1MaxBytes: 4 * 2 ** 20, l1TtlSec: 600 }

export function resolveCacheConfig(config: TwoTierCacheConfig = {}): ResolvedCacheConfig {
  const { enableL1 = true, l1Priority, verifiers = {} } = config
  const { maxStalenessMs = 1_000, operationTimeoutMs = 1_000, slowOperationMs = 200, serveStaleForSec = 0 } = config
  return {
    ...room(config, sessionRoom),
    enableL1,
    l1Priority,
    verifiers: room(verifiers, verifierRoom),
    maxStalenessMs,
    operationTimeoutMs,
    slowOperationMs,
    serveStaleForSec,
  }
}

function room(config: L1Config, defaults: typeof sessionRoom): ResolvedL1Config {
  const { l1MaxCapacity = defaults.l1MaxCapacity, l1MaxBytes = defaults.l1MaxBytes } = config
  const { l1TtlSec = defaults.l1TtlSec, l1TimeToIdleSec = l1TtlSec, l1EvictionPolicy = 's3-fifo' } = config
  return { l1MaxCapacity, l1MaxBytes, l1TtlSec, l1TimeToIdleSec, l1EvictionPolicy }
}
