import type { Rules } from './rules.ts'

/** The bound, in ticks. */
export const D = 2
/** Ages are counted up to this: what is older is as old as can be. So time has no end, and the number of states has. */
export const longAgo: number = D + 1

export function older(age: number): number {
  return age < longAgo ? age + 1 : age
}

/** Of the ticks since something happened, plus one, where 0 means that it has not: counted while D is not over. */
export function later(since: number): number {
  return since > 0 && since <= D ? since + 1 : since
}

/** Where a question to the store is. */
export const nowhere = 0
export const sent = 1
export const answered = 2

/** What an instance knows of one bucket, and how long ago its last good poll was sent. */
export interface View {
  epoch: number
  floor: number
  freshAge: number
}

/** What memory holds under a key. */
export interface Entry {
  /** 0: nothing. */
  version: number
  /** The epoch as known when its read, or the write that made it, was sent. */
  stamp: number
  /** Ticks since then. */
  age: number
}

/** A rise of the bucket's number. */
export interface Bump {
  prev: number
  n: number
  /** The keys it names: one bit each. */
  keys: number
}

export const noKeys = 0

/** Serve: hit iff it was read at the floor or above, and the last good poll or its read was sent less than D ago. */
export function mayServe(rules: Rules, view: View, entry: Entry): boolean {
  if (entry.version === 0) return false
  if (rules.floor && entry.stamp < view.floor) return false
  return !rules.lease || Math.min(view.freshAge, entry.age) < D
}

/** Insert, of a read: the epoch is still what it was when the read was sent, and nothing happened to the key. */
export function mayInsertRead(rules: Rules, view: View, read: { stamp: number; detached: boolean }): boolean {
  if (rules.detachedNeverInserts && read.detached) return false
  return !rules.insertCheck || view.epoch === read.stamp
}

/** Insert, of a write: the epoch is exactly the number it wrote; without a bump (`n` 0), still what it was. */
export function mayInsertWritten(rules: Rules, view: View, { stamp, n }: { stamp: number; n: number }): boolean {
  return !rules.writtenCheck || view.epoch === (n > 0 ? n : stamp)
}

export function put(entry: Entry, { version, stamp, age }: Entry): void {
  entry.version = version
  entry.stamp = stamp
  entry.age = age
}

export function clear(entry: Entry): void {
  entry.version = entry.stamp = entry.age = 0
}

/** Who was answered with this version must not be answered with an older one next. */
export function dropOlder(rules: Rules, entry: Entry, version: number): void {
  if (rules.newerDropsOlder && entry.version < version) clear(entry)
}

/** In place of a floor: nothing is known of the bucket, so that nothing is above it. */
export const unknown = 7

/** Push: one that continues what is known drops exactly its keys; one that leaves a gap raises the floor as well. */
export function applyPush(rules: Rules, view: View, { prev, n, keys }: Bump): number {
  if (rules.oldPushIgnored && n <= view.epoch) return noKeys
  if (rules.gapRaisesFloor && prev !== view.epoch) view.floor = Math.max(n, view.floor)
  view.epoch = n
  return keys
}

/** Where to begin trying pushes: those up to what is known are ignored, so they need not be tried. */
export function firstPush(rules: Rules, view: View): number {
  return rules.oldPushIgnored ? view.epoch + 1 : 1
}

/** Own bump: applied like a push. Who changed something lets go of it, also if a later bump was known before. */
export function applyOwnBump(rules: Rules, view: View, bump: Bump): number {
  const dropped = applyPush(rules, view, bump)
  return rules.ownBumpDrops ? bump.keys : dropped
}

/** Poll: a number that rose raises the floor, unless the store remembers a bump that explains it. */
export function applyNumber(rules: Rules, view: View, n: number, recent: Bump | undefined): number {
  let dropped = noKeys
  if (!rules.pollBringsNumbers) return dropped
  if (recent !== undefined && recent.n > view.epoch && (recent.prev === view.epoch || !rules.recentMustContinue)) {
    dropped = recent.keys
    view.epoch = recent.n
  }
  if (n > view.epoch || view.floor === unknown) view.epoch = view.floor = Math.max(n, view.epoch)
  return dropped
}

/** Poll: of a bucket whose number is missing nothing is known until it is told again. */
export function applyMissing(rules: Rules, view: View): void {
  if (rules.missingIsUnknown) view.floor = unknown
}

/** Poll: memory is as fresh as the sending of the poll, for its answer proves nothing about later. */
export function renewLease(rules: Rules, view: View, { sentAge }: { sentAge: number }): void {
  view.freshAge = Math.min(view.freshAge, rules.freshAsOfSend ? sentAge : 0)
}
