/**
 * The lease of one instance R, on a machine one of whose two clocks cannot be trusted.
 *
 * Covers: a monotonic clock that stands still while the machine sleeps; a wall clock that somebody sets, so that
 * anything may seem new or old by it; a process that stops for any time. Which of the two clocks goes wrong is open;
 * that both do at once is outside the promise.
 *
 * Bounds: reads and polls in one step; one revoke.
 */
import type { Model, Step } from './checker.ts'
import type { Rules } from './rules.ts'
import { D, later, longAgo, older } from './view-rules.ts'

const undecided = 0
const monotonic = 1
const wall = 2

/** How long ago something was sent, by either clock. */
interface Ages {
  monotonic: number
  wall: number
}

interface State {
  /** The clock that cannot be trusted. */
  wrongClock: number
  isRevoked: boolean
  /** Ticks since the revoke returned, plus one. */
  revoked: number
  hasEntry: boolean
  poll: Ages
  entry: Ages
  /** Only without `clockReadAtServe`: ticks since a timer looked at the clocks. */
  timerAge: number
}

export function twoClocks(rules: Rules): Model<State> {
  return {
    name: 'two clocks',
    start,
    broken: (state) => (state.revoked > D && mayServe(rules, state) ? 'bounded staleness' : undefined),
    steps: (state, step) => steps(rules, state, step),
  }
}

function start(): State {
  return {
    wrongClock: undecided,
    isRevoked: false,
    revoked: 0,
    hasEntry: false,
    poll: { monotonic: longAgo, wall: longAgo },
    entry: { monotonic: longAgo, wall: longAgo },
    timerAge: 0,
  }
}

/** Serve: less than D has passed on the monotonic and on the wall clock, and both are read at that moment. */
function mayServe(rules: Rules, { hasEntry, poll: lastPoll, entry, timerAge }: State): boolean {
  const unseen = rules.clockReadAtServe ? 0 : timerAge
  const isRecent = (ages: Ages): boolean => {
    if (rules.monotonicClock && ages.monotonic - unseen >= D) return false
    return !rules.wallClock || ages.wall - unseen < D
  }
  return hasEntry && (isRecent(lastPoll) || isRecent(entry))
}

function steps(rules: Rules, state: State, step: Step<State>): void {
  if (state.wrongClock === undecided) {
    step('the monotonic clock cannot be trusted', (next) => (next.wrongClock = monotonic))
    step('the wall clock cannot be trusted', (next) => (next.wrongClock = wall))
    return
  }
  step('a tick passes', (next) => pass(next, { monotonic: true, wall: true }))
  if (state.wrongClock === monotonic) {
    step('the machine sleeps for a tick', (next) => pass(next, { monotonic: false, wall: true }))
  } else {
    step('the wall clock is set: all seems new', (next) => setWall(next, 0))
    step('the wall clock is set: all seems old', (next) => setWall(next, longAgo))
  }
  if (!rules.clockReadAtServe) step('the timer looks at the clocks', (next) => (next.timerAge = 0))
  step('R reads', read)
  step('R polls', poll)
  if (!state.isRevoked) step('the revoke is done', (next) => (next.isRevoked = true))
  else if (state.revoked === 0) step('the revoke returns', (next) => (next.revoked = 1))
}

function pass(state: State, goesOn: { monotonic: boolean; wall: boolean }): void {
  state.revoked = later(state.revoked)
  state.timerAge = older(state.timerAge)
  for (const ages of [state.poll, state.entry]) {
    if (goesOn.monotonic) ages.monotonic = older(ages.monotonic)
    if (goesOn.wall) ages.wall = older(ages.wall)
  }
}

function setWall({ poll: polled, entry }: State, age: number): void {
  polled.wall = entry.wall = age
}

function read(state: State): void {
  state.hasEntry = !state.isRevoked
  state.entry.monotonic = state.entry.wall = 0
}

function poll(state: State): void {
  if (state.isRevoked) state.hasEntry = false
  state.poll.monotonic = state.poll.wall = 0
}
