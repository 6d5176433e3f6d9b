import type { Rules } from './rules.ts'
import {
  applyOwnBump,
  clear,
  dropOlder,
  mayInsertWritten,
  noKeys,
  put,
  type Bump,
  type Entry,
  type View,
} from './view-rules.ts'

/** The kinds of write. */
export const create = 1
/** Others must see it: bumps. */
export const update = 2
/** Others need not see it: new tokens, where the old ones are good for a while. */
export const refresh = 3
export const touch = 4
export const revoke = 5
export const kindNames: readonly string[] = ['nothing', 'creation', 'update', 'refresh', 'touch', 'revoke']

/** In place of a version: removed. Greater than all others, for nothing comes after it. */
export const gone = 7

/** One key at the store, and the number of its bucket. */
export interface KeyStore {
  /** 0: not created yet. */
  version: number
  n: number
  /** Which bumps named the key: one bit each, from number 1 on. */
  named: number
}

const theKey = 1

export function isThere(version: number): boolean {
  return version > 0 && version < gone
}

/** What became of a write at the store. */
export interface Outcome {
  kind: number
  /** The version it was decided on. */
  base: number
  /** The version there now; 0: it was refused. */
  version: number
  /** The number of its bump; 0: it made none. */
  n: number
  /** The epoch as known when it was sent, and how long ago that is. */
  stamp: number
  age: number
}

/** One unit at the store: conditional, and one with its bump. */
export function writeAtStore(rules: Rules, store: KeyStore, write: Outcome): void {
  const { kind, base } = write
  const isConditional = kind === create || (rules.updateIsConditional && (kind === update || kind === refresh))
  if (isConditional && store.version !== base) {
    write.version = store.version === gone ? gone : 0
    return
  }
  if (kind === revoke) store.version = gone
  else if (kind !== touch) store.version = base + 1
  write.version = store.version
  if (kind === revoke || (kind === update && rules.updateBumps)) write.n = bump(store)
}

function bump(store: KeyStore): number {
  store.named |= 1 << store.n
  return ++store.n
}

export function bumpTo({ named }: KeyStore, n: number): Bump {
  return { prev: n - 1, n, keys: ((named >> (n - 1)) & 1) === 1 ? theKey : noKeys }
}

export function bumpsNaming({ named }: KeyStore): number {
  let bumps = 0
  for (let bits = named; bits !== 0; bits >>= 1) bumps += bits & 1
  return bumps
}

/**
 * What becomes of memory once the outcome of an own write is known. `mayKeep`: nothing else speaks against it. A touch
 * vouches for nothing but the deadline, which is no part of the model.
 */
export function settle(
  rules: Rules,
  { view, entry }: { view: View; entry: Entry },
  write: Outcome,
  { store, mayKeep }: { store: KeyStore; mayKeep: boolean },
): void {
  const { kind, base, version, n, stamp, age } = write
  if (n > 0 && applyOwnBump(rules, view, bumpTo(store, n)) !== noKeys) clear(entry)
  if (!isThere(version) || (kind === touch && version !== base)) clear(entry)
  else if (kind === touch) return
  else if (mayKeep && mayInsertWritten(rules, view, write)) put(entry, { version, stamp: n || stamp, age })
  else dropOlder(rules, entry, version)
}
