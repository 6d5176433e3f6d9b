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
  /** The same data through another store, beside the first or after it was closed; absent where nobody says how. */
  readonly reopen: (() => Promise<Store>) | undefined
}

/** Why a store cannot be held to a case; `undefined` if it can. */
export type Need = (bench: ContractBench) => string | undefined

export type DefineCase = (name: string, run: (bench: ContractBench) => Promise<void>, ...needs: Need[]) => void

export const needsIndexes: Need = ({ store }) =>
  hasIndexes(store) ? undefined : 'the store neither lists nor removes by index'

export const needsAtomicRemoval: Need = ({ store }) =>
  store.capabilities.removeByIndex === 'atomic' ? undefined : 'the store does not remove by index as one unit'

export const needsBytes: Need = ({ store }) =>
  store.capabilities.values === undefined ? undefined : 'the store keeps JSON, and not any bytes'

export const needsDurability: Need = ({ store, reopen }) => {
  if (!store.capabilities.durable) return 'the store does not say that it is durable'
  return reopen === undefined ? 'nobody says how it is opened again (`reopenStore`)' : undefined
}

export const needsPush: Need = ({ store, reopen }) => {
  if (!store.capabilities.push) return 'the store does not push'
  return reopen === undefined ? 'nobody says how it is opened twice (`reopenStore`)' : undefined
}

export const needsSweeps: Need = ({ store }) =>
  store.cleanupIntervalSec > 0 ? undefined : 'the store expires entries by itself'

/** Longer than any case takes. */
export const hour = 3_600_000

/** An entry that lives for an hour unless told otherwise. */
export function entry(key: string, rest: Partial<NewEntry> = {}): NewEntry {
  return { key, value: valueOf(`value of ${key}`), lifetime: { idleMs: hour }, ...rest }
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

/** A value that every store can keep: JSON text. */
export function valueOf(content: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(content))
}

export function contentOf(value: Uint8Array | undefined): unknown {
  assert.ok(value !== undefined, 'there must be a value')
  return JSON.parse(new TextDecoder().decode(value))
}

/** However it is spelt. */
export function assertValue(actual: Uint8Array | undefined, content: unknown): void {
  assert.deepEqual(contentOf(actual), content)
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

/** A store may forget bumps, the oldest of a bucket first; what it remembers must be what happened. */
export function assertRemembered(recent: readonly Bump[], bumps: readonly Bump[]): void {
  assert.deepEqual(recent, recent.length === 0 ? [] : bumps.slice(-recent.length))
}

/** Whether the store lists and removes by index value. */
export function hasIndexes(store: Store): boolean {
  return store.capabilities.removeByIndex !== 'none'
}

/** Different keys that share a bucket. */
export function keysOfOneBucket(store: Store, count: number): string[] {
  const { buckets } = store.capabilities
  assert.ok(buckets >= 1, 'a store without epoch buckets keeps less than this contract')
  const bucket = bucketOf('first', buckets)
  const keys: string[] = []
  for (let i = 0; keys.length < count; i++) if (bucketOf(`key-${i}`, buckets) === bucket) keys.push(`key-${i}`)
  return keys
}

/** Names `prefix-0`, `prefix-1`, …, in the order of their numbers. */
export function names(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}-${i}`)
}
