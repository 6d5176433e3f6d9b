import type { Client, ClientConfig, Pool, PoolClient, PoolConfig } from 'pg'
import type { Clock } from '../../shared/clock.ts'
import { isHarmless, refusesSettings } from './errors.ts'
import type { PostgresSettings } from './options.ts'
import { loaded } from '../rules/driver.ts'
import type { DriverPools } from '../sql/database.ts'
import type { DriverPool } from '../sql/pool.ts'

type Driver = Pick<typeof import('pg'), 'Client' | 'Pool'>

/** Connects nothing yet. */
export async function driverPools(settings: PostgresSettings): Promise<DriverPools<PoolClient>> {
  const { pool, maxConnections, minConnections } = settings
  const driver = await loadDriver()
  const poll = ownPool(driver, settings, { max: 1 })
  if (pool !== undefined) return { main: new PgPool(pool), poll, ahead: 0 }
  const main = ownPool(driver, settings, { max: maxConnections, min: minConnections })
  return { main, poll, ahead: minConnections }
}

/** A connection that belongs to nobody else. It is not open yet. */
export async function listeningClient(settings: PostgresSettings): Promise<Client> {
  const { listenUrl, operationTimeoutMs } = settings
  const driver = await loadDriver()
  const where = listenUrl === undefined ? whereTo(settings) : { connectionString: listenUrl }
  return new driver.Client({ ...where, ...lasting, connectionTimeoutMillis: operationTimeoutMs })
}

/** Loads `pg` when it is first needed. */
async function loadDriver(): Promise<Driver> {
  const wanted = { store: 'postgresStore', option: 'connectionString', name: 'pg' }
  return (await loaded(wanted, () => import('pg'))).default
}

/**
 * Our statements find rows by their keys. Left to itself the server would prepare those for many keys by the look of a
 * table that is new and empty, to read all of it, and keep to that while the table grows. A stricter isolation would
 * refuse units that only have to wait.
 */
const needed = '-c enable_seqscan=off -c jit=off -c default_transaction_isolation=read\\ committed'

const lasting: ClientConfig = { keepAlive: true, fallback_application_name: 'sallyport' }

function whereTo({ connectionString, pool }: PostgresSettings): ClientConfig {
  if (pool === undefined) return { connectionString }
  const { password } = pool.options
  // Spreading leaves the password out: the driver hides it.
  return { ...pool.options, ...(password === undefined ? {} : { password }) }
}

function ownPool(driver: Driver, settings: PostgresSettings, size: { max: number; min?: number }): PgPool {
  const { operationTimeoutMs, clock } = settings
  let isSettable = true
  // A pool's own time limit for connecting would also limit the wait for a connection, which is not its business.
  class LimitedClient extends driver.Client {
    constructor(config: ClientConfig) {
      const limits = {
        statement_timeout: isSettable && operationTimeoutMs,
        connectionTimeoutMillis: operationTimeoutMs,
      }
      super({ ...config, password: config.password, ...limits })
      if (isSettable) addOptions(this, needed)
    }
  }
  const config: PoolConfig = {
    ...whereTo(settings),
    ...lasting,
    ...size,
    connectionTimeoutMillis: 0,
    idleTimeoutMillis: 30_000,
    Client: LimitedClient as unknown as NonNullable<PoolConfig['Client']>,
  }
  return new PgPool(new driver.Pool(config), {
    clock,
    closesWithinMs: operationTimeoutMs,
    dropSettings() {
      isSettable = false
    },
  })
}

/** The driver knows one place for options: those of the URL, the pool or the environment would take it. */
function addOptions(client: Client, ours: string): void {
  const { connectionParameters: where } = client as Client & { connectionParameters: { options?: string } }
  // Of two that contradict each other the last one counts.
  where.options = [where.options, ours].filter(Boolean).join(' ')
}

interface Ownership {
  readonly clock: Clock
  /** After that long whatever is still under way is cut off. */
  readonly closesWithinMs: number
  /** Connects without settings from now on. */
  readonly dropSettings: () => void
}

/** A pool of `pg` as the one that lends connections wants it. */
class PgPool implements DriverPool<PoolClient> {
  readonly max: number
  readonly #pool: Pool
  readonly #ownership: Ownership | undefined
  readonly #clients = new Set<PoolClient>()

  constructor(pool: Pool, ownership?: Ownership) {
    this.max = pool.options.max
    this.#pool = pool
    this.#ownership = ownership
    if (ownership === undefined) return
    pool.on('connect', (client) => {
      this.#clients.add(client)
      client.on('error', ignore)
    })
    pool.on('remove', (client) => void this.#clients.delete(client))
    // An idle connection was lost: the pool has removed it, and the next operation gets another.
    pool.on('error', ignore)
  }

  async acquire(): Promise<PoolClient> {
    if (this.#ownership !== undefined) return this.#connect(this.#ownership)
    const client = await this.#pool.connect()
    // While a client is lent nobody else listens, and an error without a listener ends the process.
    client.on('error', ignore)
    return client
  }

  release(client: PoolClient): void {
    this.#letGo(client, false)
  }

  discard(client: PoolClient): void {
    // The driver says goodbye first, which a connection that is cut never hears.
    client.connection.stream.destroy()
    this.#letGo(client, true)
  }

  open(): number {
    return this.#pool.totalCount
  }

  async close(): Promise<void> {
    if (this.#ownership === undefined) return
    const { clock, closesWithinMs } = this.#ownership
    const ended = this.#pool.end()
    const cut = (): void => {
      for (const client of this.#clients) client.connection.stream.destroy()
    }
    const deadline = clock.setTimer(cut, closesWithinMs, true)
    await ended
    await this.#allGone()
    deadline.cancel()
  }

  survives(error: unknown): boolean {
    return isHarmless(error)
  }

  async #connect({ dropSettings }: Ownership): Promise<PoolClient> {
    try {
      return await this.#pool.connect()
    } catch (error) {
      if (!refusesSettings(error)) throw error
      dropSettings()
      return await this.#pool.connect()
    }
  }

  #letGo(client: PoolClient, isLost: boolean): void {
    client.release(isLost)
    if (this.#ownership === undefined) client.removeListener('error', ignore)
  }

  /** The pool forgets its clients before their sockets are closed. */
  #allGone(): Promise<void> {
    if (this.#clients.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#pool.on('remove', () => {
        if (this.#clients.size === 0) resolve()
      })
    })
  }
}

function ignore(): void {}
