import type { Clock } from '../shared/clock.ts'

/** A clock that stands still until it is told to move. */
export interface ManualClock extends Clock {
  /**
   * Moves both clocks on by `ms` and runs every timer that falls due on the way, in order of due time, each at its own
   * time. Resolves once what they started has settled. `advance(0)` only lets things settle.
   */
  advance(ms: number): Promise<void>
  /** Sets the wall clock forward (or back, if negative) by `ms`; no timer notices. */
  stepWall(ms: number): void
  /** How many timers are waiting. */
  pending(): number
}

export interface ManualClockOptions {
  /** The wall clock at the start, Unix ms. Default 2026-01-01T00:00:00Z. */
  startAt?: number
}

interface Waiting {
  dueAt: number
  callback: () => void
}

/** Turns of the event loop that count as "settled": enough for chains of promises and for a few real I/O hops. */
const settlingTurns = 8

/** Creates a clock for tests: time passes only through `advance`, so no test waits and every run is the same. */
export function manualClock(options: ManualClockOptions = {}): ManualClock {
  let monotonic = 0
  // Kept as a distance: summed up, steps of fractions of a millisecond would let the two clocks drift apart.
  let wallOffset = options.startAt ?? Date.UTC(2026, 0, 1)
  const waiting = new Set<Waiting>()
  let moving: Promise<void> = Promise.resolve()

  function moveTo(target: number): void {
    monotonic = Math.max(monotonic, target)
  }

  async function move(ms: number): Promise<void> {
    await settled()
    const target = monotonic + ms
    for (let due = firstDue(waiting, target); due !== undefined; due = firstDue(waiting, target)) {
      waiting.delete(due)
      moveTo(due.dueAt)
      due.callback()
      await settled()
    }
    moveTo(target)
    await settled()
  }

  return {
    monotonic: () => monotonic,
    wall: () => wallOffset + monotonic,
    setTimer(callback, afterMs) {
      const timer = { dueAt: monotonic + Math.max(0, afterMs), callback }
      waiting.add(timer)
      return { cancel: () => void waiting.delete(timer) }
    },
    advance(ms) {
      if (!(ms >= 0)) throw new RangeError('advance: time moves forward only; use stepWall to set the wall clock back')
      const moved = moving.then(() => move(ms))
      moving = moved.catch(() => {})
      return moved
    },
    stepWall(ms) {
      wallOffset += ms
    },
    pending: () => waiting.size,
  }
}

/** The timer to run next; of two due at the same time the one set first. */
function firstDue(waiting: Iterable<Waiting>, until: number): Waiting | undefined {
  let first: Waiting | undefined
  for (const timer of waiting) {
    if (timer.dueAt > until) continue
    if (first === undefined || timer.dueAt < first.dueAt) first = timer
  }
  return first
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < settlingTurns; turn++) await new Promise<void>((resolve) => void setImmediate(resolve))
}
