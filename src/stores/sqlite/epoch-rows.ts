import type { Bump, EpochsReply } from '../../cache/store.ts'
import { byBucket, riseFrom } from '../rules/bumps.ts'
import { epochsFrom, recentAfter } from '../sql/epochs.ts'
import type { EpochRow, Identity } from '../sql/epochs.ts'
import { LostIdentity } from '../sql/lost-identity.ts'
import type { Connection } from './connection.ts'
import type { EpochStatements } from './statements.ts'

/** The epochs of a store as rows: one per bucket that was ever bumped. */
export class EpochRows {
  readonly #statements: EpochStatements

  constructor(statements: EpochStatements) {
    this.#statements = statements
  }

  /** Bumps what the keys need, one bump per bucket; belongs inside the unit that changes the keys. */
  bump(connection: Connection, keys: readonly string[], storeNow: number): Bump[] {
    const { incarnation } = this.#identity(connection)
    return byBucket(keys).map(([bucket, named]) => {
      const row = this.#row(connection, bucket)
      const rise = riseFrom(bucket, row?.n ?? 0, named, storeNow)
      connection.run(this.#statements.save, bucket, rise.n, recentAfter(row, rise))
      return { incarnation, ...rise }
    })
  }

  /** Everything a poll needs, of one state of the database. */
  read(connection: Connection, known: readonly number[]): Omit<EpochsReply, 'storeNow'> {
    return connection.reading(() => {
      const rows = connection.all<EpochRow>(this.#statements.numbers)
      const told = rows.map((row) =>
        row.n > (known[row.bucket] ?? 0) ? (this.#row(connection, row.bucket) ?? row) : row,
      )
      return epochsFrom(this.#identity(connection), told, known)
    })
  }

  /** Raises the greatest staleness any instance was promised; never lowers it. */
  raiseMaxStaleness(connection: Connection, maxStalenessMs: number): void {
    this.ping(connection)
    connection.run(this.#statements.raiseMaxStaleness, maxStalenessMs, maxStalenessMs)
  }

  ping(connection: Connection): void {
    this.#identity(connection)
  }

  #row(connection: Connection, bucket: number): EpochRow | undefined {
    return connection.all<EpochRow>(this.#statements.one, bucket)[0]
  }

  #identity(connection: Connection): Identity {
    const [meta] = connection.all<{ incarnation: string; max_staleness_ms: number }>(this.#statements.identity)
    if (meta === undefined) throw new LostIdentity()
    return { incarnation: meta.incarnation, maxStalenessMs: meta.max_staleness_ms }
  }
}
