/** A started timer. */
export interface Timer {
  cancel(): void
}

/** Time as an argument, so that tests own it. All readings are in milliseconds. */
export interface Clock {
  /** Never steps; its zero means nothing. Ages, leases and timeouts are judged by it. */
  monotonic(): number
  /** Unix time; may step. Instants that other machines or people read come from it. */
  wall(): number
  /**
   * Calls `callback` once after `afterMs`. The timer keeps the process alive only if somebody waits for it
   * (`isAwaited`, default `false`).
   */
  setTimer(callback: () => void, afterMs: number, isAwaited?: boolean): Timer
}

/** A point in time on both clocks: a suspended machine or a stepped clock shows on one of them. */
export interface Instant {
  readonly monotonic: number
  readonly wall: number
}

/** Node's timers fire at once if they are set for longer. */
const longestTimerMs = 2 ** 31 - 1

export const systemClock: Clock = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
  setTimer(callback, afterMs, isAwaited = false) {
    const timer = setTimeout(callback, Math.min(afterMs, longestTimerMs))
    if (!isAwaited) timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
}

export function now(clock: Clock): Instant {
  return { monotonic: clock.monotonic(), wall: clock.wall() }
}

export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.setTimer(resolve, ms, true))
}
