/**
 * One instance R with two writes and a read of one key under way at once, while others write too.
 *
 * Covers: creation, updates that others must see, such as they need not (token refreshes), touches and revokes by R,
 * each sent, done and answered at times of their own, or lost on the way there or back; the same by others, so that R's
 * write is refused; reads of R that fall before, into or after its writes; what R keeps of all that; pushes lost,
 * repeated and out of order, also of R's own writes before their answer; polls.
 *
 * Bounds: two writes and one read of R at a time; polls in one step; three versions, one update, one revoke (`LONG=1`:
 * another key of the bucket as well).
 *
 * Time is left out: the lease always holds. What is left of the bounded staleness is that a bump which R knows of has
 * left nothing older in its memory; that R knows of it in time is the business of `one-reader.ts`.
 */
import { isLong } from './bounds.ts'
import type { Model, Step } from './checker.ts'
import type { Rules } from './rules.ts'
import {
  answered,
  applyNumber,
  applyPush,
  clear,
  dropOlder,
  firstPush,
  mayInsertRead,
  mayServe,
  noKeys,
  nowhere,
  put,
  sent,
  type Entry,
  type View,
} from './view-rules.ts'
import {
  bumpsNaming,
  bumpTo,
  create,
  gone,
  isThere,
  kindNames,
  refresh,
  revoke,
  settle,
  touch,
  update,
  writeAtStore,
  type KeyStore,
  type Outcome,
} from './write-rules.ts'

const maxVersion = 3
const maxUpdates = 1
const slots = [0, 1] as const

interface Read {
  at: number
  stamp: number
  version: number
  detached: boolean
  /** The newest version that R had answered with when it was asked. */
  floor: number
}

interface Write extends Outcome {
  at: number
  /** Another write began after it. */
  overtaken: boolean
}

interface State {
  store: KeyStore
  /** What was there after each bump, from number 1 on; 0: the bump was of another key. */
  made: number[]
  /** Whether a revoke has returned. */
  isRevoked: boolean
  view: View
  entry: Entry
  read: Read
  writes: [Write, Write]
  /** The newest version that was read while any of them was open. */
  newestRead: number
  /** The newest version that R has answered with. */
  seen: number
  /** R answered with an older version than it had when it was asked. */
  wentBack: boolean
}

export function ownWrites(rules: Rules): Model<State> {
  return {
    name: 'own writes',
    start,
    broken: (state) => broken(rules, state),
    steps(state, step) {
      stepsOfOthers(rules, state, step)
      readSteps(rules, state, step)
      for (const i of slots) writeSteps(rules, state, i, step)
      memorySteps(rules, state, step)
    },
  }
}

const noWrite: Write = { at: nowhere, kind: 0, base: 0, version: 0, n: 0, stamp: 0, age: 0, overtaken: false }

function start(): State {
  return {
    store: { version: 0, n: 0, named: 0 },
    made: [0, 0, 0, 0],
    isRevoked: false,
    view: { epoch: 0, floor: 0, freshAge: 0 },
    entry: { version: 0, stamp: 0, age: 0 },
    read: { at: nowhere, stamp: 0, version: 0, detached: false, floor: 0 },
    writes: [{ ...noWrite }, { ...noWrite }],
    newestRead: 0,
    seen: 0,
    wentBack: false,
  }
}

function broken(
  rules: Rules,
  { store, made, isRevoked, view, entry, writes, seen, wentBack }: State,
): string | undefined {
  if (wentBack) return 'versions never go backwards'
  if (isRevoked && store.version !== gone) return 'no resurrection'
  if (!mayServe(rules, view, entry)) return undefined
  if (writes.some(({ kind }) => kind === revoke)) return 'nothing served while revoking'
  if (entry.version < seen) return 'versions never go backwards'
  for (let n = 1; n <= view.epoch; n++) if (entry.version < made[n - 1]!) return 'bounded staleness'
  return undefined
}

/** What others do, in one step: what they see of it is none of this model's business. */
function stepsOfOthers(rules: Rules, state: State, step: Step<State>): void {
  const { store } = state
  for (const kind of [update, refresh, revoke]) {
    if (isThere(store.version) && isDue(state, kind))
      step(`others: ${kindNames[kind]}`, (next) => writeByOthers(rules, next, kind))
  }
  if (isLong && bumpsNaming(store) === store.n) step('another key of the bucket changes', (next) => next.store.n++)
}

/** Within the bounds. */
function isDue({ store, writes }: State, kind: number): boolean {
  const isOpen = writes.some((write) => write.kind === kind)
  if (kind === create) return store.version === 0 && !isOpen
  if (kind === touch) return true
  if (kind === revoke) return store.version !== gone && !isOpen
  if (store.version >= maxVersion) return false
  return kind === refresh || bumpsNaming(store) + (isOpen ? 1 : 0) < maxUpdates
}

function writeByOthers(rules: Rules, state: State, kind: number): void {
  const write = { kind, base: state.store.version, version: 0, n: 0, stamp: 0, age: 0 }
  change(rules, state, write)
  if (kind === revoke) state.isRevoked = true
}

function change(rules: Rules, { store, made }: State, write: Outcome): void {
  writeAtStore(rules, store, write)
  if (write.n > 0) made[write.n - 1] = write.version
}

function readSteps(rules: Rules, { read }: State, step: Step<State>): void {
  if (read.at === nowhere) step('R sends a read', sendRead)
  if (read.at === sent) step('the store reads for R', answerRead)
  if (read.at === answered) step('R gets the answer of its read', (next) => getRead(rules, next))
  if (read.at !== nowhere) step('the read of R is lost', endRead)
}

function sendRead({ read, view, seen }: State): void {
  read.at = sent
  read.stamp = view.epoch
  read.floor = seen
}

function answerRead({ read, store }: State): void {
  read.at = answered
  read.version = store.version
}

function endRead({ read }: State): void {
  read.at = nowhere
  read.stamp = read.version = read.floor = 0
  read.detached = false
}

/** No read is kept while a write of the key is open: nobody can say on which side of the write it fell. */
function getRead(rules: Rules, state: State): void {
  const { view, entry } = state
  const { stamp, version, detached, floor } = state.read
  endRead(state)
  if (version < floor) state.wentBack = true
  state.seen = Math.max(state.seen, version)
  const isWriting = openWrites(state) > 0
  if (isWriting) state.newestRead = Math.max(state.newestRead, version)
  const mayKeep = isThere(version) && !(isWriting && rules.noReadKeptWhileWriting)
  if (mayKeep && mayInsertRead(rules, view, { stamp, detached })) put(entry, { version, stamp, age: 0 })
  else dropOlder(rules, entry, version)
}

function openWrites({ writes }: State): number {
  return (writes[0].at === nowhere ? 0 : 1) + (writes[1].at === nowhere ? 0 : 1)
}

function writeSteps(rules: Rules, state: State, i: 0 | 1, step: Step<State>): void {
  const { store, entry, writes } = state
  const write = writes[i]
  const name = kindNames[write.kind]
  if (write.at === nowhere) {
    // The second place is for a second write only.
    if (i === 1 && writes[0].at === nowhere) return
    const canBe = isThere(entry.version || store.version) ? [update, refresh, touch, revoke] : [create]
    for (const kind of canBe) {
      if (isDue(state, kind)) step(`R sends a ${kindNames[kind]}`, (next) => sendWrite(rules, next, i, kind))
    }
    return
  }
  if (write.at === sent) step(`the store gets the ${name} of R`, (next) => answerWrite(rules, next, i))
  else step(`R gets the answer to its ${name}`, (next) => getReply(rules, next, i))
  step(`the ${name} of R is lost${write.at === sent ? '' : ' on the way back'}`, (next) => giveUp(rules, next, i))
}

/** Every write detaches what is being read. A revoke lets go of the key before it is sent. */
function sendWrite(rules: Rules, state: State, i: 0 | 1, kind: number): void {
  const { store, view, entry, read, writes } = state
  const write = writes[i]
  // What memory has, or else what a fresh read would bring.
  write.base = entry.version || store.version
  write.at = sent
  write.kind = kind
  write.stamp = view.epoch
  if (i === 1) writes[0].overtaken = true
  read.detached = read.at !== nowhere
  if (kind === revoke && rules.revokeDropsFirst) clear(entry)
}

function answerWrite(rules: Rules, state: State, i: 0 | 1): void {
  const write = state.writes[i]
  write.at = answered
  change(rules, state, write)
}

/** … and detaches again when its outcome is known, or that it will not be. */
function endWrite(rules: Rules, state: State, i: 0 | 1): void {
  const { read, writes } = state
  if (rules.writeDetachesAgain) read.detached = read.at !== nowhere
  // Whichever stays is the first from now on.
  if (i === 0) Object.assign(writes[0], writes[1])
  Object.assign(writes[1], noWrite)
  if (openWrites(state) === 0) state.newestRead = 0
}

/** Whoever does not know what became of a write lets go of the key; a touch does no harm. */
function giveUp(rules: Rules, state: State, i: 0 | 1): void {
  if (state.writes[i].kind !== touch) clear(state.entry)
  endWrite(rules, state, i)
}

function getReply(rules: Rules, state: State, i: 0 | 1): void {
  const { store, writes } = state
  const write = writes[i]
  if (rules.newsIsNoted) state.newestRead = Math.max(state.newestRead, newsOf(write))
  settle(rules, state, write, { store, mayKeep: mayKeepWrite(rules, state, i) })
  // Nobody is told what a touch found.
  if (write.kind !== touch) state.seen = Math.max(state.seen, write.version)
  if (write.kind === revoke) state.isRevoked = true
  endWrite(rules, state, i)
}

/** What a write that was refused, or a touch, tells of: something newer than it was decided on, or the end. */
function newsOf({ kind, base, version }: Outcome): number {
  if (version === 0) return base + 1
  return version === gone || (kind === touch && version !== base) ? version : 0
}

/** Of writes that overlap the last to begin may be kept, if it also ends last; and nothing older than what was read. */
function mayKeepWrite(rules: Rules, state: State, i: 0 | 1): boolean {
  const { writes, newestRead } = state
  const standsAlone = openWrites(state) === 1 && !writes[i].overtaken
  if (rules.writeStandsAlone && !standsAlone) return false
  return !rules.writeYieldsToReads || writes[i].version >= newestRead
}

function memorySteps(rules: Rules, { store, view, entry, seen }: State, step: Step<State>): void {
  if (entry.version > seen && mayServe(rules, view, entry)) {
    step('R answers from memory', (next) => (next.seen = next.entry.version))
  }
  if (store.n > view.epoch) step('R polls', (next) => poll(rules, next))
  for (let n = firstPush(rules, view); n <= store.n; n++) step(`push ${n} arrives`, (next) => getPush(rules, next, n))
}

/** The store remembers its last bump, so that a poll can explain one and no more. */
function poll(rules: Rules, state: State): void {
  const { store, view } = state
  drop(state, applyNumber(rules, view, store.n, store.n > 0 ? bumpTo(store, store.n) : undefined))
}

function getPush(rules: Rules, state: State, n: number): void {
  drop(state, applyPush(rules, state.view, bumpTo(state.store, n)))
}

function drop({ entry, read }: State, keys: number): void {
  if (keys === noKeys) return
  clear(entry)
  read.detached = read.at !== nowhere
}
