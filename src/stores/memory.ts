import { publish } from '../cache/events.ts'
import type {
  Bump,
  CreateReply,
  EpochsReply,
  ExtendReply,
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
import { consoleLogger, unfailing } from '../shared/logger.ts'
import type { Logger } from '../shared/logger.ts'
import { checkOptions, integer, objectWith } from '../shared/options.ts'
import type { Rules } from '../shared/options.ts'
import { systemRandomness } from '../shared/randomness.ts'
import { bucketCount, byBucket, keysToBump, remembering, riseFrom } from './rules/bumps.ts'
import { decideCreate, decideExtend, decideReplace } from './rules/decisions.ts'
import { isLive, kindOf, MemoryRows } from './memory/rows.ts'
import type { Row } from './memory/rows.ts'
import { pageOf } from './rules/paging.ts'

export interface MemoryStoreOptions {
  /** Default: the system's. */
  clock?: Clock
  /**
   * Entries of one kind kept at most: sessions and sign-ins under way (the texts before the first `:` of their keys)
   * are counted apart, so that a flood of sign-ins pushes no session out. Beyond it an expired entry leaves, else the
   * one not written, extended or read for longest, which signs its owner out. 1 to 10,000,000; default 100,000.
   */
  maxEntries?: number
  /** Told once when a kind has reached nine tenths of `maxEntries`. Default: warnings and errors to the console. */
  logger?: Logger
}

/**
 * A store in this process's memory: for development, tests, and sites of one process that may forget their sessions
 * at a restart. Two processes, or two stores, share nothing. Throws `ConfigError` naming every wrong option.
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  checkOptions('memoryStore', options, rules)
  const { clock = systemClock, maxEntries = 100_000, logger = consoleLogger } = options
  return new MemoryStore({ clock, maxEntries, logger: unfailing(logger) })
}

const rules: Rules<MemoryStoreOptions> = {
  clock: objectWith('a clock', 'monotonic', 'wall', 'setTimer'),
  maxEntries: integer({ min: 1, max: 10_000_000, unit: 'entries' }),
  logger: objectWith('a logger', 'debug', 'info', 'warn', 'error'),
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
  readonly #incarnation = Buffer.from(systemRandomness.bytes(16)).toString('base64url')
  readonly #rows: MemoryRows
  readonly #numbers: number[] = Array.from({ length: bucketCount }, () => 0)
  readonly #recent: Bump[][] = Array.from({ length: bucketCount }, () => [])
  #maxStalenessMs = 0
  #closed = false

  constructor({ clock, maxEntries, logger }: Required<MemoryStoreOptions>) {
    this.#clock = clock
    this.#rows = new MemoryRows({
      maxEntries,
      onNearlyFull: (kind, entries) =>
        logger.warn(
          { store: this.name, kind, entries, maxEntries },
          'the memory store is nearly full: beyond `maxEntries` the least recently used leave, and people are signed out; raise it',
        ),
    })
  }

  async init(instance: { maxStalenessMs: number }): Promise<void> {
    this.#now()
    this.#maxStalenessMs = Math.max(this.#maxStalenessMs, instance.maxStalenessMs)
  }

  async read(keys: readonly string[]): Promise<ReadReply> {
    const storeNow = this.#now()
    const entries = keys.map((key) => {
      const row = this.#use(key, storeNow)
      return row && entryOf(row)
    })
    return { entries, storeNow }
  }

  async create(entry: NewEntry): Promise<CreateReply> {
    const storeNow = this.#now()
    const found = this.#rows.get(entry.key)
    const { reply, next } = decideCreate(found, entry, storeNow)
    if (next === undefined) return reply
    if (found) this.#rows.delete(found)
    const { key, label } = entry
    const content = { value: new Uint8Array(entry.value), version: next.version, times: { ...next.times } }
    const left = this.#rows.add({ key, ...content, indexes: { ...entry.indexes }, label, slot: -1 }, storeNow)
    if (left && isLive(left, storeNow)) this.#signOut(left, storeNow)
    return reply
  }

  async replace(key: string, version: number, change: Replacement): Promise<ReplaceReply> {
    const storeNow = this.#now()
    const row = this.#use(key, storeNow)
    const { reply, next } = decideReplace(row, { version, change }, storeNow)
    if (!row || !next || reply.outcome !== 'replaced') return reply
    row.value = new Uint8Array(change.value)
    row.version = next.version
    row.times = { ...next.times }
    return { ...reply, bumps: change.bump ? this.#bump([key], storeNow) : [] }
  }

  async extend(key: string, idleMs: number): Promise<ExtendReply> {
    const storeNow = this.#now()
    const row = this.#use(key, storeNow)
    const { reply, next } = decideExtend(row, idleMs, storeNow)
    if (row && next) row.times = { ...next.times }
    return reply
  }

  async take(key: string): Promise<StoredEntry | undefined> {
    const row = this.#use(key, this.#now())
    if (!row) return undefined
    this.#rows.delete(row)
    return entryOf(row)
  }

  async remove(target: RemoveTarget): Promise<RemoveReply> {
    const storeNow = this.#now()
    const rows = this.#targeted(target)
    for (const row of rows) this.#rows.delete(row)
    const keys = keysToBump(
      target,
      rows.map((row) => row.key),
    )
    const bumps = this.#bump(keys, storeNow)
    return { removed: rows.filter((row) => isLive(row, storeNow)).length, bumps }
  }

  async list(query: ListQuery): Promise<ListReply> {
    const storeNow = this.#now()
    const rows = this.#rows.under(query.index, query.values).filter((row) => isLive(row, storeNow))
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
    for (const row of this.#rows.all()) {
      if (swept >= limit) break
      if (isLive(row, storeNow)) continue
      this.#rows.delete(row)
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
  }

  #now(): number {
    if (this.#closed) throw new SallyportError('ERR_CLOSED', 'the memory store is closed')
    return Math.floor(this.#clock.wall())
  }

  /** The row, unless it is absent or expired; whoever asks for one uses it. */
  #use(key: string, now: number): Row | undefined {
    const row = this.#rows.get(key)
    if (!row || !isLive(row, now)) return undefined
    this.#rows.used(row)
    return row
  }

  /** Who had to leave is bumped like what was removed: a later removal by index could no longer name it. */
  #signOut({ key }: Row, now: number): void {
    this.#bump([key], now)
    publish({ type: 'signed-out', store: this.name, kind: kindOf(key), reason: 'capacity' })
  }

  /** Expired rows too: a wall clock set back must not revive what was removed. */
  #targeted(target: RemoveTarget): Row[] {
    if ('index' in target)
      return this.#rows.under(target.index, target.values).filter((row) => row.key !== target.except)
    const row = this.#rows.get(target.key)
    if (!row || ('ifVersion' in target && row.version !== target.ifVersion)) return []
    return [row]
  }

  #bump(keys: readonly string[], now: number): Bump[] {
    return byBucket(keys).map(([bucket, named]) => {
      const rise = riseFrom(bucket, this.#numbers[bucket] ?? 0, named, now)
      const bump = { incarnation: this.#incarnation, ...rise }
      this.#numbers[bucket] = bump.n
      this.#recent[bucket] = remembering(this.#recent[bucket] ?? [], bump)
      return bump
    })
  }
}

function entryOf(row: Row): StoredEntry {
  return { key: row.key, value: new Uint8Array(row.value), version: row.version, times: { ...row.times } }
}
