/**
 * One instance R, while the store is restored to an older state, or another store takes its place.
 *
 * Covers: a backup at any moment and its restore at any later one, so that numbers fall; another store of another
 * incarnation, empty or not, whose numbers begin anew because its clock has nothing to do with the first one's; reads, polls
 * and writes of R's own (a removal of A by index, so that R does not know beforehand which keys it hits; a change of
 * another key) that fall before, into or after that; pushes of either store, lost, repeated and much too late; revokes
 * and changes of other keys by others.
 *
 * Bounds: one restore or one other store; one read, one poll and one own write at a time; three bumps.
 *
 * Time is left out: the lease always holds. What is left of every bound is that once R has had the answer to a poll that
 * was sent after something happened, it does not answer as if it had not; see `one-reader.ts` for the rest.
 */
import { isLong } from './bounds.ts'
import type { Model, Step } from './checker.ts'
import type { Rules } from './rules.ts'
import {
  answered,
  applyNumber,
  applyOwnBump,
  applyPush,
  clear,
  mayInsertRead,
  mayServe,
  noKeys,
  nowhere,
  put,
  sent,
  type Bump,
  type Entry,
  type View,
} from './view-rules.ts'

const maxBumps = isLong ? 4 : 3
const maxUpheavals = isLong ? 2 : 1
/** What has happened, and whether R has had the answer to a poll sent since. */
const never = 0
const happened = 1
const polledSince = 2
const keyA = 1

/** What a backup holds. */
interface Content {
  hasA: boolean
  n: number
  /** The last bump, which the store remembers; `n` 0: none. */
  recent: Bump
}

interface State {
  incarnation: number
  store: Content
  /** The greatest number that this store ever made: its clock is not behind that. */
  clock: number
  backup: Content & { isTaken: boolean }
  /** Every bump ever made, of whichever store: any of them may arrive as a push at any time. */
  pushes: (Bump & { incarnation: number })[]
  upheavals: number
  /** Whether R has polled since the last of them. */
  upheaval: number
  /** R knew a number then that the store has no more, or the store is another: R must notice. */
  mustNotice: boolean
  /** Whether a revoke has returned, unless the store forgot it, and R has polled since. */
  revoke: number
  /** R's own removal returned, and the store has not forgotten it. */
  isRemovedHere: boolean
  view: View & { incarnation: number }
  /** `isOld`: from before the upheaval. */
  entry: Entry & { isOld: boolean }
  read: { at: number; stamp: number; found: boolean; isVoid: boolean; isOld: boolean }
  poll: {
    at: number
    isAfterUpheaval: boolean
    isAfterRevoke: boolean
    known: number
    incarnation: number
    n: number
    recent: Bump
  }
  own: { at: number; keys: number; isVoid: boolean; isOld: boolean; incarnation: number; bump: Bump }
}

const noBump: Bump = { prev: 0, n: 0, keys: noKeys }

export function anotherStore(rules: Rules): Model<State> {
  return {
    name: 'another store',
    start,
    broken: (state) => broken(rules, state),
    steps(state, step) {
      storeSteps(rules, state, step)
      readSteps(rules, state, step)
      pollSteps(rules, state, step)
      ownSteps(rules, state, step)
      for (let i = 0; i < state.pushes.length; i++) {
        if (state.pushes[i]!.n > 0)
          step(`push ${state.pushes[i]!.n} of store ${state.pushes[i]!.incarnation} arrives`, (next) =>
            getPush(rules, next, i),
          )
      }
    },
  }
}

function start(): State {
  return {
    incarnation: 0,
    store: { hasA: true, n: 0, recent: { ...noBump } },
    clock: 0,
    backup: { isTaken: false, hasA: false, n: 0, recent: { ...noBump } },
    pushes: Array.from({ length: maxBumps }, () => ({ ...noBump, incarnation: 0 })),
    upheavals: 0,
    upheaval: never,
    mustNotice: false,
    revoke: never,
    isRemovedHere: false,
    view: { incarnation: 0, epoch: 0, floor: 0, freshAge: 0 },
    entry: { version: 0, stamp: 0, age: 0, isOld: false },
    read: { at: nowhere, stamp: 0, found: false, isVoid: false, isOld: false },
    poll: {
      at: nowhere,
      isAfterUpheaval: false,
      isAfterRevoke: false,
      known: 0,
      incarnation: 0,
      n: 0,
      recent: { ...noBump },
    },
    own: { at: nowhere, keys: noKeys, isVoid: false, isOld: false, incarnation: 0, bump: { ...noBump } },
  }
}

function broken(rules: Rules, { view, entry, revoke, isRemovedHere, upheaval, mustNotice }: State): string | undefined {
  if (!mayServe(rules, view, entry)) return undefined
  if (revoke === polledSince) return 'bounded staleness'
  if (isRemovedHere) return 'an own removal is seen at once'
  if (upheaval === polledSince && mustNotice && entry.isOld) return 'nothing from before the store was another'
  return undefined
}

function storeSteps(rules: Rules, state: State, step: Step<State>): void {
  const { backup, upheavals, pushes } = state
  // One bump is kept for a removal of R's own that may be under way.
  if (pushes[maxBumps - 2]!.n === 0) {
    step('others revoke A', (next) => revokeByOthers(rules, next))
    step('another key of the bucket changes', (next) => bump(rules, next, noKeys))
  }
  if (upheavals === maxUpheavals) return
  if (backup.isTaken) step('the backup is restored', restore)
  else step('a backup is made', backUp)
  step('another store, without A, takes the place', (next) => replace(next, false))
  step('another store, with A, takes the place', (next) => replace(next, true))
}

function revokeByOthers(rules: Rules, state: State): void {
  state.store.hasA = false
  bump(rules, state, keyA)
  noteRevoke(state)
}

function noteRevoke(state: State): void {
  if (state.revoke === never) state.revoke = happened
}

/** Bump: a number is never used twice, not even after a restore, because the store's clock goes on. */
function bump(rules: Rules, state: State, keys: number): Bump {
  const { store, pushes, incarnation } = state
  const n = (rules.numberIsNew ? Math.max(store.n, state.clock) : store.n) + 1
  const made = { prev: store.n, n, keys }
  state.clock = Math.max(state.clock, n)
  store.n = n
  Object.assign(store.recent, made)
  Object.assign(
    pushes.find((push) => push.n === 0)!,
    made,
    { incarnation },
  )
  return made
}

function backUp({ store, backup }: State): void {
  backup.isTaken = true
  copy(store, backup)
}

function copy(from: Content, to: Content): void {
  to.hasA = from.hasA
  to.n = from.n
  Object.assign(to.recent, from.recent)
}

function restore(state: State): void {
  const { store, backup, view, incarnation } = state
  copy(backup, store)
  // Whoever has not heard of a later number has nothing to notice a fall by: for those only what happens next counts.
  upheave(state, view.incarnation === incarnation && view.epoch > store.n)
}

/** Its clock may be anywhere: its numbers begin again. */
function replace(state: State, hasA: boolean): void {
  const { store } = state
  state.incarnation++
  state.clock = store.n = 0
  store.hasA = hasA
  Object.assign(store.recent, noBump)
  Object.assign(state.backup, { isTaken: false, hasA: false, n: 0 })
  Object.assign(state.backup.recent, noBump)
  upheave(state, true)
}

/** What was promised by the store that was is void where the store that is has A; what was read of that one is old. */
function upheave(state: State, mustNotice: boolean): void {
  const { entry, read, poll, own, store } = state
  state.upheavals++
  state.upheaval = happened
  poll.isAfterUpheaval = false
  state.mustNotice = mustNotice
  entry.isOld = entry.version > 0
  read.isOld = read.at === answered
  own.isOld = own.at === answered
  if (!store.hasA) return
  state.revoke = never
  poll.isAfterRevoke = false
  state.isRemovedHere = false
}

function readSteps(rules: Rules, { read }: State, step: Step<State>): void {
  if (read.at === nowhere) step('R sends a read of A', sendRead)
  if (read.at === sent) step('the store reads A', answerRead)
  if (read.at === answered) step('R gets the answer of its read', (next) => getRead(rules, next))
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
  read.stamp = 0
  read.found = read.isVoid = read.isOld = false
}

function getRead(rules: Rules, state: State): void {
  const { view, entry } = state
  const { stamp, found, isVoid, isOld } = state.read
  endRead(state)
  if (!found) forget(state)
  else if (mayInsertRead(rules, view, { stamp, detached: isVoid })) {
    put(entry, { version: 1, stamp, age: 0 })
    entry.isOld = isOld
  }
}

function forget({ entry }: State): void {
  clear(entry)
  entry.isOld = false
}

function pollSteps(rules: Rules, { poll }: State, step: Step<State>): void {
  if (poll.at === nowhere) step('R sends a poll', sendPoll)
  if (poll.at === sent) step('the store answers the poll', answerPoll)
  if (poll.at === answered) step('R gets the answer of its poll', (next) => getPoll(rules, next))
  if (poll.at !== nowhere) step('the poll is lost', endPoll)
}

function sendPoll({ poll, view, upheaval, revoke }: State): void {
  poll.at = sent
  poll.isAfterUpheaval = upheaval === happened
  poll.isAfterRevoke = revoke === happened
  poll.known = view.epoch
}

function answerPoll({ poll, store, incarnation }: State): void {
  poll.at = answered
  poll.incarnation = incarnation
  poll.n = store.n
  if (store.recent.n > poll.known) Object.assign(poll.recent, store.recent)
}

function endPoll({ poll }: State): void {
  poll.at = nowhere
  poll.isAfterUpheaval = poll.isAfterRevoke = false
  poll.known = poll.incarnation = poll.n = 0
  Object.assign(poll.recent, noBump)
}

/** Poll: another incarnation clears memory, a number below what was known when it was sent drops the bucket. */
function getPoll(rules: Rules, state: State): void {
  const { view, poll } = state
  const { incarnation, n, known } = poll
  if (incarnation !== view.incarnation) adopt(rules, state, { incarnation, n })
  else if (n < known) fall(rules, state, n)
  else drop(rules, state, applyNumber(rules, view, n, poll.recent.n > 0 ? poll.recent : undefined))
  if (poll.isAfterUpheaval) state.upheaval = polledSince
  if (poll.isAfterRevoke) state.revoke = polledSince
  endPoll(state)
}

function adopt(rules: Rules, state: State, { incarnation, n }: { incarnation: number; n: number }): void {
  const { view } = state
  view.incarnation = incarnation
  view.epoch = view.floor = n
  if (rules.incarnationClears) forget(state)
  if (rules.incarnationVoids) voidAll(state)
}

function fall(rules: Rules, state: State, n: number): void {
  if (!rules.fallDropsBucket) return
  state.view.epoch = state.view.floor = n
  forget(state)
  if (rules.fallVoids) voidAll(state)
}

function voidAll({ read, own }: State): void {
  read.isVoid = read.at !== nowhere
  own.isVoid = own.at !== nowhere
}

function ownSteps(rules: Rules, { own, store, pushes }: State, step: Step<State>): void {
  if (own.at === nowhere && pushes[maxBumps - 1]!.n === 0) {
    if (store.hasA) step('R sends a removal by index', (next) => sendOwn(next, keyA))
    step('R sends a change of another key', (next) => sendOwn(next, noKeys))
  }
  if (own.at === sent) step('the store does what R asks for', (next) => answerOwn(rules, next))
  if (own.at === answered) step('R gets the answer to its write', (next) => getOwn(rules, next))
}

function sendOwn({ own }: State, keys: number): void {
  own.at = sent
  own.keys = keys
}

/** By index only what is there is removed and bumped. */
function answerOwn(rules: Rules, state: State): void {
  const { own, store, incarnation } = state
  own.at = answered
  own.incarnation = incarnation
  if (own.keys === keyA && !store.hasA) return
  if (own.keys === keyA) store.hasA = false
  Object.assign(own.bump, bump(rules, state, own.keys))
}

function endOwn({ own }: State): void {
  own.at = nowhere
  own.isVoid = own.isOld = false
  own.keys = own.incarnation = 0
  Object.assign(own.bump, noBump)
}

/** Own bump: one that was made for a store that is gone since, or is not known yet, tells nothing but its keys. */
function getOwn(rules: Rules, state: State): void {
  const { own, view } = state
  const { keys, isVoid, isOld, incarnation } = own
  const made = { ...own.bump }
  endOwn(state)
  if (made.n === 0) return
  const isForeign = isVoid || (rules.ownTellsIncarnation && incarnation !== view.incarnation)
  if (!isForeign) drop(rules, state, applyOwnBump(rules, view, made))
  else if (rules.ownBumpDrops) drop(rules, state, keys)
  if (keys === noKeys || isOld) return
  noteRevoke(state)
  state.isRemovedHere = true
}

function getPush(rules: Rules, state: State, i: number): void {
  const { view, pushes } = state
  const push = pushes[i]!
  if (rules.pushTellsIncarnation && push.incarnation !== view.incarnation) return
  drop(rules, state, applyPush(rules, view, push))
}

function drop(rules: Rules, state: State, keys: number): void {
  if (keys === noKeys) return
  forget(state)
  if (rules.dropDetaches) state.read.isVoid = state.read.at !== nowhere
}
