import type {
  Bump,
  CreateReply,
  EntryTimes,
  EpochsReply,
  ExtendReply,
  IndexName,
  ListQuery,
  ListReply,
  NewEntry,
  ReadReply,
  RemoveReply,
  RemoveTarget,
  ReplaceReply,
  Replacement,
  Store,
  StoreCapabilities,
  StoredEntry,
  StoreStats,
} from '../cache/store.ts'
import { systemClock } from '../shared/clock.ts'
import type { Clock } from '../shared/clock.ts'
import { SallyportError } from '../shared/errors.ts'
import { checkOptions, integer, objectWith } from '../shared/options.ts'
import type { Rules } from '../shared/options.ts'
import { systemRandomness } from '../shared/randomness.ts'
import { bucketCount, bumpFrom, byBucket, keysToBump, remembering } from './_bumps.ts'
import { deadlines, extendedDeadline } from './_deadlines.ts'
import { pageOf } from './_paging.ts'

export interface MemoryStoreOptions {
  /** Default: the system's. */
  clock?: Clock
  /** Entries kept at most; the oldest leaves first, which signs its owner out. Default 100,000. */
  maxEntries?: number
}

/**
 * A store in this process's memory: for development, tests, and sites of one process that may forget their sessions
 * at a restart. Two processes, or two stores, share nothing. Throws `ConfigError` naming every wrong option.
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  checkOptions('memoryStore', options, rules)
  return new MemoryStore(options.clock ?? systemClock, options.maxEntries ?? 100_000)
}

const rules: Rules<MemoryStoreOptions> = {
  clock: objectWith('a clock', 'monotonic', 'wall', 'setTimer'),
  maxEntries: integer({ min: 1, max: 10_000_000, unit: 'entries' }),
}

interface Row {
  key: string
  value: Uint8Array
  version: number
  times: EntryTimes
  indexes: Partial<Record<IndexName, string>>
  label: string | undefined
}

class MemoryStore implements Store {
  readonly name = 'memory'
  readonly cleanupIntervalSec = 60
  readonly capabilities: StoreCapabilities = {
    removeByIndex: 'atomic',
    clock: 'store',
    granularityMs: 1,
    push: false,
    durable: false,
    buckets: bucketCount,
  }

  readonly #clock: Clock
  readonly #maxEntries: number
  readonly #incarnation = Buffer.from(systemRandomness.bytes(16)).toString('base64url')
  /** In order of creation, which is the order of eviction. */
  readonly #rows = new Map<string, Row>()
  readonly #indexed: Record<IndexName, Map<string, Set<Row>>> = { subject: new Map(), sid: new Map() }
  readonly #numbers: number[] = Array.from({ length: bucketCount }, () => 0)
  readonly #recent: Bump[][] = Array.from({ length: bucketCount }, () => [])
  #maxStalenessMs = 0
  #closed = false

  constructor(clock: Clock, maxEntries: number) {
    this.#clock = clock
    this.#maxEntries = maxEntries
  }

  async init(instance: { maxStalenessMs: number }): Promise<void> {
    this.#now()
    this.#maxStalenessMs = Math.max(this.#maxStalenessMs, instance.maxStalenessMs)
  }

  async read(keys: readonly string[]): Promise<ReadReply> {
    const storeNow = this.#now()
    const entries = keys.map((key) => {
      const row = this.#live(key, storeNow)
      return row && entryOf(row)
    })
    return { entries, storeNow }
  }

  async create(entry: NewEntry): Promise<CreateReply> {
    const storeNow = this.#now()
    if (this.#live(entry.key, storeNow)) return { outcome: 'present' }
    this.#delete(entry.key)
    this.#makeRoom(storeNow)
    const times = { createdAt: storeNow, lastSeenAt: storeNow, ...deadlines(storeNow, entry.lifetime) }
    this.#insert({
      key: entry.key,
      value: new Uint8Array(entry.value),
      version: 1,
      times,
      indexes: { ...entry.indexes },
      label: entry.label,
    })
    return { outcome: 'created', version: 1, times: { ...times }, storeNow }
  }

  async replace(key: string, version: number, change: Replacement): Promise<ReplaceReply> {
    const storeNow = this.#now()
    const row = this.#live(key, storeNow)
    if (!row) return { outcome: 'absent' }
    if (row.version !== version) return { outcome: 'conflict' }
    row.value = new Uint8Array(change.value)
    row.version = version + 1
    if (change.lifetime) {
      row.times = { createdAt: row.times.createdAt, lastSeenAt: storeNow, ...deadlines(storeNow, change.lifetime) }
    }
    const bumps = change.bump ? this.#bump([key], storeNow) : []
    return { outcome: 'replaced', version: row.version, times: { ...row.times }, storeNow, bumps }
  }

  async extend(key: string, idleMs: number): Promise<ExtendReply> {
    const storeNow = this.#now()
    const row = this.#live(key, storeNow)
    if (!row) return { outcome: 'absent' }
    row.times = { ...row.times, lastSeenAt: storeNow, expiresAt: extendedDeadline(row.times, storeNow, idleMs) }
    return { outcome: 'extended', version: row.version, times: { ...row.times }, storeNow }
  }

  async take(key: string): Promise<StoredEntry | undefined> {
    const row = this.#live(key, this.#now())
    if (!row) return undefined
    this.#delete(key)
    return entryOf(row)
  }

  async remove(target: RemoveTarget): Promise<RemoveReply> {
    const storeNow = this.#now()
    const rows = this.#targeted(target)
    for (const row of rows) this.#delete(row.key)
    const keys = keysToBump(
      target,
      rows.map((row) => row.key),
    )
    const bumps = this.#bump(keys, storeNow)
    return { removed: rows.filter((row) => isLive(row, storeNow)).length, bumps }
  }

  async list(query: ListQuery): Promise<ListReply> {
    const storeNow = this.#now()
    const rows = this.#under(query.index, query.values).filter((row) => isLive(row, storeNow))
    const page = pageOf(rows, query)
    const entries = page.rows.map(({ key, version, times, label }) => ({
      key,
      version,
      times: { ...times },
      ...(label === undefined ? {} : { label }),
    }))
    return page.next === undefined ? { entries } : { entries, next: page.next }
  }

  async epochs(known: readonly number[]): Promise<EpochsReply> {
    const storeNow = this.#now()
    return {
      incarnation: this.#incarnation,
      maxStalenessMs: this.#maxStalenessMs,
      numbers: [...this.#numbers],
      recent: this.#recent.flatMap((bumps, bucket) => bumps.filter((bump) => bump.n > (known[bucket] ?? 0))),
      storeNow,
    }
  }

  async sweep(limit: number): Promise<number> {
    const storeNow = this.#now()
    let swept = 0
    for (const row of this.#rows.values()) {
      if (swept >= limit) break
      if (isLive(row, storeNow)) continue
      this.#delete(row.key)
      swept++
    }
    return swept
  }

  async stats(): Promise<StoreStats> {
    this.#now()
    return { entries: this.#rows.size }
  }

  async ping(): Promise<void> {
    this.#now()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#rows.clear()
    for (const byValue of Object.values(this.#indexed)) byValue.clear()
  }

  #now(): number {
    if (this.#closed) throw new SallyportError('ERR_CLOSED', 'the memory store is closed')
    return Math.floor(this.#clock.wall())
  }

  #live(key: string, now: number): Row | undefined {
    const row = this.#rows.get(key)
    return row && isLive(row, now) ? row : undefined
  }

  #insert(row: Row): void {
    this.#rows.set(row.key, row)
    for (const [index, value] of indexesOf(row)) {
      const rows = this.#indexed[index].get(value)
      if (rows) rows.add(row)
      else this.#indexed[index].set(value, new Set([row]))
    }
  }

  #delete(key: string): void {
    const row = this.#rows.get(key)
    if (!row) return
    this.#rows.delete(key)
    for (const [index, value] of indexesOf(row)) {
      const rows = this.#indexed[index].get(value)
      rows?.delete(row)
      if (rows?.size === 0) this.#indexed[index].delete(value)
    }
  }

  /** An evicted entry is bumped like a removed one: a later removal by index could no longer name it. */
  #makeRoom(now: number): void {
    for (const key of this.#rows.keys()) {
      if (this.#rows.size < this.#maxEntries) return
      this.#delete(key)
      this.#bump([key], now)
    }
  }

  #under(index: IndexName, values: readonly string[]): Row[] {
    return [...new Set(values)].flatMap((value) => [...(this.#indexed[index].get(value) ?? [])])
  }

  /** Expired rows too: a wall clock set back must not revive what was removed. */
  #targeted(target: RemoveTarget): Row[] {
    if ('index' in target) return this.#under(target.index, target.values).filter((row) => row.key !== target.except)
    const row = this.#rows.get(target.key)
    if (!row || ('ifVersion' in target && row.version !== target.ifVersion)) return []
    return [row]
  }

  #bump(keys: readonly string[], now: number): Bump[] {
    return byBucket(keys).map(([bucket, named]) => {
      const bump = bumpFrom(bucket, this.#numbers[bucket] ?? 0, named, now)
      this.#numbers[bucket] = bump.n
      this.#recent[bucket] = remembering(this.#recent[bucket] ?? [], bump)
      return bump
    })
  }
}

function isLive(row: Row, now: number): boolean {
  return now < row.times.expiresAt
}

function entryOf(row: Row): StoredEntry {
  return { key: row.key, value: new Uint8Array(row.value), version: row.version, times: { ...row.times } }
}

function indexesOf(row: Row): [IndexName, string][] {
  return Object.entries(row.indexes) as [IndexName, string][]
}
