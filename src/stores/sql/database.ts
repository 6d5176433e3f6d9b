import type { StoreStats } from '../../cache/store.ts'
import { SallyportError, StoreUnavailableError } from '../../shared/errors.ts'
import { withTimeout } from '../../shared/timeout.ts'
import { LostIdentity } from './lost-identity.ts'
import type { SqlSettings } from './options.ts'
import { SqlPool } from './pool.ts'
import type { DriverPool } from './pool.ts'
import { SqlRetries } from './retries.ts'

/** What differs from one kind of database to another. A session is a connection that is lent. */
export interface DatabaseKind<Session> {
  /** As messages say it. */
  readonly name: string
  /** Connects nothing yet. Throws `ConfigError` where the driver is not installed. */
  open(): Promise<DriverPools<Session>>
  /** What has to be run before the tables can be used; throws on a server or tables with which that will never be. */
  pending(session: Session): Promise<readonly string[]>
  /** Makes what is missing, one instance after the other. */
  migrate(session: Session): Promise<void>
  /** Raises the greatest staleness any instance was promised, in tables that are there; never lowers it. */
  raiseMaxStaleness(session: Session, maxStalenessMs: number): Promise<void>
  /** Whether trying the unit again makes sense: others were in the way, and nothing of it happened. */
  isPassing(error: unknown): boolean
  /** Whether the tables are not what they were when they were looked at. */
  isOtherSchema(error: unknown): boolean
  /** What users of the store see; an error of ours passes unchanged. */
  translated(error: unknown): unknown
}

/** The pools of one store, of the driver. */
export interface DriverPools<Session> {
  readonly main: DriverPool<Session>
  /** One connection that is never behind what requests do. */
  readonly poll: DriverPool<Session>
  /** How many connections of `main` there should be ahead of the first requests. */
  readonly ahead: number
}

interface Pools<Session> {
  main: SqlPool<Session>
  poll: SqlPool<Session>
  ahead: number
}

type Work<Session, T> = (session: Session) => Promise<T>
type Limits = Pick<SqlSettings, 'clock' | 'operationTimeoutMs' | 'acquireTimeoutMs'>

/** The database of one store: connected and prepared when it is first needed, and again when its tables have gone. */
export class SqlDatabase<Session> {
  readonly #kind: DatabaseKind<Session>
  readonly #limits: Limits
  readonly #retries: SqlRetries
  #opening: Promise<Pools<Session>> | undefined
  #preparing: Promise<Pools<Session>> | undefined
  /** Absent until the tables were looked at, and again when they are not what they were. */
  #ready: Pools<Session> | undefined
  #maxStalenessMs = 0
  #isClosed = false

  constructor(kind: DatabaseKind<Session>, limits: Limits) {
    this.#kind = kind
    this.#limits = limits
    this.#retries = new SqlRetries(limits.clock, 'others kept rows of the database locked')
  }

  /** Raises the greatest staleness any instance was promised; never lowers it. */
  async init(maxStalenessMs: number): Promise<void> {
    // Remembered too, for tables that take the place of these.
    this.#maxStalenessMs = Math.max(this.#maxStalenessMs, maxStalenessMs)
    await this.request((session) => this.#promise(session))
  }

  /** Resolves once the database can be used. */
  async ready(endsAt: number = this.endOfRequest()): Promise<void> {
    await this.#guarded(async () => this.#ready ?? this.#prepared(endsAt))
  }

  /** What somebody waits for, until `endsAt`. A unit that only others were in the way of is made again. */
  request<T>(work: Work<Session, T>, endsAt: number = this.endOfRequest()): Promise<T> {
    return this.#run('main', endsAt, work)
  }

  /** When a request that begins now has to end, monotonic. */
  endOfRequest(): number {
    return this.#after(this.#limits.operationTimeoutMs)
  }

  /** What nobody waits for. */
  background<T>(work: Work<Session, T>): Promise<T> {
    return this.#run('main', this.#after(this.#limits.acquireTimeoutMs), work)
  }

  /** On a connection that requests never keep busy. */
  poll<T>(work: Work<Session, T>): Promise<T> {
    return this.#run('poll', this.endOfRequest(), work)
  }

  poolStats(): Pick<StoreStats, 'pool'> {
    return this.#ready === undefined ? {} : { pool: this.#ready.main.stats() }
  }

  /** Sends home who waits at once, and who works within the time of a request. Repeatable. */
  async close(): Promise<void> {
    this.#isClosed = true
    const pools = await this.#opening?.catch(() => undefined)
    if (pools === undefined) return
    // Background work has more time than somebody who closes the store wants to wait.
    const { operationTimeoutMs } = this.#limits
    const closed = [pools.main, pools.poll].map((pool) => pool.close(operationTimeoutMs))
    this.#retries.wake()
    await Promise.all(closed)
  }

  #run<T>(pool: 'main' | 'poll', endsAt: number, work: Work<Session, T>): Promise<T> {
    return this.#guarded(async () => {
      const pools = this.#ready ?? (await this.#prepared(endsAt))
      return await this.#attempt(pools[pool], endsAt, work)
    })
  }

  async #guarded<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw this.#closed()
    try {
      return await operation()
    } catch (error) {
      // The next operation looks at the tables, and makes them.
      if (error instanceof LostIdentity || this.#kind.isOtherSchema(error)) this.#ready = undefined
      throw this.#isClosed ? this.#closed() : this.#kind.translated(error)
    }
  }

  #attempt<T>(pool: SqlPool<Session>, endsAt: number, work: Work<Session, T>): Promise<T> {
    const limitMs = endsAt - this.#limits.clock.monotonic()
    // Work that is cut off at once would cost a sound connection, and nobody would know whether it was done.
    if (limitMs < 1) throw new StoreUnavailableError(`no time was left to ask the ${this.#kind.name} store`)
    return this.#retries.run(
      limitMs,
      (leftMs) => pool.run(leftMs, work),
      (error) => this.#kind.isPassing(error),
    )
  }

  /** All wait for the same preparing, each for its own time, however long it takes. */
  #prepared(endsAt: number): Promise<Pools<Session>> {
    const { clock } = this.#limits
    this.#preparing ??= this.#prepare().finally(() => (this.#preparing = undefined))
    const limitMs = endsAt - clock.monotonic()
    return withTimeout(clock, limitMs, this.#preparing, () => {
      const said = `the tables of the ${this.#kind.name} store were not ready within ${Math.round(limitMs)} ms`
      return new StoreUnavailableError(said)
    })
  }

  /** In steps: what is quick gets a request's time, so that a server that fell silent is soon asked anew. */
  async #prepare(): Promise<Pools<Session>> {
    const pools = await this.#opened()
    if (this.#isClosed) throw this.#closed()
    const { main, ahead } = pools
    const pending = await this.#attempt(main, this.endOfRequest(), (session) => this.#kind.pending(session))
    const patiently = this.#after(this.#limits.acquireTimeoutMs)
    if (pending.length > 0) await this.#attempt(main, patiently, (session) => this.#kind.migrate(session))
    await this.#attempt(main, this.endOfRequest(), (session) => this.#promise(session))
    this.#ready = pools
    // A favour: who needs a connection that cannot be made is told then.
    main.open(ahead, this.#limits.operationTimeoutMs).catch(() => {})
    return pools
  }

  #promise(session: Session): Promise<void> {
    return this.#kind.raiseMaxStaleness(session, this.#maxStalenessMs)
  }

  #opened(): Promise<Pools<Session>> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined
      throw error
    })
    return this.#opening
  }

  async #open(): Promise<Pools<Session>> {
    const { name } = this.#kind
    const { main, poll, ahead } = await this.#kind.open()
    const ours = (pool: DriverPool<Session>): SqlPool<Session> => new SqlPool(pool, name, this.#limits.clock)
    return { main: ours(main), poll: ours(poll), ahead }
  }

  #after(ms: number): number {
    return this.#limits.clock.monotonic() + ms
  }

  #closed(): SallyportError {
    return new SallyportError('ERR_CLOSED', `the ${this.#kind.name} store is closed`)
  }
}
