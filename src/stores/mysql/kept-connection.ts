import type { CallersPool } from './driver-pool.ts'
import type { MysqlSession } from './session.ts'
import type { DriverPool } from '../sql/pool.ts'

/** One connection of a caller's pool that is not given back, and lent to one after the other. */
export class KeptConnection implements DriverPool<MysqlSession> {
  readonly max = 1
  readonly #pool: CallersPool
  readonly #waiting: (() => void)[] = []
  #kept: MysqlSession | undefined
  #isLent = false

  constructor(pool: CallersPool) {
    this.#pool = pool
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
    if (this.#kept !== undefined) this.#pool.release(this.#kept)
  }

  survives(error: unknown): boolean {
    return this.#pool.survives(error)
  }
}
