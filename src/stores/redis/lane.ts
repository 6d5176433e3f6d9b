import type { Clock } from '../../shared/clock.ts'
import { isSallyportError, SallyportError } from '../../shared/errors.ts'
import { withTimeout } from '../../shared/timeout.ts'
import { Connection } from './connection.ts'
import type { DriverConnection, OnClose } from './driver.ts'
import { RedisError, redisError } from './error.ts'

export interface LaneSeams {
  clock: Clock
  timeoutMs: number
  open: (onClose: OnClose) => Promise<DriverConnection>
  /** Refuses a server that will not do. */
  check: (connection: Connection, startedAt: number) => Promise<void>
}

/** One connection at a time, opened when it is needed and again when it is gone. */
export class Lane {
  readonly #seams: LaneSeams
  #connection: Connection | undefined
  #connecting: Promise<Connection> | undefined
  /** The connection that is being opened, so that `close` leaves nothing behind. */
  #opening: Connection | undefined
  #isClosed = false

  constructor(seams: LaneSeams) {
    this.#seams = seams
  }

  /** Connects first if need be; the time for that counts too. */
  async run<T>(work: (connection: Connection, startedAt: number) => Promise<T>): Promise<T> {
    const startedAt = this.#seams.clock.monotonic()
    return work(this.#connection ?? (await this.#connected()), startedAt)
  }

  /** Gives the connection up, because its server is not the one to ask any more. */
  drop(reason: RedisError): void {
    this.#connection?.end(reason)
  }

  close(): void {
    this.#isClosed = true
    const reason = new RedisError('CONNECTION', 'the store is closed')
    this.#connection?.end(reason)
    this.#opening?.end(reason)
  }

  #connected(): Promise<Connection> {
    if (this.#isClosed) return Promise.reject(closed())
    const { clock, timeoutMs } = this.#seams
    this.#connecting ??= this.#connect().finally(() => (this.#connecting = undefined))
    return withTimeout(clock, timeoutMs, this.#connecting, () => tooLate(timeoutMs))
  }

  async #connect(): Promise<Connection> {
    const { clock, timeoutMs, open, check } = this.#seams
    const startedAt = clock.monotonic()
    const raw = await open((reason = new RedisError('CONNECTION', 'the connection was closed')) =>
      connection.end(redisError(reason)),
    )
    const connection: Connection = new Connection(raw, { clock, timeoutMs, onEnd: () => this.#forget(connection) })
    this.#opening = connection
    try {
      await withTimeout(clock, timeoutMs, raw.ready, () => tooLate(timeoutMs))
      await check(connection, startedAt)
      if (!connection.isOpen || this.#isClosed) throw new RedisError('CONNECTION', 'the connection was closed')
    } catch (error) {
      connection.end(new RedisError('CONNECTION', 'the connection was not made'))
      if (this.#isClosed) throw closed()
      throw isSallyportError(error) ? error : redisError(error)
    } finally {
      this.#opening = undefined
    }
    this.#connection = connection
    return connection
  }

  #forget(connection: Connection): void {
    if (this.#connection === connection) this.#connection = undefined
  }
}

function tooLate(timeoutMs: number): RedisError {
  return new RedisError('CONNECTION', `no connection within ${timeoutMs} ms`)
}

function closed(): SallyportError {
  return new SallyportError('ERR_CLOSED', 'the Redis store is closed')
}
