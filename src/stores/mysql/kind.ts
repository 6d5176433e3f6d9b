import { isDuplicate, isObstructed, isOtherSchema, isReadOnly, translated } from './errors.ts'
import type { MysqlSettings } from './options.ts'
import { driverPools } from './pools.ts'
import { migrate, pendingSchema } from './schema.ts'
import { checkFoundRows, checkServer } from './server.ts'
import type { ServerTraits } from './server.ts'
import type { MysqlSession } from './session.ts'
import type { MysqlStatements } from './statements.ts'
import type { DatabaseKind, DriverPools } from '../sql/database.ts'
import type { TableNames } from '../sql/schema.ts'

/** MySQL and MariaDB, and what this server turned out to be. */
export class MysqlKind implements DatabaseKind<MysqlSession> {
  readonly name = 'MySQL'
  readonly #settings: MysqlSettings
  readonly #names: TableNames
  readonly #statements: MysqlStatements
  #traits: ServerTraits | undefined
  #hasWarned = false
  #main: Awaited<ReturnType<typeof driverPools>>['main'] | undefined

  constructor(settings: MysqlSettings, names: TableNames, statements: MysqlStatements) {
    this.#settings = settings
    this.#names = names
    this.#statements = statements
  }

  get isDurable(): boolean {
    return this.#traits?.isDurable ?? true
  }

  /** Of a ready database: the largest value that fits into a statement with all that comes with it. */
  get maxValueBytes(): number {
    const packet = this.#traits?.maxPacketBytes ?? 0
    return packet - Math.min(packet / 2, 1_048_576)
  }

  async open(): Promise<DriverPools<MysqlSession>> {
    const pools = await driverPools(this.#settings)
    this.#main = pools.main
    return pools
  }

  async pending(session: MysqlSession): Promise<string[]> {
    this.#traits = await checkServer(session)
    this.#warnOfLosses(this.#traits)
    return await pendingSchema(session, this.#names)
  }

  migrate(session: MysqlSession): Promise<void> {
    return migrate(session, this.#names, this.#settings)
  }

  async raiseMaxStaleness(session: MysqlSession, maxStalenessMs: number): Promise<void> {
    // The first statement that finds a row: what a pool counts can be seen here, before anything depends on it.
    await checkFoundRows(session, this.#statements)
    await session.change(this.#statements.raiseMaxStaleness, [maxStalenessMs, maxStalenessMs])
  }

  /** A row that was not there when a unit looked belongs to somebody who was faster. */
  isPassing(error: unknown): boolean {
    return isObstructed(error) || isDuplicate(error)
  }

  isOtherSchema(error: unknown): boolean {
    return isOtherSchema(error)
  }

  translated(error: unknown): unknown {
    // Reads must not go on there: the name may lead to another primary, where sessions are being ended.
    if (isReadOnly(error)) this.#main?.outdate()
    return translated(error)
  }

  #warnOfLosses({ laxity }: ServerTraits): void {
    if (laxity === undefined || this.#hasWarned) return
    this.#hasWarned = true
    const message = `${laxity}: when the database's machine loses power, sign-outs of the last second may be undone; set it to 1`
    this.#settings.logger.warn({ store: 'mysql' }, message)
  }
}
