import type { Pool } from 'mysql2'
import { ConfigError } from '../../shared/errors.ts'
import type { CallersPool } from './driver-pool.ts'
import { connectionLimitOf } from './options.ts'
import type { MysqlSession } from './session.ts'
import type { DriverPool } from '../sql/pool.ts'

/** How many stores keep a connection of the pool. */
const keepers = new WeakMap<Pool, number>()

/** One connection of a caller's pool that is not given back, and lent to one after the other. */
export class KeptConnection implements DriverPool<MysqlSession> {
  readonly max = 1
  readonly #pool: CallersPool
  readonly #drivers: Pool
  readonly #waiting: (() => void)[] = []
  #kept: MysqlSession | undefined
  #isLent = false

  /** Throws `ConfigError` if no connection would be left for requests. */
  constructor(pool: CallersPool, drivers: Pool) {
    const stores = (keepers.get(drivers) ?? 0) + 1
    if (stores >= connectionLimitOf(drivers)) throw tooSmall(stores)
    keepers.set(drivers, stores)
    this.#pool = pool
    this.#drivers = drivers
  }

  async acquire(): Promise<MysqlSession> {
    while (this.#isLent) await new Promise<void>((resolve) => void this.#waiting.push(resolve))
    this.#isLent = true
    try {
      if (this.#kept !== undefined && !this.#pool.isOpen(this.#kept)) this.#kept = undefined
      this.#kept ??= await this.#pool.acquire()
      return this.#kept
    } catch (error) {
      this.release()
      throw error
    }
  }

  release(): void {
    this.#isLent = false
    this.#waiting.shift()?.()
  }

  discard(session: MysqlSession): void {
    this.#pool.discard(session)
    this.#kept = undefined
    this.release()
  }

  open(): number {
    return this.#kept === undefined ? 0 : 1
  }

  async close(): Promise<void> {
    keepers.set(this.#drivers, (keepers.get(this.#drivers) ?? 1) - 1)
    if (this.#kept !== undefined) this.#pool.release(this.#kept)
  }

  survives(error: unknown): boolean {
    return this.#pool.survives(error)
  }
}

function tooSmall(stores: number): ConfigError {
  const message = `must have at least ${stores + 1} connections: ${stores} stores use it, and one stays with each, for polling`
  return new ConfigError('mysqlStore', [{ path: 'pool', message }])
}
