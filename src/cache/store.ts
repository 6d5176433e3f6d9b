/**
 * The contract of a second tier (L2): opaque values under keys, with versions, deadlines and epochs.
 *
 * A store is dumb: it knows neither sessions nor meaning. It compares versions and deadlines by its own clock, and it
 * returns the bumps it made. Durations go in, so that only the store's clock decides; instants (Unix ms) come out.
 * Anything it cannot answer it throws; "absent" is an answer, "unavailable" is not.
 */
export interface Store {
  /** The name people read in logs, e.g. `sqlite`. */
  readonly name: string
  readonly capabilities: StoreCapabilities
  /** Seconds between two sweeps of expired entries; 0 means the store expires them by itself. */
  readonly cleanupIntervalSec: number

  /**
   * Connects, creates what is missing and raises the greatest staleness any instance was promised. Repeatable.
   * Refuses a store whose number of buckets is another than its own (`ERR_STORE_MISMATCH`).
   */
  init(instance: { maxStalenessMs: number }): Promise<void>

  /** Reads from the primary, in one consistent read; an expired entry is absent. */
  read(keys: readonly string[]): Promise<ReadReply>
  /** Adds an entry with version 1; never replaces one that is present and unexpired. */
  create(entry: NewEntry): Promise<CreateReply>
  /** Replaces the value of a present, unexpired entry whose version is `version`. Never creates. */
  replace(key: string, version: number, change: Replacement): Promise<ReplaceReply>
  /** Moves the deadline of a present, unexpired entry to min(absolute, max(current, now + idleMs)). Keeps the version. */
  extend(key: string, idleMs: number): Promise<ExtendReply>
  /**
   * Several writes in one round trip, in this order, each with the outcome it would have had alone: one that fails
   * leaves the others be. Offered only where that is cheaper than sending them one by one.
   */
  writeMany?(writes: readonly Write[]): Promise<WriteOutcome[]>
  /** Reads and deletes in one atomic step: of any number of racers exactly one gets the entry. Makes no bump. */
  take(key: string): Promise<StoredEntry | undefined>
  /** Removes and bumps the epochs of what it removed, as one atomic, durable unit (see `removeByIndex`). */
  remove(target: RemoveTarget): Promise<RemoveReply>
  /** Metadata of the unexpired entries under any of the index values, oldest first, paged. */
  list(query: ListQuery): Promise<ListReply>

  /**
   * The epoch numbers and the identity of this store, in one consistent read of the primary, on its own connection. They
   * are nearly always those the caller knew, so a store may look first whether their sum and their greatest still are the
   * same: no bump leaves the sum as it was.
   */
  epochs(known: readonly number[]): Promise<EpochsReply>
  /** Bumps made by other processes, best effort. Only where `capabilities.push`. Returns how to stop. */
  subscribe?(listener: (bump: Bump) => void): () => void

  /** Deletes at most `limit` expired entries and returns how many it deleted. */
  sweep(limit: number): Promise<number>
  stats(): Promise<StoreStats>
  /** Resolves if the store answers. */
  ping(): Promise<void>
  /** Leaves no handle open. Repeatable. Every later call rejects. */
  close(): Promise<void>
}

export interface StoreCapabilities {
  /** Whether removal by index value is one unit, one unit per entry, or not offered. */
  removeByIndex: 'atomic' | 'per-key-atomic' | 'none'
  /** Whose clock judges deadlines: the store's own, or the caller's as an estimate of it. */
  clock: 'store' | 'estimated'
  /** Deadlines are exact to this many milliseconds. */
  granularityMs: number
  /** Whether bumps of other processes are announced through `subscribe`. */
  push: boolean
  /** Whether an acknowledged removal survives the end of the process. */
  durable: boolean
  /** How many epoch buckets; fixed for the life of the store. 0: it counts none, and memory trusts an entry for D only. */
  buckets: number
  /** What it can keep: absent, any bytes; `json`, the UTF-8 text of a JSON value, whose spelling may change. */
  values?: 'json'
}

/** How long an entry lives from the moment the store writes it. */
export interface Lifetime {
  /** Until it is extended. */
  idleMs: number
  /** However often it is extended. Absent: no ceiling. */
  absoluteMs?: number
}

export type IndexName = 'subject' | 'sid'

export interface NewEntry {
  key: string
  value: Uint8Array
  lifetime: Lifetime
  /** Hashes under which the entry is listed and removed. */
  indexes?: Partial<Record<IndexName, string>>
  /** A short text shown in lists, e.g. a device. */
  label?: string
}

export interface StoredEntry {
  key: string
  value: Uint8Array
  version: number
  times: EntryTimes
}

/** When things happen to an entry, by the store's clock. */
export interface EntryTimes {
  createdAt: number
  /** When it was created, replaced with a new lifetime or extended last. */
  lastSeenAt: number
  /** The nearer of its two deadlines. */
  expiresAt: number
  /** Absent: no ceiling. */
  absoluteExpiresAt?: number
}

export interface ReadReply {
  /** In the order of the keys asked for. */
  entries: (StoredEntry | undefined)[]
  /** The store's clock, Unix ms. */
  storeNow: number
}

export type CreateReply =
  { outcome: 'created'; version: number; times: EntryTimes; storeNow: number } | { outcome: 'present' }

export interface Replacement {
  value: Uint8Array
  /** Whether other instances must see it: bumps the epoch in the same unit. */
  bump: boolean
  /** Absent: the deadlines stay. */
  lifetime?: Lifetime
}

export type ReplaceReply =
  | { outcome: 'replaced'; version: number; times: EntryTimes; storeNow: number; bumps: Bump[] }
  | { outcome: 'conflict' }
  | { outcome: 'absent' }

export type ExtendReply =
  { outcome: 'extended'; version: number; times: EntryTimes; storeNow: number } | { outcome: 'absent' }

/** A write that may share a round trip. Removals never wait for company. */
export type Write =
  | { operation: 'create'; entry: NewEntry }
  | { operation: 'replace'; key: string; version: number; change: Replacement }
  | { operation: 'extend'; key: string; idleMs: number }

/** What a write that is conditional is answered. */
export type WriteReply = CreateReply | ReplaceReply | ExtendReply

/** In the order of the writes: what each was answered, or why it failed. */
export type WriteOutcome = { reply: WriteReply } | { error: unknown }

export type RemoveTarget =
  /** Always bumps, also when nothing was there: whoever still holds it must let go. */
  | { key: string }
  /** Bumps only if it removed. */
  | { key: string; ifVersion: number }
  | { index: IndexName; values: readonly string[]; except?: string }

export interface RemoveReply {
  removed: number
  bumps: Bump[]
}

export interface ListQuery {
  index: IndexName
  values: readonly string[]
  /** Default 100. */
  limit?: number
  /** The `next` of the page before. */
  after?: string
}

export interface EntryInfo {
  key: string
  version: number
  times: EntryTimes
  label?: string
}

export interface ListReply {
  entries: EntryInfo[]
  next?: string
}

/** One rise of one bucket's epoch: from `prev` to `n`, because of `keys` (`'*'`: too many to name). */
export interface Bump {
  /** Of the store that made it, as `epochs` tells it; read in the unit that makes the bump. */
  incarnation: string
  bucket: number
  prev: number
  n: number
  keys: readonly string[] | '*'
}

export interface EpochsReply {
  /** Random, made once with the store: another one means another store under the same address. */
  incarnation: string
  /** The greatest `maxStalenessMs` any instance ever promised. */
  maxStalenessMs: number
  /** One number per bucket; 0 where none was ever bumped. */
  numbers: readonly number[]
  /**
   * What is still known of the bumps above the numbers the caller knew, oldest first per bucket. Of a bucket whose bumps
   * the store does not remember there is nothing: who hears only of the rise lets go of the whole bucket.
   */
  recent: readonly Bump[]
  storeNow: number
}

export interface StoreStats {
  /** Rows or keys, expired ones included. A store to which counting is work may estimate. */
  entries: number
  sizeBytes?: number
  /** Absent where there is no pool of connections. */
  pool?: PoolStats
}

/** The connections of a store, as this process uses them. */
export interface PoolStats {
  /** How many there may be. */
  max: number
  /** Open now. */
  open: number
  /** Lent to an operation now. */
  inUse: number
  /** Operations that wait for a connection now. */
  waiting: number
  /** Connections lent since the start. */
  acquired: number
  /** Operations that were given none in time since the start. */
  acquireTimeouts: number
  /** Connections closed because something on them took too long or broke, since the start. */
  discarded: number
}
