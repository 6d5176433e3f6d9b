import type { Client, PoolClient } from 'pg'
import type { PoolStats } from '../../cache/store.ts'
import { SallyportError, StoreUnavailableError } from '../../shared/errors.ts'
import { withTimeout } from '../../shared/timeout.ts'
import { listeningClient, loadDriver, mainPool, pollPool } from './connections.ts'
import type { Driver } from './connections.ts'
import { isObstructed, isOtherSchema, translated } from './errors.ts'
import type { PostgresSettings } from './options.ts'
import { inTransaction } from './query.ts'
import { migrate, pendingWork, raiseMaxStaleness } from './schema.ts'
import { SqlPool } from '../sql/pool.ts'
import { SqlRetries } from '../sql/retries.ts'
import type { TableNames } from '../sql/schema.ts'

type Work<T> = (client: PoolClient) => Promise<T>

interface Pools {
  driver: Driver
  main: SqlPool<PoolClient>
  poll: SqlPool<PoolClient>
}

/** The way to the database: connections, in time; tables that are there; errors people understand. */
export class PostgresLink {
  readonly #settings: PostgresSettings
  readonly #names: TableNames
  readonly #retries: SqlRetries
  #pools: Promise<Pools> | undefined
  /** Absent until the tables were looked at, and again when they are not what they were. */
  #ready: Pools | undefined
  #preparing: Promise<Pools> | undefined
  #maxStalenessMs = 0
  #isClosed = false

  constructor(settings: PostgresSettings, names: TableNames) {
    const { clock, operationTimeoutMs } = settings
    this.#settings = settings
    this.#names = names
    this.#retries = new SqlRetries({ clock, limitMs: operationTimeoutMs, obstacle: 'others kept rows locked' })
  }

  /** Looks at the tables, makes those that are missing, and remembers the promise for tables that are made anew. */
  async init(maxStalenessMs: number): Promise<void> {
    this.#maxStalenessMs = Math.max(this.#maxStalenessMs, maxStalenessMs)
    const { main } = await this.#run(() => this.#prepared())
    const { pool, minConnections, acquireTimeoutMs } = this.#settings
    // Connections ahead of their time are a favour: who needs one that cannot be made is told then.
    if (pool === undefined) main.open(minConnections, acquireTimeoutMs).catch(() => {})
  }

  /** What a request waits for, until `endsAt`. A unit that only others were in the way of is made again. */
  request<T>(work: Work<T>, endsAt: number = this.endOfRequest()): Promise<T> {
    const { clock } = this.#settings
    const limitOf = (leftMs: number): number => Math.max(1, Math.floor(Math.min(leftMs, endsAt - clock.monotonic())))
    return this.#use(({ main }) => this.#retries.run((leftMs) => main.run(limitOf(leftMs), work), isObstructed))
  }

  /** When a request that begins now has to end, monotonic. */
  endOfRequest(): number {
    return this.#settings.clock.monotonic() + this.#settings.operationTimeoutMs
  }

  /** What nobody waits for. */
  background<T>(work: Work<T>): Promise<T> {
    const { acquireTimeoutMs } = this.#settings
    return this.#use(({ main }) =>
      main.run(acquireTimeoutMs, (client) => inTransaction(client, acquireTimeoutMs, () => work(client))),
    )
  }

  /** On a connection that requests never keep busy. */
  poll<T>(work: Work<T>): Promise<T> {
    return this.#use(({ poll }) => poll.run(this.#settings.operationTimeoutMs, work))
  }

  /** A connection for the listener, which opens and closes it. */
  async listeningClient(): Promise<Client> {
    const { driver } = await this.#opened()
    return listeningClient(driver, this.#settings)
  }

  poolStats(): PoolStats | undefined {
    return this.#ready?.main.stats()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#retries.wake()
    const pools = await this.#pools?.catch(() => undefined)
    await Promise.all([pools?.main.close(), pools?.poll.close()])
  }

  async #use<T>(work: (pools: Pools) => Promise<T>): Promise<T> {
    return this.#run(async () => work(this.#ready ?? (await this.#prepared())))
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (isOtherSchema(error)) this.#ready = undefined
      throw this.#isClosed ? closed() : translated(error)
    }
  }

  /** A request waits its own time for this, however long it takes. */
  #prepared(): Promise<Pools> {
    if (this.#isClosed) throw closed()
    this.#preparing ??= this.#prepare().finally(() => {
      this.#preparing = undefined
    })
    const { clock, operationTimeoutMs } = this.#settings
    return withTimeout(clock, operationTimeoutMs, this.#preparing, () => {
      return new StoreUnavailableError(
        `the tables of the postgres store were not ready within ${operationTimeoutMs} ms`,
      )
    })
  }

  async #prepare(): Promise<Pools> {
    const pools = await this.#opened()
    const { operationTimeoutMs, acquireTimeoutMs } = this.#settings
    const isPending = await pools.main.run(operationTimeoutMs, async (client) => {
      const statements = await pendingWork(client, this.#names, this.#settings)
      return statements.length > 0
    })
    if (isPending) await pools.main.run(acquireTimeoutMs, (client) => migrate(client, this.#names, this.#settings))
    const promised = this.#maxStalenessMs
    await pools.main.run(operationTimeoutMs, (client) => raiseMaxStaleness(client, this.#names, promised))
    this.#ready = this.#maxStalenessMs === promised ? pools : undefined
    return pools
  }

  #opened(): Promise<Pools> {
    if (this.#isClosed) throw closed()
    this.#pools ??= this.#open()
    return this.#pools
  }

  async #open(): Promise<Pools> {
    const { clock } = this.#settings
    const driver = await loadDriver()
    return {
      driver,
      main: new SqlPool(mainPool(driver, this.#settings), 'postgres', clock),
      poll: new SqlPool(pollPool(driver, this.#settings), 'postgres', clock),
    }
  }
}

function closed(): SallyportError {
  return new SallyportError('ERR_CLOSED', 'the postgres store is closed')
}
