import type { PoolStats } from '../../cache/store.ts'
import { SallyportError, StoreUnavailableError } from '../../shared/errors.ts'
import { withTimeout } from '../../shared/timeout.ts'
import { isDuplicate, isObstructed, isOtherSchema, translated } from './errors.ts'
import type { MysqlSettings } from './options.ts'
import { driverPools } from './pools.ts'
import { migrate, pendingSchema } from './schema.ts'
import { checkFoundRows, checkServer } from './server.ts'
import type { ServerTraits } from './server.ts'
import type { MysqlSession } from './session.ts'
import type { MysqlStatements } from './statements.ts'
import { SqlPool } from '../sql/pool.ts'
import { SqlRetries } from '../sql/retries.ts'
import type { TableNames } from '../sql/schema.ts'

interface Pools {
  main: SqlPool<MysqlSession>
  poll: SqlPool<MysqlSession>
  hangUp(): void
}

type Work<T> = (session: MysqlSession) => Promise<T>

/** The database of one store: connected and prepared when it is first needed, and again when its tables have gone. */
export class MysqlDatabase {
  readonly #settings: MysqlSettings
  readonly #names: TableNames
  readonly #statements: MysqlStatements
  readonly #retries: SqlRetries
  readonly #patientRetries: SqlRetries
  #pools: Promise<Pools> | undefined
  #preparing: Promise<void> | undefined
  #isReady = false
  #traits: ServerTraits | undefined
  #maxStalenessMs = 0
  #warned = false
  #closing: Promise<void> | undefined

  constructor(settings: MysqlSettings, names: TableNames, statements: MysqlStatements) {
    const { clock, operationTimeoutMs, acquireTimeoutMs } = settings
    this.#settings = settings
    this.#names = names
    this.#statements = statements
    const obstacle = 'others kept rows of the database locked'
    this.#retries = new SqlRetries({ clock, limitMs: operationTimeoutMs, obstacle })
    this.#patientRetries = new SqlRetries({ clock, limitMs: acquireTimeoutMs, obstacle })
  }

  get isDurable(): boolean {
    return this.#traits?.isDurable ?? true
  }

  /** Of a ready database: the largest value that fits into a statement with all that comes with it. */
  get maxValueBytes(): number {
    const packet = this.#traits?.maxPacketBytes ?? 0
    return packet - Math.min(packet / 2, 1_048_576)
  }

  /** Resolves when the database can be used. */
  async ready(): Promise<void> {
    await this.#guarded(() => this.#ready())
  }

  /** For a request: ends within its time, and what others were in the way of is done again. */
  run<T>(work: Work<T>): Promise<T> {
    return this.#guarded(async () => {
      const { main } = await this.#ready()
      return await this.#retries.run((leftMs) => main.run(leftMs, work), isPassing)
    })
  }

  /** For what nobody waits for. */
  runInBackground<T>(work: Work<T>): Promise<T> {
    return this.#guarded(async () => {
      const { main } = await this.#ready()
      return await this.#patientRetries.run((leftMs) => main.run(leftMs, work), isPassing)
    })
  }

  /** On the connection that is for polling. */
  poll<T>(work: Work<T>): Promise<T> {
    return this.#guarded(async () => {
      const { poll } = await this.#ready()
      return await poll.run(this.#settings.operationTimeoutMs, work)
    })
  }

  /** Raises the greatest staleness any instance was promised; never lowers it. */
  async raiseMaxStaleness(maxStalenessMs: number): Promise<void> {
    // Remembered too, for tables that take the place of these.
    this.#maxStalenessMs = Math.max(this.#maxStalenessMs, maxStalenessMs)
    await this.run((session) => this.#raise(session))
  }

  async poolStats(): Promise<PoolStats> {
    return (await this.#connected()).main.stats()
  }

  /** Repeatable. */
  close(): Promise<void> {
    this.#closing ??= this.#disconnect()
    return this.#closing
  }

  async #disconnect(): Promise<void> {
    this.#retries.wake()
    this.#patientRetries.wake()
    const pools = await this.#pools?.catch(() => undefined)
    if (pools === undefined) return
    // Background work has more time than somebody who closes the store wants to wait.
    const { clock, operationTimeoutMs } = this.#settings
    const deadline = clock.setTimer(() => pools.hangUp(), operationTimeoutMs, true)
    await Promise.all([pools.poll.close(), pools.main.close()])
    deadline.cancel()
  }

  async #guarded<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) throw new SallyportError('ERR_CLOSED', 'the MySQL store is closed')
    try {
      return await operation()
    } catch (error) {
      // The next operation makes the tables again.
      if (isOtherSchema(error)) this.#isReady = false
      throw translated(error)
    }
  }

  async #ready(): Promise<Pools> {
    const pools = await this.#connected()
    if (this.#isReady) return pools
    const { clock, operationTimeoutMs } = this.#settings
    this.#preparing ??= this.#prepare(pools).finally(() => (this.#preparing = undefined))
    await withTimeout(clock, operationTimeoutMs, this.#preparing, () => {
      return new StoreUnavailableError(`the database was not ready within ${operationTimeoutMs} ms`)
    })
    return pools
  }

  async #connected(): Promise<Pools> {
    const { clock } = this.#settings
    this.#pools ??= driverPools(this.#settings).then(({ main, poll, hangUp }) => ({
      main: new SqlPool(main, 'MySQL', clock),
      poll: new SqlPool(poll, 'MySQL', clock),
      hangUp,
    }))
    try {
      return await this.#pools
    } catch (error) {
      this.#pools = undefined
      throw error
    }
  }

  /** In steps: what is quick gets a request's time, so that a server that fell silent is soon asked anew. */
  async #prepare({ main }: Pools): Promise<void> {
    const { operationTimeoutMs, minConnections, pool } = this.#settings
    const soon = <T>(work: Work<T>): Promise<T> => this.#retries.run((leftMs) => main.run(leftMs, work), isPassing)
    const traits = await soon(checkServer)
    const pending = await soon((session) => pendingSchema(session, this.#names))
    if (pending.length > 0) {
      const work: Work<void> = (session) => migrate(session, this.#names, this.#settings)
      await this.#patientRetries.run((leftMs) => main.run(leftMs, work), isPassing)
    }
    await soon((session) => checkFoundRows(session, this.#statements.touchMeta))
    await soon((session) => this.#raise(session))
    this.#traits = traits
    this.#isReady = true
    this.#warnOfLosses(traits)
    // Ahead of the first requests. If there are not as many to be had, those will say so.
    if (pool === undefined) void main.open(minConnections, operationTimeoutMs).catch(() => {})
  }

  async #raise(session: MysqlSession): Promise<void> {
    const { raiseMaxStaleness } = this.#statements
    await session.change(raiseMaxStaleness, [this.#maxStalenessMs, this.#maxStalenessMs])
  }

  #warnOfLosses({ laxity }: ServerTraits): void {
    if (laxity === undefined || this.#warned) return
    this.#warned = true
    const message = `${laxity}: when the database's machine loses power, sign-outs of the last second may be undone; set it to 1`
    this.#settings.logger.warn({ store: 'mysql' }, message)
  }
}

/** A row that was not there when a unit looked belongs to somebody who was faster. */
function isPassing(error: unknown): boolean {
  return isObstructed(error) || isDuplicate(error)
}
