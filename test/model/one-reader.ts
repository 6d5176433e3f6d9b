/**
 * One reader R, in every detail, against all that can happen to what it asks and hears.
 *
 * Covers: the lease and the age of entries; reads that are sent, answered and received at times of their own, or lost;
 * polls likewise, of a store that remembers its last bump, or lacks the number; pushes lost, repeated and out of order;
 * one unit that removes two keys of one bucket (A, which R reads, and B, which it holds from before); another key of
 * the bucket that changes; another instance that touches A meanwhile; pauses of any length between any two steps.
 *
 * Bounds: one revoke, one other bump of the bucket (`LONG=1`: three), one touch, one read and one poll at a time.
 *
 * Nothing detaches a read here: the check at insert must be enough by itself.
 */
import { isLong } from './bounds.ts'
import type { Model, Step } from './checker.ts'
import type { Rules } from './rules.ts'
import {
  answered,
  applyMissing,
  applyNumber,
  applyPush,
  clear,
  D,
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
  type Bump,
  type Entry,
  type View,
} from './view-rules.ts'

const otherBumps = isLong ? 3 : 1
const keyA = 1
const keyB = 2

interface State {
  store: {
    hasA: boolean
    n: number
    /** The number of the bump that the revoke made; 0: none yet. */
    revokeN: number
    /** Only without `bumpIsAtomic`: the removal is done, the bump is not. */
    owesBump: boolean
    /** Only without `pollAsksPrimary`: the number that a lagging replica knows. */
    replicaN: number
  }
  /** Ticks since the revoke returned, plus one; 0: it has not. */
  revoked: number
  /** Another instance: whether it has read A, and then written. */
  toucher: { hasRead: boolean; hasWritten: boolean }
  view: View
  a: Entry
  b: Entry
  read: { at: number; stamp: number; age: number; found: boolean }
  poll: { at: number; age: number; n: number; isMissing: boolean }
}

export function oneReader(rules: Rules): Model<State> {
  return {
    name: 'one reader',
    start,
    broken: (state) => broken(rules, state),
    steps(state, step) {
      step('a tick passes', pass)
      revokeSteps(rules, state, step)
      toucherSteps(rules, state, step)
      readSteps(rules, state, step)
      pollSteps(rules, state, step)
      pushSteps(rules, state, step)
    },
  }
}

function start(): State {
  return {
    store: { hasA: true, n: 0, revokeN: 0, owesBump: false, replicaN: 0 },
    revoked: 0,
    toucher: { hasRead: false, hasWritten: false },
    view: { epoch: 0, floor: 0, freshAge: longAgo },
    a: { version: 0, stamp: 0, age: 0 },
    b: { version: 1, stamp: 0, age: longAgo },
    read: { at: nowhere, stamp: 0, age: 0, found: false },
    poll: { at: nowhere, age: 0, n: 0, isMissing: false },
  }
}

function broken(rules: Rules, { store, revoked, view, a, b }: State): string | undefined {
  if (revoked > 0 && store.hasA) return 'no resurrection'
  if (revoked > D && (mayServe(rules, view, a) || mayServe(rules, view, b))) return 'bounded staleness'
  return undefined
}

function pass(state: State): void {
  const { view, a, read, poll } = state
  view.freshAge = older(view.freshAge)
  if (a.version > 0) a.age = older(a.age)
  if (read.at !== nowhere) read.age = older(read.age)
  if (poll.at !== nowhere) poll.age = older(poll.age)
  state.revoked = later(state.revoked)
}

/** Revoke: one atomic unit removes both keys and bumps their bucket; then it returns. */
function revokeSteps(rules: Rules, { store, revoked }: State, step: Step<State>): void {
  const isDone = store.revokeN > 0 || store.owesBump
  const bumpsOfOthers = store.n - (store.revokeN > 0 ? 1 : 0)
  if (!isDone) step('the store removes A and B', (next) => remove(rules, next))
  if (store.owesBump) step('the store bumps for the removal', bumpForRemoval)
  if (isDone && revoked === 0) step('the revoke returns', (next) => (next.revoked = 1))
  if (bumpsOfOthers < otherBumps) step('another key of the bucket changes', (next) => next.store.n++)
}

function remove(rules: Rules, state: State): void {
  state.store.hasA = false
  if (rules.bumpIsAtomic) bumpForRemoval(state)
  else state.store.owesBump = true
}

function bumpForRemoval({ store }: State): void {
  store.owesBump = false
  store.revokeN = ++store.n
}

/** Touch: extends what is there when it arrives, however old what it was decided on. */
function toucherSteps(rules: Rules, { store, toucher }: State, step: Step<State>): void {
  if (store.hasA && !toucher.hasRead) step('another instance reads A', (next) => (next.toucher.hasRead = true))
  if (!toucher.hasRead || toucher.hasWritten) return
  step('another instance touches A', (next) => {
    next.toucher.hasWritten = true
    if (!rules.touchIsConditional) next.store.hasA = true
  })
}

function readSteps(rules: Rules, { read }: State, step: Step<State>): void {
  if (read.at === nowhere) step('R sends a read of A', sendRead)
  if (read.at === sent) step('the store reads A', answerRead)
  if (read.at === answered) step('R gets the answer of its read', (next) => insert(rules, next))
  if (read.at !== nowhere) step('the read is lost', endRead)
}

function sendRead({ read, view }: State): void {
  read.at = sent
  read.stamp = view.epoch
}

function answerRead({ read, store }: State): void {
  read.at = answered
  read.found = store.hasA
}

function endRead({ read }: State): void {
  read.at = nowhere
  read.stamp = read.age = 0
  read.found = false
}

function insert(rules: Rules, state: State): void {
  const { view, a } = state
  const { found, age, stamp: noted } = state.read
  endRead(state)
  if (!found) return drop(state, keyA)
  const stamp = rules.markBeforeSend ? noted : view.epoch
  if (!mayInsertRead(rules, view, { stamp, detached: false })) return
  put(a, { version: 1, stamp, age: rules.readAgeFromSend ? age : 0 })
}

function pollSteps(rules: Rules, { store, poll }: State, step: Step<State>): void {
  if (poll.at === nowhere) step('R sends a poll', (next) => (next.poll.at = sent))
  if (poll.at === sent) {
    step('the store answers the poll', (next) => answerPoll(rules, next))
    step('the store answers the poll without the number', answerWithout)
  }
  if (poll.at === answered) step('R gets the answer of its poll', (next) => getPoll(rules, next))
  if (poll.at !== nowhere) step('the poll is lost', endPoll)
  if (!rules.pollAsksPrimary && store.replicaN < store.n) step('the replica catches up', catchUp)
}

function answerPoll(rules: Rules, { store, poll }: State): void {
  poll.at = answered
  poll.n = rules.pollAsksPrimary ? store.n : store.replicaN
}

function answerWithout({ poll }: State): void {
  poll.at = answered
  poll.isMissing = true
}

function catchUp({ store }: State): void {
  store.replicaN = store.n
}

function endPoll({ poll }: State): void {
  poll.at = nowhere
  poll.age = poll.n = 0
  poll.isMissing = false
}

function getPoll(rules: Rules, state: State): void {
  const { n, age: sentAge, isMissing } = state.poll
  endPoll(state)
  if (isMissing) applyMissing(rules, state.view)
  else drop(state, applyNumber(rules, state.view, n, n > 0 ? bumpTo(state, n) : undefined))
  renewLease(rules, state.view, { sentAge })
}

/** Any push may come at any time, once, twice or never. */
function pushSteps(rules: Rules, { store, view }: State, step: Step<State>): void {
  for (let n = firstPush(rules, view); n <= store.n; n++) {
    if (rules.onePushPerUnit || n !== store.revokeN) step(`push ${n} arrives`, (next) => getPush(rules, next, n))
    else {
      step(`push ${n}, of A alone, arrives`, (next) => getPush(rules, next, n, keyA))
      step(`push ${n}, of B alone, arrives`, (next) => getPush(rules, next, n, keyB))
    }
  }
}

function getPush(rules: Rules, state: State, n: number, only: number = keyA | keyB): void {
  const bump = bumpTo(state, n)
  drop(state, applyPush(rules, state.view, { ...bump, keys: bump.keys & only }))
}

function bumpTo({ store }: State, n: number): Bump {
  return { prev: n - 1, n, keys: n === store.revokeN ? keyA | keyB : noKeys }
}

function drop({ a, b }: State, keys: number): void {
  if ((keys & keyA) !== 0) clear(a)
  if ((keys & keyB) !== 0) clear(b)
}
