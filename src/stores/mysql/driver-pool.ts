import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Pool, PoolConnection } from 'mysql2'
import type { Clock, Timer } from '../../shared/clock.ts'
import { StoreUnavailableError } from '../../shared/errors.ts'
import { withTimeout } from '../../shared/timeout.ts'
import { faultOf, isHarmless } from './errors.ts'
import { connectionLimitOf } from './options.ts'
import type { MysqlSettings } from './options.ts'
import { MysqlSession } from './session.ts'
import type { DriverPool } from '../sql/pool.ts'

/** What every pool of the driver has in common. */
abstract class DriversPool implements DriverPool<MysqlSession> {
  abstract readonly max: number
  protected readonly pool: Pool
  /** Those that are open, as far as this store has seen them. */
  protected readonly sessions: Map<PoolConnection, MysqlSession> = new Map()

  constructor(pool: Pool) {
    this.pool = pool
  }

  async acquire(): Promise<MysqlSession> {
    for (;;) {
      const connection = await this.#connection()
      const session = this.sessions.get(connection) ?? (await this.#introduced(connection))
      if (!session.isOutdated) return session
      this.discard(session)
    }
  }

  /** Lends no connection any more that is open now. */
  outdate(): void {
    for (const session of this.sessions.values()) session.isOutdated = true
  }

  release(session: MysqlSession): void {
    if (session.isInUnit) return this.discard(session)
    session.connection.release()
  }

  discard(session: MysqlSession): void {
    this.sessions.delete(session.connection)
    destroy(session.connection)
  }

  open(): number {
    this.#forgetLost()
    return this.sessions.size
  }

  isOpen({ connection }: MysqlSession): boolean {
    return this.sessions.has(connection) && !lost.has(connection)
  }

  survives(error: unknown): boolean {
    return isHarmless(error)
  }

  abstract close(): Promise<void>

  protected abstract setUp(connection: PoolConnection): Promise<MysqlSession>

  async #introduced(connection: PoolConnection): Promise<MysqlSession> {
    this.#forgetLost()
    watch(connection)
    try {
      const session = await this.setUp(connection)
      this.sessions.set(connection, session)
      return session
    } catch (error) {
      destroy(connection)
      throw error
    }
  }

  #forgetLost(): void {
    for (const connection of this.sessions.keys()) if (lost.has(connection)) this.sessions.delete(connection)
  }

  #connection(): Promise<PoolConnection> {
    return new Promise((resolve, reject) => {
      this.pool.getConnection((error, connection) => (error ? reject(faultOf(error)) : resolve(connection)))
    })
  }
}

const idleMs = 60_000
const tidyMs = 15_000

/** A pool of the store's own. */
export class OwnPool extends DriversPool {
  readonly max: number
  readonly #min: number
  readonly #clock: Clock
  readonly #limitMs: number
  /** Since when, the longest first. */
  readonly #idle = new Map<MysqlSession, number>()
  #timer: Timer | undefined

  constructor(pool: Pool, { clock, operationTimeoutMs }: MysqlSettings, size: { max: number; min: number }) {
    super(pool)
    this.max = size.max
    this.#min = size.min
    this.#clock = clock
    this.#limitMs = operationTimeoutMs
  }

  override async acquire(): Promise<MysqlSession> {
    this.#timer ??= this.#clock.setTimer(() => this.#tidy(), tidyMs)
    const session = await super.acquire()
    this.#idle.delete(session)
    return session
  }

  override release(session: MysqlSession): void {
    this.#idle.set(session, this.#clock.monotonic())
    super.release(session)
  }

  override discard(session: MysqlSession): void {
    this.#idle.delete(session)
    super.discard(session)
  }

  async close(): Promise<void> {
    this.#timer?.cancel()
    const connections = [...this.sessions.keys()]
    // Before any is cut: a stream that is cut calls itself closed before its socket is.
    const gone = Promise.all(connections.map(closed))
    const hungUp = new Promise<void>((resolve) => this.pool.end(() => resolve())).then(() => gone)
    // Everybody is told goodbye, and who does not hang up in time is cut off. The driver itself may wait for ever.
    const late = (): Error => new StoreUnavailableError('the database did not hang up')
    await withTimeout(this.#clock, this.#limitMs, hungUp, late).catch(() => {
      connections.forEach(cut)
      return gone
    })
  }

  protected async setUp(connection: PoolConnection): Promise<MysqlSession> {
    const session = new MysqlSession(connection)
    const seconds = Math.ceil(this.#limitMs / 1_000)
    const said = Promise.all([
      session.command('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED'),
      // Strict, or what is too long would be cut without a word. The server gives up when nobody waits any more.
      session.command(`SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', autocommit = 1,
        innodb_lock_wait_timeout = ${seconds}, lock_wait_timeout = ${seconds}`),
    ])
    // While it is made nobody else looks after it, and it has its place in the pool already.
    await withTimeout(this.#clock, this.#limitMs, said, () => new StoreUnavailableError('the database fell silent'))
    return session
  }

  /** The driver's own way of closing idle connections knows no least number. */
  #tidy(): void {
    const since = this.#clock.monotonic() - idleMs
    for (const session of this.#idle.keys()) if (!this.isOpen(session)) this.#idle.delete(session)
    for (const [session, idleSince] of this.#idle) {
      if (this.open() <= this.#min || idleSince > since) break
      this.discard(session)
    }
    this.#timer = this.#clock.setTimer(() => this.#tidy(), tidyMs)
  }
}

/** A pool the application has already. */
export class CallersPool extends DriversPool {
  readonly max: number

  constructor(pool: Pool) {
    super(pool)
    this.max = connectionLimitOf(pool)
  }

  async close(): Promise<void> {}

  /** The settings are the caller's, so each unit has to say what it needs. */
  protected setUp(connection: PoolConnection): Promise<MysqlSession> {
    return Promise.resolve(new MysqlSession(connection, 'SET TRANSACTION ISOLATION LEVEL READ COMMITTED'))
  }
}

const watched = new WeakSet<PoolConnection>()
const lost = new WeakSet<PoolConnection>()

/** Once, however many stores share the connection. */
function watch(connection: PoolConnection): void {
  if (watched.has(connection)) return
  watched.add(connection)
  const lose = (): void => void lost.add(connection)
  connection.on('end', lose)
  // An error without a listener ends the process; the driver's own listens to the first one only.
  connection.on('error', lose)
}

function destroy(connection: PoolConnection): void {
  connection.destroy()
  // The driver says goodbye first, which a connection that is cut never hears.
  cut(connection)
}

function cut(connection: PoolConnection): void {
  streamOf(connection).destroy()
}

async function closed(connection: PoolConnection): Promise<void> {
  const stream = streamOf(connection)
  if (!stream.closed) await once(stream, 'close')
}

function streamOf(connection: PoolConnection): Socket {
  return (connection as PoolConnection & { stream: Socket }).stream
}
