import { resolveCacheConfig } from '../../src/cache/config.ts'
import type { CacheEntry } from '../../src/cache/entry.ts'
import type { Partition } from '../../src/cache/partition.ts'
import type { RemoveReply, RemoveTarget, Store } from '../../src/cache/store.ts'
import { TwoTierCache } from '../../src/cache/two-tier-cache.ts'
import { Writes } from '../../src/cache/writes.ts'
import type { Logger } from '../../src/shared/logger.ts'
import type { Randomness } from '../../src/shared/randomness.ts'
import type { Source } from './cache-history.ts'
import type { CachePlan } from './cache-plan.ts'
import type { Link } from './link.ts'
import type { Machine } from './scheduler.ts'
import { encode } from './store-timeline.ts'
import type { StoreTimeline, Value } from './store-timeline.ts'

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }

export interface SimulatedCacheOptions {
  name: string
  machine: Machine
  toStore: Link
  store: Store
  plan: CachePlan
  timeline: StoreTimeline
  randomness: Randomness
}

/** An answer, and the text it was opened for. */
export interface Loaded {
  text: string
  value: Value | undefined
  source: Source
}
export type Found = Loaded & { value: Value }

/** The real cache of one instance, of values that only have a number. */
export class SimulatedCache {
  readonly name: string
  readonly machine: Machine
  readonly toStore: Link
  /** What it answered with last, for writes that need to know. */
  readonly held: Map<string, CacheEntry<number>> = new Map()
  readonly #tiers: TwoTierCache
  readonly #partition: Partition<number>
  readonly #writes: Writes<number>
  readonly #capacity: number
  readonly #timeline: StoreTimeline

  constructor({ name, machine, toStore, store, plan, timeline, randomness }: SimulatedCacheOptions) {
    this.name = name
    this.machine = machine
    this.toStore = toStore
    const { maxStalenessMs, operationTimeoutMs, capacity: l1MaxCapacity, enableL1, graceMs } = plan
    const serveStaleForSec = graceMs / 1_000
    const config = resolveCacheConfig({ maxStalenessMs, operationTimeoutMs, l1MaxCapacity, enableL1, serveStaleForSec })
    this.#tiers = new TwoTierCache({ store, config, clock: machine, randomness, logger: silent })
    this.#partition = this.#tiers.partition<number>({
      name: 'values',
      room: config,
      open: (_text, { value }) => timeline.decode(value).id,
    })
    this.#writes = new Writes(this.#tiers, this.#partition, ({ value }) => encode(value))
    this.#capacity = l1MaxCapacity
    this.#timeline = timeline
  }

  get isTooFull(): boolean {
    return this.#partition.stats().entries > this.#capacity
  }

  /** What memory answers, at this moment. */
  serve(text: string): Found | undefined {
    const entry = this.#partition.serve(text)
    if (entry === undefined) return undefined
    this.held.set(entry.key, entry)
    return { text: entry.text, value: this.#timeline.value(entry.value), source: 'l1' }
  }

  async load(text: string, key: string, fresh: boolean): Promise<Loaded> {
    const { entry, source } = await this.#partition.load(text, key, fresh)
    if (entry === undefined) return { text, value: undefined, source }
    this.held.set(key, entry)
    return { text: entry.text, value: this.#timeline.value(entry.value), source }
  }

  async create(text: string, value: Value, idleMs: number): Promise<boolean> {
    const { key, subject } = value
    const place = { lifetime: { idleMs }, indexes: { subject } }
    return (await this.#writes.create({ text, key, value: value.id }, place)) !== undefined
  }

  async replace(
    entry: CacheEntry<number>,
    value: Value,
    how: { bump: boolean },
  ): Promise<'replaced' | 'conflict' | 'absent'> {
    const outcome = await this.#writes.replace(entry, value.id, how)
    if (typeof outcome === 'string') return outcome
    this.held.set(entry.key, outcome)
    return 'replaced'
  }

  extend(key: string, idleMs: number, entry?: CacheEntry<number>): Promise<'extended' | 'absent'> {
    return this.#writes.extend(key, idleMs, entry)
  }

  remove(target: RemoveTarget): Promise<RemoveReply> {
    return this.#writes.remove(target)
  }

  async take(key: string): Promise<Value | undefined> {
    await this.#tiers.ready()
    const entry = await this.#tiers.store.take(key)
    return entry && this.#timeline.decode(entry.value)
  }

  /** Whether this instance knows of more than the store does, in a bucket. */
  knowsMoreThan(numbers: readonly number[], bucket: number): boolean {
    return this.#tiers.coherence.mark(bucket).stamp > numbers[bucket]!
  }

  /** Whether it has stopped polling, because nobody asks. */
  get isResting(): boolean {
    return this.#tiers.coherenceStats().lease === 'idle'
  }

  /** What happened here at least once. */
  events(): string[] {
    const { discardedFills, bypasses, evictions } = this.#partition.stats()
    const { pushGaps, violations } = this.#tiers.coherenceStats()
    const { refusals } = this.#tiers.trafficStats()
    const counts = {
      'fill discarded': discardedFills,
      'lease lost': bypasses.lease,
      'floor raised': bypasses.floor,
      evicted: evictions.capacity,
      'push gap': pushGaps,
      'store caught': violations,
      'breaker open': refusals,
    }
    return Object.entries(counts).flatMap(([event, count]) => (count > 0 ? [event] : []))
  }
}
