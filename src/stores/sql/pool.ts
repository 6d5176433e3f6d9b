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

type Dismissals = Set<(reason: Error) => void>

/** Lends connections, for a limited time. One that is not given back in time is closed, so that none is ever lost. */
export class SqlPool<Connection> {
  readonly #driver: DriverPool<Connection>
  readonly #store: string
  readonly #clock: Clock
  readonly #counts = { inUse: 0, waiting: 0, acquired: 0, acquireTimeouts: 0, discarded: 0 }
  /** Send home those who wait for a connection, and those who work on one. */
  readonly #waiting: Dismissals = new Set()
  readonly #working: Dismissals = new Set()
  #closing: Promise<void> | undefined
  #isHungUp = false
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
      return await withTimeout(this.#clock, leftMs, unlessDismissed(this.#working, work(connection)), () => {
        isSound = false
        return new StoreUnavailableError(`the ${this.#store} store did not answer within ${Math.round(limitMs)} ms`)
      })
    } catch (error) {
      isSound &&= this.#driver.survives(error)
      throw error
    } finally {
      this.#giveBack(connection, isSound && !this.#isHungUp)
    }
  }

  /** Opens connections ahead of their first use. */
  async open(count: number, waitMs: number): Promise<void> {
    const openOne = async (): Promise<void> => this.#giveBack(await this.#acquire(waitMs), true)
    await Promise.all(Array.from({ length: count }, openOne))
  }

  stats(): PoolStats {
    return { max: this.#driver.max, open: this.#driver.open(), ...this.#counts }
  }

  /** Sends home who waits at once, and who works after `graceMs`, and closes every connection. Repeatable. */
  close(graceMs: number): Promise<void> {
    this.#closing ??= this.#drainAndClose(graceMs)
    return this.#closing
  }

  async #drainAndClose(graceMs: number): Promise<void> {
    this.#dismiss(this.#waiting)
    if (this.#counts.inUse > 0) await this.#drained(graceMs)
    await this.#driver.close()
  }

  #drained(graceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const hangUp = (): void => {
        this.#isHungUp = true
        this.#dismiss(this.#working)
      }
      const deadline = this.#clock.setTimer(hangUp, graceMs, true)
      this.#isDrained = () => {
        deadline.cancel()
        resolve()
      }
    })
  }

  #dismiss(those: Dismissals): void {
    for (const dismiss of those) dismiss(this.#closed())
  }

  async #acquire(waitMs: number): Promise<Connection> {
    if (this.#closing !== undefined) throw this.#closed()
    const startedAt = this.#clock.monotonic()
    const exhausted = (): StoreUnavailableError => this.#exhausted(waitMs)
    const wanted = this.#driver.acquire()
    this.#counts.waiting++
    try {
      const connection = await withTimeout(this.#clock, waitMs, unlessDismissed(this.#waiting, wanted), exhausted)
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
    const message = `no connection to the ${this.#store} store within ${Math.round(waitMs)} ms: ${inUse} of ${this.#driver.max} are in use`
    return new StoreUnavailableError(message)
  }

  #closed(): SallyportError {
    return new SallyportError('ERR_CLOSED', `the ${this.#store} store is closed`)
  }
}

function unlessDismissed<T>(dismissals: Dismissals, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    dismissals.add(reject)
    work.then(resolve, reject).finally(() => dismissals.delete(reject))
  })
}
