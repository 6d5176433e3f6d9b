import assert from 'node:assert/strict'
import { bucketOf } from '../../cache/bucket.ts'
import type { Bump, NewEntry, Store, StoredEntry } from '../../cache/store.ts'
import type { ManualClock } from '../manual-clock.ts'

/** What a case works with. */
export interface ContractBench {
  /** Fresh, empty and initialised. */
  readonly store: Store
  readonly clock: ManualClock
  /** Lets time pass by the store's clock. */
  advance(ms: number): Promise<void>
  /** A lifetime short enough to wait for and long enough for the store to be exact about, in milliseconds. */
  readonly brief: number
  /** Another, empty store. The suite closes it. */
  another(): Promise<Store>
  /** The same data through a new store, after the first was closed; absent where the caller cannot say how. */
  readonly reopen: (() => Promise<Store>) | undefined
}

export type DefineCase = (name: string, run: (bench: ContractBench) => Promise<void>) => void

/** Longer than any case takes. */
export const hour = 3_600_000

/** An entry that lives for an hour unless told otherwise. */
export function entry(key: string, rest: Partial<NewEntry> = {}): NewEntry {
  return { key, value: bytes(`value of ${key}`), lifetime: { idleMs: hour }, ...rest }
}

export async function createAll(store: Store, entries: readonly NewEntry[]): Promise<void> {
  for (const each of entries) assert.equal((await store.create(each)).outcome, 'created')
}

async function readOne(store: Store, key: string): Promise<StoredEntry | undefined> {
  return (await store.read([key])).entries[0]
}

/** The entry, which has to be there. */
export async function present(store: Store, key: string): Promise<StoredEntry> {
  const found = await readOne(store, key)
  assert.ok(found, `the entry ${JSON.stringify(key)} must be there`)
  return found
}

export async function isAbsent(store: Store, key: string): Promise<boolean> {
  return (await readOne(store, key)) === undefined
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function assertBytes(actual: Uint8Array | undefined, expected: Uint8Array): void {
  assert.ok(actual !== undefined && Buffer.compare(actual, expected) === 0, 'the value must come back byte for byte')
}

export async function epochNumbers(store: Store): Promise<readonly number[]> {
  return (await store.epochs([])).numbers
}

/** The only bump of a unit on one key. */
export function onlyBump(bumps: readonly Bump[]): Bump {
  const [bump] = bumps
  assert.ok(bump !== undefined && bumps.length === 1, `one bump was expected, there are ${bumps.length}`)
  return bump
}

/** Whether the store lists and removes by index value. */
export function hasIndexes(store: Store): boolean {
  return store.capabilities.removeByIndex !== 'none'
}

/** Different keys that share a bucket. */
export function keysOfOneBucket(store: Store, count: number): string[] {
  const { buckets } = store.capabilities
  const bucket = bucketOf('first', buckets)
  const keys: string[] = []
  for (let i = 0; keys.length < count; i++) if (bucketOf(`key-${i}`, buckets) === bucket) keys.push(`key-${i}`)
  return keys
}

/** Names `prefix-0`, `prefix-1`, …, in the order of their numbers. */
export function names(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}-${i}`)
}
