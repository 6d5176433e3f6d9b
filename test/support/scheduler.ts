import type { Clock, Timer } from '../../src/shared/clock.ts'
import { EventQueue } from './event-queue.ts'
import type { Timed } from './event-queue.ts'
import { seededRandom } from './seeded-random.ts'
import type { SeededRandom } from './seeded-random.ts'

/**
 * One computer: its clocks, and whatever waits to happen on it. What is already on its way to somebody else is not
 * its own any more.
 */
export interface Machine extends Clock {
  readonly name: string
  readonly isDead: boolean
  readonly isStopped: boolean
  stepWall(ms: number): void
  /** Nothing happens here any more. */
  kill(): void
  /** Lets this many more things happen here, then kills it or stops it for a while. */
  after(steps: number, ending: 'kill' | { stopForMs: number }): void
  /** Nothing happens here for a while; then all that fell due does, in any order. */
  stop(ms: number): void
  /** The same, with the monotonic clock standing still meanwhile, as on a laptop put to sleep. */
  suspend(ms: number): void
}

interface Event extends Timed {
  readonly callback: () => void
  readonly owner: SimulatedMachine | undefined
  cancelled: boolean
}

/** More would be a loop that never ends. */
const maxSteps = 50_000
const startAt = Date.UTC(2026, 0, 1)
/** The wall clocks of two machines differ by this at most, unless one is stepped. */
export const clockSkewMs = 100

/**
 * Lets everything that could happen happen one thing at a time, in an order that the seed decides: no real time
 * passes, and the same seed gives the same run.
 */
export class Scheduler {
  readonly seed: number
  readonly random: SeededRandom
  /** Called with a line for everything that happens, to read a run that failed. */
  trace: ((line: string) => void) | undefined = undefined
  readonly #queue = new EventQueue<Event>()
  #now = 0
  #steps = 0

  constructor(seed: number) {
    this.seed = seed
    this.random = seededRandom(seed)
  }

  /** From now on, if `trace` is given, it is told of everything that happens, and when. */
  tell(trace: ((line: string) => void) | undefined): void {
    this.trace = trace && ((line) => trace(`${this.#now.toFixed(1).padStart(9)}  ${line}`))
  }

  /** Milliseconds since the run began, as an observer outside of all machines sees it. */
  now(): number {
    return this.#now
  }

  machine(name: string): Machine {
    return new SimulatedMachine(this, name)
  }

  /** Lets `callback` happen after `ms`: on its owner, unless that is dead by then, or in the world outside. */
  schedule(ms: number, callback: () => void, owner?: Machine): Timer {
    const event: Event = {
      at: this.#now + Math.max(0, ms),
      order: this.random.fraction(),
      callback,
      owner: owner as SimulatedMachine | undefined,
      cancelled: false,
    }
    this.#queue.push(event)
    return { cancel: () => void (event.cancelled = true) }
  }

  sleep(ms: number, owner?: Machine): Promise<void> {
    return new Promise((resolve) => void this.schedule(ms, resolve, owner))
  }

  /** Runs until `work` has settled. Rejects if it never would. */
  async run<T>(work: Promise<T>): Promise<T> {
    let isSettled = false
    const settle = (): void => void (isSettled = true)
    work.then(settle, settle)
    for (;;) {
      await settled()
      if (isSettled) return work
      this.#happen()
    }
  }

  /** The next thing happens. */
  #happen(): void {
    const event = this.#next()
    if (event === undefined) throw new Error('stuck: nothing is left that could happen')
    if (++this.#steps > maxSteps) throw new Error(`endless: still going after ${maxSteps} steps`)
    event.callback()
  }

  #next(): Event | undefined {
    for (let event = this.#queue.pop(); event !== undefined; event = this.#queue.pop()) {
      if (event.cancelled) continue
      this.#now = Math.max(this.#now, event.at)
      const delayedUntil = event.owner?.admit(this.#now) ?? 0
      if (delayedUntil === Infinity) continue
      if (delayedUntil <= this.#now) return event
      // The very object goes back, so that it can still be cancelled.
      this.#queue.push(Object.assign(event, { at: delayedUntil, order: this.random.fraction() }))
    }
    return undefined
  }
}

class SimulatedMachine implements Machine {
  readonly name: string
  readonly #scheduler: Scheduler
  #monotonicOffset: number
  #wallOffset: number
  #stoppedUntil = 0
  #stepsLeft = Infinity
  #ending: 'kill' | { stopForMs: number } = 'kill'
  isDead: boolean = false

  constructor(scheduler: Scheduler, name: string) {
    this.#scheduler = scheduler
    this.name = name
    this.#monotonicOffset = scheduler.random.between(0, 1e6)
    this.#wallOffset = startAt + scheduler.random.between(0, clockSkewMs)
  }

  get isStopped(): boolean {
    return this.#stoppedUntil > this.#scheduler.now()
  }

  monotonic(): number {
    return this.#scheduler.now() + this.#monotonicOffset
  }

  wall(): number {
    return Math.floor(this.#scheduler.now() + this.#wallOffset)
  }

  setTimer(callback: () => void, afterMs: number): Timer {
    return this.#scheduler.schedule(afterMs, callback, this)
  }

  stepWall(ms: number): void {
    this.#scheduler.trace?.(`${this.name}: wall clock ${ms > 0 ? '+' : ''}${ms} ms`)
    this.#wallOffset += ms
  }

  kill(): void {
    this.#scheduler.trace?.(`${this.name}: killed`)
    this.isDead = true
  }

  after(steps: number, ending: 'kill' | { stopForMs: number }): void {
    this.#stepsLeft = steps
    this.#ending = ending
  }

  stop(ms: number): void {
    this.#scheduler.trace?.(`${this.name}: stopped for ${ms} ms`)
    this.#stoppedUntil = this.#scheduler.now() + ms
  }

  suspend(ms: number): void {
    this.stop(ms)
    this.#monotonicOffset -= ms
  }

  /** When something that is due now may happen here: now, later, or never (Infinity). */
  admit(now: number): number {
    if (!this.isDead && this.#stoppedUntil <= now && --this.#stepsLeft < 0) this.#end()
    return this.isDead ? Infinity : this.#stoppedUntil
  }

  #end(): void {
    this.#stepsLeft = Infinity
    if (this.#ending === 'kill') this.kill()
    else this.stop(this.#ending.stopForMs)
  }
}

/** All promises that could settle have: Node looks at its ticks only then. It turns for what was put off to a turn's end. */
async function settled(): Promise<void> {
  await new Promise((resolve) => process.nextTick(resolve))
  while (process.getActiveResourcesInfo().includes('Immediate')) {
    await new Promise((resolve) => void setImmediate(resolve))
  }
}
