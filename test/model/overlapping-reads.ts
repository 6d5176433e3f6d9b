/**
 * One instance R with several reads of one key under way at once, and requests that join them.
 *
 * Covers: reads that are sent, answered and received in any order, or hang, or are lost; requests that join one at any
 * time; what R keeps of overlapping reads; others that update with and without a bump and revoke meanwhile; pushes
 * lost, repeated and out of order; polls; pauses of any length.
 *
 * Bounds: three reads at a time; polls in one step; two versions (`LONG=1`: three), one update, one revoke. For reads
 * beside writes of R's own see `own-writes.ts`.
 */
import { isLong } from './bounds.ts'
import type { Model, Step } from './checker.ts'
import type { Rules } from './rules.ts'
import {
  answered,
  applyNumber,
  applyPush,
  clear,
  D,
  dropOlder,
  firstPush,
  longAgo,
  mayInsertRead,
  mayServe,
  noKeys,
  nowhere,
  older,
  put,
  renewLease,
  sent,
  type Entry,
  type View,
} from './view-rules.ts'
import {
  bumpTo,
  gone,
  isThere,
  kindNames,
  refresh,
  revoke,
  update,
  writeAtStore,
  type KeyStore,
} from './write-rules.ts'

const maxReads = 3
const maxVersion = isLong ? 3 : 2

interface Read {
  at: number
  stamp: number
  age: number
  version: number
  /** None was sent after it. Only the latest read of a key can be found: to be joined, or detached. */
  isLatest: boolean
  detached: boolean
  /** The newest version that R had answered with when the last who waits for it asked. */
  seen: number
  /** The version that was due by then: written longer than D before. */
  due: number
}

interface State {
  store: KeyStore
  /** Ticks since a revoke returned, plus one, up to more than D; 0: none has. */
  revoked: number
  /** The same of the update, and the version it made. */
  updated: number
  updatedTo: number
  view: View
  entry: Entry
  /** In the order in which they were sent; those under way come first. */
  reads: Read[]
  /** The newest version that R has answered with. */
  seen: number
  /** What was wrong with an answer, as an index of `wrongs`. */
  wrong: number
}

const wrongs = [undefined, 'versions never go backwards', 'joined answers are bounded too']
const noRead: Read = { at: nowhere, stamp: 0, age: 0, version: 0, isLatest: false, detached: false, seen: 0, due: 0 }

export function overlappingReads(rules: Rules): Model<State> {
  return {
    name: 'overlapping reads',
    start,
    broken: (state) => broken(rules, state),
    steps(state, step) {
      step('a tick passes', (next) => pass(rules, next))
      stepsOfOthers(rules, state, step)
      for (let i = 0; i < maxReads; i++) readSteps(rules, state, i, step)
      memorySteps(rules, state, step)
    },
  }
}

function start(): State {
  return {
    store: { version: 1, n: 0, named: 0 },
    revoked: 0,
    updated: 0,
    updatedTo: 0,
    view: { epoch: 0, floor: 0, freshAge: longAgo },
    entry: { version: 0, stamp: 0, age: 0 },
    reads: Array.from({ length: maxReads }, () => ({ ...noRead })),
    seen: 0,
    wrong: 0,
  }
}

function broken(
  rules: Rules,
  { store, revoked, updated, updatedTo, view, entry, seen, wrong }: State,
): string | undefined {
  if (wrong > 0) return wrongs[wrong]
  if (revoked > 0 && store.version !== gone) return 'no resurrection'
  if (!mayServe(rules, view, entry)) return undefined
  if (entry.version < seen) return 'versions never go backwards'
  if (revoked > D || (updated > D && entry.version < updatedTo)) return 'bounded staleness'
  return undefined
}

function pass(rules: Rules, state: State): void {
  const { view, entry, reads } = state
  if (state.revoked > 0) state.revoked = Math.min(state.revoked + 1, D + 2)
  if (state.updated > 0) state.updated = Math.min(state.updated + 1, D + 2)
  view.freshAge = older(view.freshAge)
  if (entry.version > 0) entry.age = older(entry.age)
  for (const read of reads) if (read.at !== nowhere && !isForgotten(rules, read)) read.age = older(read.age)
}

/** What others do, in one step: what they see of it is none of this model's business. */
function stepsOfOthers(rules: Rules, { store }: State, step: Step<State>): void {
  if (store.version === gone) return
  step('others: revoke', (next) => writeByOthers(rules, next, revoke))
  if (store.version === maxVersion) return
  step('others: refresh', (next) => writeByOthers(rules, next, refresh))
  if (store.named === 0) step(`others: ${kindNames[update]}`, (next) => writeByOthers(rules, next, update))
}

function writeByOthers(rules: Rules, state: State, kind: number): void {
  const write = { kind, base: state.store.version, version: 0, n: 0, stamp: 0, age: 0 }
  writeAtStore(rules, state.store, write)
  if (kind === revoke) state.revoked = 1
  if (kind === update) {
    state.updated = 1
    state.updatedTo = write.version
  }
}

function readSteps(rules: Rules, state: State, i: number, step: Step<State>): void {
  const read = state.reads[i]!
  const name = ['first', 'second', 'third'][i]!
  if (read.at === nowhere) {
    if (i === 0 || state.reads[i - 1]!.at !== nowhere) step('R sends a read', (next) => sendRead(rules, next, i))
    return
  }
  if (read.at === sent) step(`the store does the ${name} read`, (next) => answerRead(next, i))
  else step(`R gets the answer of its ${name} read`, (next) => getRead(rules, next, i))
  if (mayJoin(rules, read)) step(`a request joins the ${name} read`, (next) => join(next, i))
  step(`the ${name} read is lost`, (next) => endRead(next, i))
}

/** A read that is sent while an older one is under way detaches it: that one may come back last. */
function sendRead(rules: Rules, state: State, i: number): void {
  if (rules.sendingDetaches) detach(rules, state)
  for (const other of state.reads) other.isLatest = false
  const read = state.reads[i]!
  read.at = sent
  read.isLatest = true
  read.stamp = state.view.epoch
  read.seen = state.seen
}

function answerRead({ reads, store }: State, i: number): void {
  reads[i]!.at = answered
  reads[i]!.version = store.version
}

/** Those sent after it move up. */
function endRead({ reads }: State, i: number): void {
  for (let at = i; at < maxReads; at++) copy(reads[at + 1] ?? noRead, reads[at]!)
}

function copy(from: Read, to: Read): void {
  to.at = from.at
  to.stamp = from.stamp
  to.age = from.age
  to.version = from.version
  to.isLatest = from.isLatest
  to.detached = from.detached
  to.seen = from.seen
  to.due = from.due
}

/** Join: only a read that nothing happened to, and that was sent at most D ago. */
function mayJoin(rules: Rules, read: Read): boolean {
  if (!read.isLatest) return false
  if (rules.joinAttachedOnly && read.detached) return false
  return !rules.joinYoungOnly || read.age <= D
}

function join({ reads, revoked, updated, updatedTo, seen }: State, i: number): void {
  const read = reads[i]!
  read.seen = seen
  if (revoked > D + 1) read.due = gone
  else if (updated > D + 1) read.due = updatedTo
}

/** Reads do not always happen in the order they were sent: one that comes back late detaches the latest. */
function getRead(rules: Rules, state: State, i: number): void {
  const { view, entry } = state
  const { stamp, age, version, isLatest, detached, seen, due } = state.reads[i]!
  endRead(state, i)
  if (!isLatest && rules.landingDetaches) detach(rules, state)
  if (version < seen) state.wrong = 1
  if (version < due) state.wrong = 2
  state.seen = Math.max(state.seen, version)
  if (isThere(version) && mayInsertRead(rules, view, { stamp, detached })) put(entry, { version, stamp, age })
  else if (isThere(version)) dropOlder(rules, entry, version)
  else if (rules.absentDrops) clear(entry)
}

function detach(rules: Rules, { reads }: State): void {
  for (const read of reads) {
    if (!read.isLatest) continue
    read.detached = true
    if (isForgotten(rules, read)) read.stamp = read.age = 0
  }
}

/** Of a read that is neither kept nor joined nobody asks when it was sent: not to remember that saves states. */
function isForgotten({ detachedNeverInserts, joinAttachedOnly }: Rules, { detached }: Read): boolean {
  return detached && detachedNeverInserts && joinAttachedOnly
}

function memorySteps(rules: Rules, { store, view, entry, seen }: State, step: Step<State>): void {
  if (entry.version > seen && mayServe(rules, view, entry)) {
    step('R answers from memory', (next) => (next.seen = next.entry.version))
  }
  step('R polls', (next) => poll(rules, next))
  for (let n = firstPush(rules, view); n <= store.n; n++) step(`push ${n} arrives`, (next) => getPush(rules, next, n))
}

/** The store remembers its last bump, so that a poll can explain one and no more. */
function poll(rules: Rules, state: State): void {
  const { store, view } = state
  drop(rules, state, applyNumber(rules, view, store.n, store.n > 0 ? bumpTo(store, store.n) : undefined))
  renewLease(rules, view, { sentAge: 0 })
}

function getPush(rules: Rules, state: State, n: number): void {
  drop(rules, state, applyPush(rules, state.view, bumpTo(state.store, n)))
}

function drop(rules: Rules, state: State, keys: number): void {
  if (keys === noKeys) return
  clear(state.entry)
  if (rules.dropDetaches) detach(rules, state)
}
