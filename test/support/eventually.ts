import { setTimeout as pause } from 'node:timers/promises'
import type { ManualClock } from '../../src/testing/manual-clock.ts'

/** Asks again and again until the answer is the wanted one; fails after `tries`. Says nothing about how long it took. */
export async function eventually<T>(
  ask: () => Promise<T> | T,
  wanted: (answer: T) => boolean,
  options: { tries?: number; everyMs?: number } = {},
): Promise<T> {
  const { tries = 200, everyMs = 20 } = options
  for (let tried = 1; ; tried += 1) {
    const answer = await ask()
    if (wanted(answer)) return answer
    if (tried === tries) throw new Error(`still not as wanted after ${tries} tries`)
    await pause(everyMs)
  }
}

/**
 * Lets a manual clock go at the pace of real time until `work` has settled: for work that waits both for real sockets
 * and for timers of the clock.
 */
export async function ticking<T>(clock: ManualClock, work: Promise<T>): Promise<T> {
  const progress = { settled: false }
  const watched = work.finally(() => (progress.settled = true))
  watched.catch(() => {})
  while (!progress.settled) {
    await clock.advance(5)
    await pause(5)
  }
  return watched
}
