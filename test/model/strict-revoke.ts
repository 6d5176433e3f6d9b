/**
 * A revoke that waits for all instances, while an instance that was promised a longer D joins.
 *
 * Covers: the greatest D in the store, raised by the newcomer N; a read of N that is sent, answered and received at
 * times of its own, from before to after the revoke; polls of N; an instance R with the usual D; the waiting revoker.
 *
 * Bounds: N's D is two ticks, R's is one; one revoke; polls in one step. The store keeps what it was told of D.
 */
import type { Model, Step } from './checker.ts'
import type { Rules } from './rules.ts'
import { answered, longAgo, nowhere, older, sent } from './view-rules.ts'

const usualD = 1
const longerD = 2

/** An instance whose memory holds the entry, or not. */
interface Instance {
  d: number
  hasEntry: boolean
  entryAge: number
  freshAge: number
}

/** How far the revoker is. */
const before = 0
const removed = 1
const waiting = 2
const returned = 3

interface State {
  hasA: boolean
  greatestD: number
  r: Instance
  n: Instance & { hasPromised: boolean; read: { at: number; age: number; found: boolean; isVoid: boolean } }
  /** `heard`: the greatest D that it knows of; 0: not asked. `left`: ticks still to wait. */
  revoker: { at: number; heard: number; left: number }
}

export function strictRevoke(rules: Rules): Model<State> {
  return {
    name: 'strict revoke',
    start,
    broken,
    steps(state, step) {
      step('a tick passes', pass)
      revokerSteps(rules, state, step)
      newcomerSteps(rules, state, step)
      step('R reads', (next) => read(next.r, next))
      step('R polls', (next) => poll(next.r, next))
      step('N polls', pollOfN)
    },
  }
}

function start(): State {
  const instance = (d: number): Instance => ({ d, hasEntry: false, entryAge: 0, freshAge: longAgo })
  return {
    hasA: true,
    greatestD: usualD,
    r: instance(usualD),
    n: { ...instance(longerD), hasPromised: false, read: { at: nowhere, age: 0, found: false, isVoid: false } },
    revoker: { at: before, heard: 0, left: 0 },
  }
}

function broken({ r, n, revoker }: State): string | undefined {
  if (revoker.at === returned && (mayServe(r) || mayServe(n))) return 'a strict revoke is final everywhere'
  return undefined
}

function mayServe({ d, hasEntry, entryAge, freshAge }: Instance): boolean {
  return hasEntry && Math.min(entryAge, freshAge) < d
}

function pass({ r, n, revoker }: State): void {
  for (const instance of [r, n]) {
    instance.freshAge = older(instance.freshAge)
    if (instance.hasEntry) instance.entryAge = older(instance.entryAge)
  }
  if (n.read.at !== nowhere) n.read.age = older(n.read.age)
  if (revoker.left > 0) revoker.left--
}

/** Strict revoke: after the commit it asks for the greatest D, and waits that long. */
function revokerSteps(rules: Rules, { revoker }: State, step: Step<State>): void {
  const mayAsk = rules.strictAsksAfter ? revoker.at === removed : revoker.at === before
  if (mayAsk && revoker.heard === 0) step('the revoker asks for the greatest D', ask)
  if (revoker.at === before && (rules.strictAsksAfter || revoker.heard > 0)) step('the revoker removes A', remove)
  if (revoker.at === removed && revoker.heard > 0) step('the revoker begins to wait', wait)
  if (revoker.at === waiting && revoker.left === 0)
    step('the strict revoke returns', (next) => (next.revoker.at = returned))
}

function ask({ revoker, greatestD }: State): void {
  revoker.heard = greatestD
}

function remove(state: State): void {
  state.hasA = false
  state.revoker.at = removed
}

function wait({ revoker }: State): void {
  revoker.at = waiting
  revoker.left = revoker.heard
}

/** An instance tells the store its D before it reads anything. */
function newcomerSteps(rules: Rules, { n }: State, step: Step<State>): void {
  const {
    read: { at },
    hasPromised,
  } = n
  if (!hasPromised) step('N raises the greatest D', promise)
  if (at === nowhere && (hasPromised || !rules.promiseBeforeRead))
    step('N sends a read', (next) => (next.n.read.at = sent))
  if (at === sent) step('the store answers the read of N', answer)
  if (at === answered) step('N gets the answer of its read', insert)
}

function promise(state: State): void {
  state.n.hasPromised = true
  state.greatestD = longerD
}

function answer({ n, hasA }: State): void {
  n.read.at = answered
  n.read.found = hasA
}

function insert({ n }: State): void {
  const { found, age, isVoid } = n.read
  n.read.at = nowhere
  n.read.age = 0
  n.read.found = n.read.isVoid = false
  n.hasEntry = found && !isVoid
  n.entryAge = n.hasEntry ? age : 0
}

function read(instance: Instance, { hasA }: State): void {
  instance.hasEntry = hasA
  instance.entryAge = 0
}

function poll(instance: Instance, { hasA }: State): void {
  if (!hasA) {
    instance.hasEntry = false
    instance.entryAge = 0
  }
  instance.freshAge = 0
}

/** The number that rose voids the read under way. */
function pollOfN(state: State): void {
  const { n, hasA } = state
  poll(n, state)
  if (!hasA) n.read.isVoid = n.read.at !== nowhere
}
