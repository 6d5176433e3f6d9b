/**
 * Two instances, R and W, both with a memory, both reading and writing one key.
 *
 * Covers: reads by R and, by W, updates that others must see (bump and push), such as they need not (token refreshes)
 * and revokes, each sent, done and answered at times of their own, or lost on the way there or back; the same writes by
 * R meanwhile; write-through into both memories; pushes to both lost, repeated and out of order, own ones among them;
 * polls that the store can and cannot explain; pauses of any length.
 *
 * Bounds: one read of R and one write of W at a time; R's writes, W's reads and all polls in one step; two versions
 * (`LONG=1`: three), one update, one revoke. For more writes see `own-writes.ts`, for polls `one-reader.ts`.
 */
import { isLong } from './bounds.ts'
import type { Model, Step } from './checker.ts'
import type { Rules } from './rules.ts'
import {
  applyNumber,
  applyPush,
  answered,
  clear,
  D,
  dropOlder,
  firstPush,
  later,
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
  settle,
  update,
  writeAtStore,
  type KeyStore,
  type Outcome,
} from './write-rules.ts'

const maxVersion = isLong ? 3 : 2

interface Instance {
  view: View
  entry: Entry
  /** The newest version it has answered with. */
  seen: number
}

interface State {
  store: KeyStore
  /** Ticks since a revoke returned, plus one; 0: none has. */
  revoked: number
  /** The latest update with a bump that returned: the version it made, and when, like `revoked`. */
  updated: { version: number; since: number }
  r: Instance & { read: { at: number; stamp: number; age: number; version: number; detached: boolean } }
  w: Instance & { write: Write }
  /** Somebody was answered with an older version than before. */
  wentBack: boolean
}

interface Write extends Outcome {
  at: number
}

export function twoReaders(rules: Rules): Model<State> {
  return {
    name: 'two readers',
    start,
    broken: (state) => broken(rules, state),
    steps(state, step) {
      step('a tick passes', pass)
      readSteps(rules, state, step)
      writesAtOnce(rules, state, step)
      writeSteps(rules, state, step)
      instanceSteps(rules, state, 'r', step)
      instanceSteps(rules, state, 'w', step)
    },
  }
}

function start(): State {
  const instance = (): Instance => ({
    view: { epoch: 0, floor: 0, freshAge: longAgo },
    entry: { version: 0, stamp: 0, age: 0 },
    seen: 0,
  })
  return {
    store: { version: 1, n: 0, named: 0 },
    revoked: 0,
    updated: { version: 0, since: 0 },
    r: { ...instance(), read: { at: nowhere, stamp: 0, age: 0, version: 0, detached: false } },
    w: { ...instance(), write: { kind: 0, at: nowhere, stamp: 0, age: 0, base: 0, version: 0, n: 0 } },
    wentBack: false,
  }
}

function broken(rules: Rules, state: State): string | undefined {
  const { store, revoked, updated, r, w, wentBack } = state
  if (wentBack) return 'versions never go backwards'
  if (revoked > 0 && store.version !== gone) return 'no resurrection'
  for (const { view, entry, seen } of [r, w]) {
    if (!mayServe(rules, view, entry)) continue
    if (entry.version < seen) return 'versions never go backwards'
    if (revoked > D || (updated.since > D && entry.version < updated.version)) return 'bounded staleness'
  }
  if (w.write.kind === revoke && mayServe(rules, w.view, w.entry)) return 'nothing served while revoking'
  return undefined
}

function pass(state: State): void {
  const { updated, r, w } = state
  state.revoked = later(state.revoked)
  updated.since = later(updated.since)
  if (r.read.at !== nowhere) r.read.age = older(r.read.age)
  if (w.write.at !== nowhere) w.write.age = older(w.write.age)
  for (const { view, entry } of [r, w]) {
    view.freshAge = older(view.freshAge)
    if (entry.version > 0) entry.age = older(entry.age)
  }
}

function readSteps(rules: Rules, { r: { read } }: State, step: Step<State>): void {
  if (read.at === nowhere) step('R sends a read', sendRead)
  if (read.at === sent) step('the store reads for R', answerRead)
  if (read.at === answered) step('R gets the answer of its read', (next) => getRead(rules, next))
  if (read.at !== nowhere) step('the read of R is lost', endRead)
}

function sendRead({ r: { read, view } }: State): void {
  read.at = sent
  read.stamp = view.epoch
}

function answerRead({ r: { read }, store }: State): void {
  read.at = answered
  read.version = store.version
}

function endRead({ r: { read } }: State): void {
  read.at = nowhere
  read.stamp = read.age = read.version = 0
  read.detached = false
}

function getRead(rules: Rules, state: State): void {
  const { r } = state
  const { stamp, age, version, detached } = r.read
  endRead(state)
  // While it was under way R may have answered its own writes: whoever waits for the read asked before.
  if (!detached) answerWith(state, r, version)
  if (isThere(version) && mayInsertRead(rules, r.view, { stamp, detached })) put(r.entry, { version, stamp, age })
  else dropOlder(rules, r.entry, version)
}

function readAtOnce(state: State): void {
  const { w, store } = state
  const { version } = store
  answerWith(state, w, version)
  if (isThere(version)) put(w.entry, { version, stamp: w.view.epoch, age: 0 })
  else clear(w.entry)
}

/** What R writes, while W's write may be anywhere. */
function writesAtOnce(rules: Rules, state: State, step: Step<State>): void {
  for (const kind of [update, refresh, revoke]) {
    if (isDue(state, kind)) step(`R: ${kindNames[kind]}`, (next) => writeAtOnce(rules, next, kind))
  }
}

/** Within the bounds. */
function isDue({ store, w: { write } }: State, kind: number): boolean {
  if (store.version === gone) return false
  if (kind === revoke) return write.kind !== revoke
  if (kind === update && (store.named !== 0 || write.kind === update)) return false
  return store.version < maxVersion
}

function writeAtOnce(rules: Rules, state: State, kind: number): void {
  const { store, r } = state
  r.read.detached = r.read.at !== nowhere
  const write = { kind, base: store.version, version: 0, n: 0, stamp: r.view.epoch, age: 0 }
  writeAtStore(rules, store, write)
  written(rules, state, r, write)
}

function writeSteps(rules: Rules, state: State, step: Step<State>): void {
  const { write } = state.w
  const name = kindNames[write.kind]
  if (write.at === nowhere) {
    step('W reads', readAtOnce)
    for (const kind of [update, refresh, revoke]) {
      if (isDue(state, kind)) step(`W sends a ${kindNames[kind]}`, (next) => sendWrite(rules, next, kind))
    }
    return
  }
  if (write.at === sent) step(`the store gets the ${name} of W`, (next) => answerWrite(rules, next))
  else step(`W gets the answer to its ${name}`, (next) => getReply(rules, next))
  step(`the ${name} of W is lost${write.at === sent ? '' : ' on the way back'}`, giveUp)
}

/** Revoke: memory lets go before it is sent. The rest is decided on what memory has, or on a fresh read. */
function sendWrite(rules: Rules, { store, w: { write, view, entry } }: State, kind: number): void {
  write.base = entry.version || store.version
  if (kind === revoke && rules.revokeDropsFirst) clear(entry)
  write.kind = kind
  write.at = sent
  write.stamp = view.epoch
}

function answerWrite(rules: Rules, { store, w: { write } }: State): void {
  write.at = answered
  writeAtStore(rules, store, write)
}

function endWrite({ w: { write } }: State): void {
  write.at = nowhere
  write.kind = write.stamp = write.age = write.base = write.version = write.n = 0
}

/** Whoever does not know what became of a write lets go of the key. */
function giveUp(state: State): void {
  clear(state.w.entry)
  endWrite(state)
}

function getReply(rules: Rules, state: State): void {
  written(rules, state, state.w, state.w.write)
  endWrite(state)
}

/** What becomes of memory, and what is promised, once the outcome of a write is known. */
function written(rules: Rules, state: State, instance: Instance, write: Outcome): void {
  settle(rules, instance, write, { store: state.store, mayKeep: true })
  const { kind, version } = write
  if (version > 0) answerWith(state, instance, version)
  if (kind === revoke && state.revoked === 0) state.revoked = 1
  if (kind === update && isThere(version)) state.updated = { version, since: 1 }
}

function instanceSteps(rules: Rules, state: State, who: 'r' | 'w', step: Step<State>): void {
  const { view, entry, seen } = state[who]
  const name = who.toUpperCase()
  if (entry.version > seen && mayServe(rules, view, entry)) {
    step(`${name} answers from memory`, (next) => (next[who].seen = next[who].entry.version))
  }
  step(`${name} polls`, (next) => poll(rules, next, who))
  for (let n = firstPush(rules, view); n <= state.store.n; n++)
    step(`push ${n} arrives at ${name}`, (next) => push(rules, next, who, n))
}

/** The store remembers its last bump, so that a poll can explain one and no more. */
function poll(rules: Rules, state: State, who: 'r' | 'w'): void {
  const { n } = state.store
  const { view, entry } = state[who]
  if (applyNumber(rules, view, n, n > 0 ? bumpTo(state.store, n) : undefined) !== noKeys) clear(entry)
  renewLease(rules, view, { sentAge: 0 })
}

function push(rules: Rules, state: State, who: 'r' | 'w', n: number): void {
  const { view, entry } = state[who]
  if (applyPush(rules, view, bumpTo(state.store, n)) !== noKeys) clear(entry)
}

function answerWith(state: State, instance: Instance, version: number): void {
  if (version < instance.seen) state.wentBack = true
  else instance.seen = version
}
