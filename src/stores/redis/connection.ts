import type { Clock, Timer } from '../../shared/clock.ts'
import type { Argument, DriverConnection } from './driver.ts'
import { RedisError, redisError } from './error.ts'

interface Pending {
  deadline: number
  reject: (error: RedisError) => void
}

/**
 * One connection, watched: when a command outlives its time, the connection is cut and everything on it fails. That
 * is the only way out of a half-open connection, and it keeps a late reply from whoever asks next.
 */
export class Connection {
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #raw: DriverConnection
  readonly #onEnd: () => void
  readonly #pending = new Set<Pending>()
  #watch: { at: number; timer: Timer } | undefined
  #failure: RedisError | undefined

  constructor(raw: DriverConnection, seams: { clock: Clock; timeoutMs: number; onEnd: () => void }) {
    this.#raw = raw
    this.#clock = seams.clock
    this.#timeoutMs = seams.timeoutMs
    this.#onEnd = seams.onEnd
  }

  get isOpen(): boolean {
    return this.#failure === undefined
  }

  /** `startedAt` is when the operation began, on the monotonic clock: its time to wait counts from there. */
  send(command: readonly Argument[], startedAt: number): Promise<unknown> {
    return this.#watched(() => this.#raw.send(command), startedAt)
  }

  subscribe(channel: string, onMessage: (message: Buffer) => void, of?: 'shard'): Promise<unknown> {
    return this.#watched(() => this.#raw.subscribe(channel, onMessage, of), this.#clock.monotonic())
  }

  /** Cuts the connection; what waits for a reply fails with `reason`. Repeatable. */
  end(reason: RedisError): void {
    if (this.#failure !== undefined) return
    this.#failure = reason
    this.#watch?.timer.cancel()
    this.#raw.destroy()
    for (const { reject } of this.#pending) reject(reason)
    this.#pending.clear()
    this.#onEnd()
  }

  #watched(start: () => Promise<unknown>, startedAt: number): Promise<unknown> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => {
      const pending = { deadline: startedAt + this.#timeoutMs, reject }
      this.#pending.add(pending)
      this.#watchUntil(pending.deadline)
      start().then(
        (reply) => {
          this.#pending.delete(pending)
          resolve(reply)
        },
        (error: unknown) => {
          this.#pending.delete(pending)
          reject(redisError(error))
        },
      )
    })
  }

  /** One timer for all that is pending, at the first deadline there may be. */
  #watchUntil(deadline: number): void {
    if (this.#watch !== undefined) {
      if (this.#watch.at <= deadline) return
      this.#watch.timer.cancel()
    }
    const timer = this.#clock.setTimer(() => this.#look(), Math.max(0, deadline - this.#clock.monotonic()))
    this.#watch = { at: deadline, timer }
  }

  #look(): void {
    this.#watch = undefined
    if (this.#pending.size === 0) return
    const deadlines = Array.from(this.#pending, ({ deadline }) => deadline)
    const first = Math.min(...deadlines)
    if (this.#clock.monotonic() < first) return this.#watchUntil(first)
    this.end(new RedisError('CONNECTION', `no answer within ${this.#timeoutMs} ms`))
  }
}
