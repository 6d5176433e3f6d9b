import type { PoolStats } from '../../cache/store.ts'
import type { Clock } from '../../shared/clock.ts'
import { SallyportError, StoreUnavailableError } from '../../shared/errors.ts'
import { withTimeout } from '../../shared/timeout.ts'

/** A driver's own pool. Its waiting has no time limit; ours has. */
export interface DriverPool<Connection> {
  /** How many connections there may be. */
  readonly max: number
  acquire(): Promise<Connection>
  release(connection: Connection): void
  /** Closes it at once, whatever it is at: what it would still have answered reaches nobody. */
  discard(connection: Connection): void
  /** How many are open now. */
  open(): number
  /** Called once, when no work is under way any more; a connection that is still on its way is discarded on arrival. */
  close(): Promise<void>
  /** Whether the connection is as good as before, though what ran on it failed with this. */
  survives(error: unknown): boolean
}

/** Lends connections, for a limited time. One that is not given back in time is closed, so that none is ever lost. */
export class SqlPool<Connection> {
  readonly #driver: DriverPool<Connection>
  readonly #store: string
  readonly #clock: Clock
  readonly #counts = { inUse: 0, waiting: 0, acquired: 0, acquireTimeouts: 0, discarded: 0 }
  /** Sends those who wait for a connection home. */
  readonly #dismissals = new Set<(reason: Error) => void>()
  #closing: Promise<void> | undefined
  #isDrained = (): void => {}

  constructor(driver: DriverPool<Connection>, store: string, clock: Clock) {
    this.#driver = driver
    this.#store = store
    this.#clock = clock
  }

  /**
   * Runs `work` on a connection; waiting for one and working together take at most `limitMs`. Waiting ends at `waitMs`,
   * by default after three quarters of that: work begun with no time left would cost a sound connection.
   */
  async run<T>(
    limitMs: number,
    work: (connection: Connection) => Promise<T>,
    waitMs: number = 0.75 * limitMs,
  ): Promise<T> {
    const startedAt = this.#clock.monotonic()
    const connection = await this.#acquire(waitMs)
    const leftMs = limitMs - (this.#clock.monotonic() - startedAt)
    let isSound = true
    try {
      return await withTimeout(this.#clock, leftMs, work(connection), () => {
        isSound = false
        return new StoreUnavailableError(`the ${this.#store} store did not answer within ${limitMs} ms`)
      })
    } catch (error) {
      isSound &&= this.#driver.survives(error)
      throw error
    } finally {
      this.#giveBack(connection, isSound)
    }
  }

  /** Opens connections ahead of their first use. */
  async open(count: number, waitMs: number): Promise<void> {
    const opened = await Promise.allSettled(Array.from({ length: count }, () => this.#acquire(waitMs)))
    for (const each of opened) if (each.status === 'fulfilled') this.#giveBack(each.value, true)
    for (const each of opened) if (each.status === 'rejected') throw each.reason
  }

  stats(): PoolStats {
    return { max: this.#driver.max, open: this.#driver.open(), ...this.#counts }
  }

  /** Sends home who waits, lets who works end, within its time, and closes every connection. Repeatable. */
  close(): Promise<void> {
    this.#closing ??= this.#drainAndClose()
    return this.#closing
  }

  async #drainAndClose(): Promise<void> {
    const drained = new Promise<void>((resolve) => {
      this.#isDrained = resolve
    })
    for (const dismiss of this.#dismissals) dismiss(this.#closed())
    if (this.#counts.inUse > 0) await drained
    await this.#driver.close()
  }

  async #acquire(waitMs: number): Promise<Connection> {
    if (this.#closing !== undefined) throw this.#closed()
    const startedAt = this.#clock.monotonic()
    const exhausted = (): StoreUnavailableError => this.#exhausted(waitMs)
    const wanted = this.#driver.acquire()
    this.#counts.waiting++
    try {
      const connection = await withTimeout(this.#clock, waitMs, this.#unlessDismissed(wanted), exhausted)
      if (this.#closing !== undefined) throw this.#closed()
      // The event loop stood still: the timer, due before, has yet to find out.
      if (this.#clock.monotonic() - startedAt > waitMs) throw exhausted()
      this.#counts.acquired++
      this.#counts.inUse++
      return connection
    } catch (error) {
      wanted.then(
        (late) => this.#refuse(late),
        () => {},
      )
      throw error
    } finally {
      this.#counts.waiting--
    }
  }

  #unlessDismissed(wanted: Promise<Connection>): Promise<Connection> {
    return new Promise((resolve, reject) => {
      this.#dismissals.add(reject)
      wanted.then(resolve, reject).finally(() => this.#dismissals.delete(reject))
    })
  }

  /** A connection that comes after all belongs to nobody. */
  #refuse(late: Connection): void {
    if (this.#closing === undefined) this.#driver.release(late)
    else this.#driver.discard(late)
  }

  #giveBack(connection: Connection, isSound: boolean): void {
    this.#counts.inUse--
    if (isSound) {
      this.#driver.release(connection)
    } else {
      this.#counts.discarded++
      this.#driver.discard(connection)
    }
    if (this.#counts.inUse === 0) this.#isDrained()
  }

  #exhausted(waitMs: number): StoreUnavailableError {
    this.#counts.acquireTimeouts++
    const { inUse } = this.#counts
    const message = `no connection to the ${this.#store} store within ${waitMs} ms: ${inUse} of ${this.#driver.max} are in use`
    return new StoreUnavailableError(message)
  }

  #closed(): SallyportError {
    return new SallyportError('ERR_CLOSED', `the ${this.#store} store is closed`)
  }
}
