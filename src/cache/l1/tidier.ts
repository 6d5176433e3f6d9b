import type { Clock, Timer } from '../../shared/clock.ts'

/** A whole round through memory takes about this long. */
const roundMs = 60_000
/** Places looked at in one go, so that no request waits for long. */
const slice = 10_000

/** What is kept tidy: lets go of expired entries among its next `slots` places, and says how many places it has. */
export interface Tidied {
  sweep(monotonic: number, slots: number): number
}

/**
 * Sees to it that expired entries do not hold memory for ever, also where nobody asks any more. One timer for all
 * entries, and none while there are none.
 */
export class Tidier {
  readonly #clock: Clock
  readonly #rooms: readonly Tidied[]
  #timer: Timer | undefined
  #closed = false

  constructor(clock: Clock, rooms: readonly Tidied[]) {
    this.#clock = clock
    this.#rooms = rooms
  }

  /** Something came into memory. */
  note(): void {
    if (this.#timer === undefined && !this.#closed) this.#plan(roundMs)
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  #plan(ms: number): void {
    this.#timer = this.#clock.setTimer(() => this.#tidy(), ms)
  }

  #tidy(): void {
    this.#timer = undefined
    const monotonic = this.#clock.monotonic()
    const places = Math.max(...this.#rooms.map((room) => room.sweep(monotonic, slice)))
    if (places > 0) this.#plan(Math.min(roundMs, (roundMs * slice) / places))
  }
}
