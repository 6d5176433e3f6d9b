import type { Clock, Instant } from '../shared/clock.ts'
import type { Mark } from './coherence/coherence.ts'

/** When a read left, and what was known of its bucket then. */
export interface Sending {
  readonly mark: Mark
  readonly at: Instant
}

/** A read of L2 that is planned or under way. */
export class Flight<R> {
  readonly text: string
  readonly key: string
  /** Undefined until it was sent. */
  sent: Sending | undefined = undefined
  /** Something happened to the key meanwhile: the outcome is not kept, and nobody joins any more. */
  detached: boolean = false
  readonly result: Promise<R>

  constructor(text: string, key: string, read: (flight: Flight<R>) => Promise<R>) {
    this.text = text
    this.key = key
    this.result = read(this)
  }
}

/** The reads under way, at most one per key that others may join. */
export class Flights<R> {
  readonly #clock: Clock
  readonly #joinableMs: number
  readonly #latest = new Map<string, Flight<R>>()

  /** `joinableMs`: how long after it was sent a read may be joined; absent: only before. */
  constructor(clock: Clock, joinableMs: number | undefined) {
    this.#clock = clock
    this.#joinableMs = joinableMs ?? -1
  }

  /** A read of the key that this request may wait for. `fresh`: what was sent already is not good enough. */
  toJoin(text: string, key: string, fresh: boolean): Flight<R> | undefined {
    const flight = this.#latest.get(key)
    if (flight === undefined || flight.detached || flight.text !== text) return undefined
    if (flight.sent === undefined) return flight
    if (fresh) return undefined
    const { monotonic, wall } = flight.sent.at
    // By both clocks: whoever slept with a read under way must not answer with it for long.
    const age = Math.max(this.#clock.monotonic() - monotonic, Math.abs(this.#clock.wall() - wall))
    return age <= this.#joinableMs ? flight : undefined
  }

  start(text: string, key: string, read: (flight: Flight<R>) => Promise<R>): Flight<R> {
    // The older read may come back last: then it must not replace what the newer one brought.
    this.detach(key)
    const flight = new Flight(text, key, read)
    this.#latest.set(key, flight)
    const forget = (): void => {
      if (!this.isOvertaken(flight)) this.#latest.delete(key)
    }
    flight.result.then(forget, forget)
    return flight
  }

  /** Whether a newer read of the key began, or this one is over. */
  isOvertaken(flight: Flight<R>): boolean {
    return this.#latest.get(flight.key) !== flight
  }

  detach(key: string): void {
    const flight = this.#latest.get(key)
    if (flight !== undefined) flight.detached = true
  }

  /** What is not sent yet will read what is there then. */
  detachSent(isMeant: (key: string) => boolean): void {
    for (const flight of this.#latest.values()) {
      if (flight.sent !== undefined && isMeant(flight.key)) flight.detached = true
    }
  }
}
