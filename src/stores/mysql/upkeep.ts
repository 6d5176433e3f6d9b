import type { StoreStats } from '../../cache/store.ts'
import { statementsOn } from './entries.ts'
import { alone } from './lock.ts'
import type { MysqlSettings } from './options.ts'
import { padded } from './session.ts'
import type { MysqlSession } from './session.ts'
import { isEstimated } from './statements.ts'
import type { MysqlStatements } from './statements.ts'
import { LostIdentity } from '../sql/lost-identity.ts'
import { dataTables } from '../sql/schema.ts'
import type { TableNames } from '../sql/schema.ts'

/** What keeps the tables small, and says how large they are. */
export class MysqlUpkeep {
  readonly #tableName: string
  readonly #names: TableNames
  readonly #statements: MysqlStatements

  constructor({ tableName }: MysqlSettings, names: TableNames, statements: MysqlStatements) {
    this.#tableName = tableName
    this.#names = names
    this.#statements = statements
  }

  /** Deletes nothing while another instance is at it. */
  async sweep(session: MysqlSession, limit: number): Promise<number> {
    const { startSweep, endSweep } = this.#statements
    const lock = { tableName: this.#tableName, take: startSweep, release: endSweep }
    const swept = await alone(session, lock, async () => {
      let count = 0
      for (const table of dataTables(this.#names)) count += await this.#sweepTable(session, table, limit - count)
      return count
    })
    return swept ?? 0
  }

  async measure(session: MysqlSession): Promise<Omit<StoreStats, 'pool'>> {
    let counted = 0
    for (const table of dataTables(this.#names)) {
      const [row] = await session.rows<{ counted: number }>(statementsOn(this.#statements, table).count)
      counted += Number(row?.counted)
    }
    const { data, verifiers } = this.#names
    const names = [data, verifiers].map((quoted) => quoted.slice(1, -1))
    const [row] = await session.rows<{ size: string | null; estimated: string | null }>(this.#statements.size, names)
    const entries = isEstimated(counted) ? Math.max(counted, Number(row?.estimated)) : counted
    return { entries, sizeBytes: Number(row?.size) }
  }

  async ping(session: MysqlSession): Promise<void> {
    if ((await session.rows(this.#statements.ping)).length === 0) throw new LostIdentity()
  }

  /** Finds without locks, and deletes by key: readers are in nobody's way, and writers in each other's only briefly. */
  async #sweepTable(session: MysqlSession, table: string, limit: number): Promise<number> {
    if (limit <= 0) return 0
    const { expired, sweepMany } = statementsOn(this.#statements, table)
    const rows = await session.rows<{ cache_key: Buffer }>(expired, [String(limit)])
    if (rows.length === 0) return 0
    const keys = padded(rows.map((row) => row.cache_key))
    return (await session.change(sweepMany(keys.length), keys)).rows
  }
}
