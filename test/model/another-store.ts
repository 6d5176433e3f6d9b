/**
 * One instance R, while the store is restored to an older state, or another store takes its place.
 *
 * Covers: a restore at any moment, so that numbers fall and versions mean other contents; another store of another
 * incarnation, empty or not, whose numbers begin anew, for its clock has nothing to do with the first one's; reads,
 * polls and writes of R's own (touches of A; updates of A, and what R keeps of them; removals by index, where R does not
 * know beforehand which keys they hit, alone and beside a token refresh of A; changes of another key) that fall before,
 * into or after that; pushes of either store, lost, repeated and much too late; updates, revokes and changes of another
 * key by others.
 *
 * Bounds: one restore, of the first state, or one other store (`LONG=1`: two of them); one read, one poll and one write
 * of R's own at a time, or a removal and a refresh, all of these of one kind; three bumps. No pushes beside a removal and a
 * refresh at once.
 *
 * Time is left out: the lease always holds. What is left of every bound is that once R has had the answer to a poll
 * that was sent after something happened, it does not answer as if it had not; see `one-reader.ts` for the rest.
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
  mayInsertWritten,
  mayServe,
  noKeys,
  nowhere,
  put,
  sent,
  type Bump,
  type Entry,
  type View,
} from './view-rules.ts'

const maxBumps = 3
const maxUpheavals = isLong ? 2 : 1

/** Whether something has happened, and R has had the answer to a poll sent since. */
const never = 0
const happened = 1
const polledSince = 2

const keyA = 1

/** The kinds of R's own writes: of A, of whatever is under an index, of another key of the bucket. */
export type OwnKind = 'touch' | 'update' | 'removal' | 'removal beside a refresh' | 'another key'

/** What a backup holds. */
interface Content {
  /** Of A; 0: it is not there. */
  version: number
  n: number
  /** The last bump, which the store remembers; `n` 0: none. */
  recent: Bump
}

/** A write of R's own. */
interface Own {
  at: number
  /** The epoch as known when it was sent, and the version that it found. */
  stamp: number
  version: number
  /** The numbers fell, or the store was found to be another, while it was under way. */
  isVoid: boolean
  isOld: boolean
  /** Of the store that did it. */
  incarnation: number
  bump: Bump
}

interface State {
  incarnation: number
  store: Content
  /** The greatest number that this store ever made: its clock is not behind that. */
  clock: number
  /** Of the first state; of another store, of its first. */
  backup: Content
  /** Every bump ever made, of whichever store: any of them may arrive as a push at any time. */
  pushes: (Bump & { incarnation: number })[]
  /** Restores, and other stores. */
  upheavals: number
  /** The last of them: `never`, `happened` or `polledSince`. */
  upheaval: number
  /** R knew a number then that the store has no more, or the store is another: R must notice. */
  mustNotice: boolean
  /** A revoke returned, and the store has not forgotten it: the same. */
  revoke: number
  /** R's own removal returned, and the store has not forgotten it. */
  isRemovedHere: boolean
  view: View & { incarnation: number }
  /** `isOld`: from before the last upheaval. */
  entry: Entry & { isOld: boolean }
  read: { at: number; stamp: number; version: number; isVoid: boolean; isOld: boolean }
  poll: {
    at: number
    isAfterUpheaval: boolean
    isAfterRevoke: boolean
    known: number
    incarnation: number
    n: number
    recent: Bump
  }
  own: Own
  /** The refresh beside the removal: it makes no bump. */
  refresh: Own
}

const noBump: Bump = { prev: 0, n: 0, keys: noKeys }
const noOwn: Omit<Own, 'bump'> = {
  at: nowhere,
  stamp: 0,
  version: 0,
  isVoid: false,
  isOld: false,
  incarnation: 0,
}

/** `own`: the one kind of write that R makes. */
export function anotherStore(rules: Rules, own: OwnKind): Model<State> {
  return {
    name: `another store, ${own}`,
    start,
    broken: (state) => broken(rules, state),
    steps(state, step) {
      storeSteps(rules, state, step)
      readSteps(rules, state, own, step)
      pollSteps(rules, state, step)
      ownSteps(rules, state, own, step)
      if (own === 'removal beside a refresh') refreshSteps(rules, state, step)
      else pushSteps(rules, state, step)
    },
  }
}

function start(): State {
  return {
    incarnation: 0,
    store: { version: 1, n: 0, recent: { ...noBump } },
    clock: 0,
    backup: { version: 1, n: 0, recent: { ...noBump } },
    pushes: Array.from({ length: maxBumps }, () => ({ ...noBump, incarnation: 0 })),
    upheavals: 0,
    upheaval: never,
    mustNotice: false,
    revoke: never,
    isRemovedHere: false,
    view: { incarnation: 0, epoch: 0, floor: 0, freshAge: 0 },
    entry: { version: 0, stamp: 0, age: 0, isOld: false },
    read: { at: nowhere, stamp: 0, version: 0, isVoid: false, isOld: false },
    poll: {
      at: nowhere,
      isAfterUpheaval: false,
      isAfterRevoke: false,
      known: 0,
      incarnation: 0,
      n: 0,
      recent: { ...noBump },
    },
    own: { ...noOwn, bump: { ...noBump } },
    refresh: { ...noOwn, bump: { ...noBump } },
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
  const { store, upheavals, pushes } = state
  // One bump is left to a write of R's own that may be under way.
  if (pushes[maxBumps - 2]!.n === 0) {
    step('others revoke A', (next) => revokeByOthers(rules, next))
    if (store.version === 1) step('others update A', (next) => updateByOthers(rules, next))
    step('another key of the bucket changes', (next) => bump(rules, next, noKeys))
  }
  if (upheavals === maxUpheavals) return
  step('the backup is restored', restore)
  step('another store, without A, takes the place', (next) => replace(next, 0))
  step('another store, with A, takes the place', (next) => replace(next, 1))
}

function revokeByOthers(rules: Rules, state: State): void {
  state.store.version = 0
  bump(rules, state, keyA)
  noteRevoke(state)
}

function updateByOthers(rules: Rules, state: State): void {
  state.store.version = 2
  bump(rules, state, keyA)
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
  const free = pushes.find((push) => push.n === 0)!
  Object.assign(free, made, { incarnation })
  return made
}

function copy(from: Content, to: Content): void {
  to.version = from.version
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
function replace(state: State, version: number): void {
  const { store } = state
  state.incarnation++
  state.clock = store.n = 0
  store.version = version
  Object.assign(store.recent, noBump)
  copy(store, state.backup)
  upheave(state, true)
}

/** What was promised of A is void if A is there again; what was read or done before is old. */
function upheave(state: State, mustNotice: boolean): void {
  const { entry, read, poll, own, refresh, store } = state
  state.upheavals++
  state.upheaval = happened
  poll.isAfterUpheaval = false
  state.mustNotice = mustNotice
  entry.isOld = entry.version > 0
  read.isOld = read.at === answered
  own.isOld = own.at === answered
  refresh.isOld = refresh.at === answered
  if (store.version === 0) return
  state.revoke = never
  poll.isAfterRevoke = false
  state.isRemovedHere = false
}

function readSteps(rules: Rules, { read }: State, kind: OwnKind, step: Step<State>): void {
  if (read.at === nowhere) step('R sends a read of A', sendRead)
  if (read.at === sent) step('the store reads A', answerRead)
  if (read.at === answered) step('R gets the answer of its read', (next) => getRead(rules, next, kind))
  if (read.at !== nowhere) step('the read is lost', endRead)
}

function sendRead({ read, view }: State): void {
  read.at = sent
  read.stamp = view.epoch
}

function answerRead({ read, store }: State): void {
  read.at = answered
  read.version = store.version
}

function endRead({ read }: State): void {
  read.at = nowhere
  read.stamp = read.version = 0
  read.isVoid = read.isOld = false
}

/** No read is kept while a write of A is open. */
function getRead(rules: Rules, state: State, kind: OwnKind): void {
  const { view, entry, own, refresh } = state
  const isWriting = refresh.at !== nowhere || (kind === 'update' && own.at !== nowhere)
  const { stamp, version, isVoid, isOld } = state.read
  endRead(state)
  if (version === 0) forget(state)
  else if (!isWriting && mayInsertRead(rules, view, { stamp, detached: isVoid })) {
    put(entry, { version, stamp, age: 0 })
    entry.isOld = isOld
  } else if (entry.version < version) forget(state)
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

function voidAll(state: State): void {
  const { own, refresh } = state
  detach(state)
  own.isVoid = own.at !== nowhere
  refresh.isVoid = refresh.at !== nowhere
}

function detach({ read }: State): void {
  read.isVoid = read.at !== nowhere
}

function ownSteps(rules: Rules, state: State, kind: OwnKind, step: Step<State>): void {
  const { own } = state
  if (own.at === nowhere && isDue(state, kind)) step(`R sends its ${kind}`, (next) => sendOwn(next, kind))
  if (own.at === sent) step(`the store does the ${kind} of R`, (next) => answerOwn(rules, next, kind))
  if (own.at === answered) step(`R gets the answer to its ${kind}`, (next) => getOwn(rules, next, kind))
}

/** Within the bounds. */
function isDue({ store, entry, pushes }: State, kind: OwnKind): boolean {
  if (kind === 'touch') return entry.version > 0
  if (kind === 'update') return entry.version === 1 && pushes[maxBumps - 1]!.n === 0
  return pushes[maxBumps - 1]!.n === 0 && (kind === 'another key' || store.version > 0)
}

/** A write of a key that is known detaches what is being read of it. */
function sendOwn(state: State, kind: OwnKind): void {
  const { own, view } = state
  own.at = sent
  own.stamp = view.epoch
  if (kind === 'update') detach(state)
}

/** By index only what is there is removed and bumped; an update is conditional on the version. */
function answerOwn(rules: Rules, state: State, kind: OwnKind): void {
  const { own, store, incarnation } = state
  own.at = answered
  own.version = store.version
  own.incarnation = incarnation
  if (kind === 'another key') Object.assign(own.bump, bump(rules, state, noKeys))
  if (kind === 'update' && store.version === 1) {
    own.version = store.version = 2
    Object.assign(own.bump, bump(rules, state, keyA))
  }
  if (isRemoval(kind) && store.version > 0) {
    store.version = 0
    Object.assign(own.bump, bump(rules, state, keyA))
  }
}

function isRemoval(kind: OwnKind): boolean {
  return kind === 'removal' || kind === 'removal beside a refresh'
}

function getOwn(rules: Rules, state: State, kind: OwnKind): void {
  const own = { ...state.own, bump: { ...state.own.bump } }
  if (kind === 'touch') prolong(rules, state, own)
  if (own.bump.n > 0) getOwnBump(rules, state, own)
  // The bump may just have voided it.
  own.isVoid = state.own.isVoid
  end(state.own)
  if (kind === 'update') keep(rules, state, own)
  if (!isRemoval(kind) || own.bump.n === 0 || own.isOld) return
  noteRevoke(state)
  state.isRemovedHere = true
}

function end(write: Own): void {
  const { bump: made } = write
  Object.assign(write, noOwn)
  Object.assign(made, noBump)
}

/** What was written is kept, unless somebody else changed something meanwhile; and what was read meanwhile is not. */
function keep(rules: Rules, state: State, { stamp, version, isVoid, isOld, bump: { n } }: Own): void {
  const { view, entry } = state
  detach(state)
  if (version !== 2 || isVoid || !mayInsertWritten(rules, view, { stamp, n })) return forget(state)
  put(entry, { version, stamp: n > 0 ? n : stamp, age: 0 })
  entry.isOld = isOld
}

/** Touch: it vouches for nothing but the deadline. Another content may have come to the same version since. */
function prolong(rules: Rules, state: State, { stamp, version, isVoid }: Own): void {
  const { view, entry } = state
  if (version !== entry.version) forget(state)
  else if (!rules.touchProlongsOnly && !isVoid && view.epoch === stamp) entry.stamp = stamp
}

/**
 * Own bump: one that was made for a store that is gone since, or is not known yet, tells nothing but its keys; and what
 * else is under way may have been done before it.
 */
function getOwnBump(rules: Rules, state: State, { isVoid, incarnation, bump: made }: Own): void {
  const { view } = state
  const isForeign = isVoid || (rules.ownTellsIncarnation && incarnation !== view.incarnation)
  if (!isForeign) return drop(rules, state, applyOwnBump(rules, view, made))
  if (rules.foreignBumpVoids) voidAll(state)
  if (rules.ownBumpDrops) drop(rules, state, made.keys)
}

/** A token refresh of A, of what memory has: others need not see it, so that it makes no bump. */
function refreshSteps(rules: Rules, { refresh, entry }: State, step: Step<State>): void {
  if (refresh.at === nowhere && entry.version === 1) step('R sends its refresh', sendRefresh)
  if (refresh.at === sent) step('the store does the refresh of R', answerRefresh)
  if (refresh.at === answered) step('R gets the answer to its refresh', (next) => getRefresh(rules, next))
}

function sendRefresh(state: State): void {
  const { refresh, view } = state
  refresh.at = sent
  refresh.stamp = view.epoch
  detach(state)
}

function answerRefresh({ refresh, store }: State): void {
  refresh.at = answered
  if (store.version === 1) refresh.version = store.version = 2
}

function getRefresh(rules: Rules, state: State): void {
  const refresh = { ...state.refresh }
  end(state.refresh)
  keep(rules, state, refresh)
}

function pushSteps(rules: Rules, { pushes }: State, step: Step<State>): void {
  for (const [i, { n, incarnation }] of pushes.entries()) {
    if (n > 0) step(`push ${n} of store ${incarnation} arrives`, (next) => getPush(rules, next, i))
  }
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
  if (rules.dropDetaches) detach(state)
}
