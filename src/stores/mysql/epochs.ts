import type { Bump, EpochsReply } from '../../cache/store.ts'
import { StoreUnavailableError } from '../../shared/errors.ts'
import { bucketCount, byBucket, riseFrom, totalsOf } from '../rules/bumps.ts'
import { readOnlyFault } from './errors.ts'
import { padded } from './session.ts'
import type { MysqlSession } from './session.ts'
import type { MysqlStatements } from './statements.ts'
import { epochsFrom, recentAfter } from '../sql/epochs.ts'
import type { EpochRow } from '../sql/epochs.ts'
import { LostIdentity } from '../sql/lost-identity.ts'

interface LockedRow extends EpochRow {
  now: number
  incarnation: string | null
}

interface IdentityRow {
  now: number
  incarnation: string
  max_staleness_ms: number
  read_only: number | string
  innodb_read_only: number | string
}

interface MovedRow extends IdentityRow {
  total: string | null
  newest: number | null
}

/** The epochs of a store as rows: one per bucket that was ever bumped. */
export class MysqlEpochs {
  readonly #statements: MysqlStatements

  constructor(statements: MysqlStatements) {
    this.#statements = statements
  }

  /**
   * Bumps for each of `units` what its keys need, one after the other; belongs at the end of the unit that changes the
   * keys. Rows are locked in the order of buckets, and after those of entries, so that no two units wait for each other.
   */
  async bump(session: MysqlSession, units: readonly (readonly string[])[]): Promise<Bump[][]> {
    const buckets = byBucket(units.flat()).map(([bucket]) => bucket)
    if (buckets.length === 0) return units.map(() => [])
    const rows = new Map((await this.#lock(session, buckets)).map((row) => [row.bucket, row]))
    const bumps = units.map((keys) =>
      byBucket(keys).map(([bucket, named]) => {
        const row = rows.get(bucket)
        if (row === undefined) throw new StoreUnavailableError('a row of an epoch vanished while it was locked')
        if (row.incarnation === null) throw new LostIdentity()
        const rise = riseFrom(bucket, row.n, named, row.now)
        rows.set(bucket, { ...row, n: rise.n, recent: recentAfter(row, rise) })
        return { incarnation: row.incarnation, ...rise }
      }),
    )
    const saved = padded([...rows.values()])
    await session.change(
      this.#statements.saveEpochs(saved.length),
      saved.flatMap(({ bucket, n, recent }) => [bucket, n, recent]),
    )
    return bumps
  }

  /** Everything a poll needs: two sums while nothing changed, else one consistent read of all rows. */
  async read(session: MysqlSession, known: readonly number[]): Promise<EpochsReply> {
    const [moved] = await session.rows<MovedRow>(this.#statements.epochsMoved)
    const identity = identityOf(moved)
    const { sum, max } = totalsOf(known)
    const isSame = sum === Number(moved?.total) && max === Number(moved?.newest)
    if (known.length === bucketCount && isSame) return { ...identity, numbers: known, recent: [] }
    const rows = await session.rows<IdentityRow & { bucket: number | null; n: number; recent: string }>(
      this.#statements.epochs,
      [Array.from({ length: bucketCount }, (_, bucket) => digits(known[bucket] ?? 0)).join('')],
    )
    const { storeNow, ...now } = identityOf(rows[0])
    const bumped = rows.flatMap(({ bucket, n, recent }) => (bucket === null ? [] : [{ bucket, n, recent }]))
    return { ...epochsFrom(now, bumped, known), storeNow }
  }

  async #lock(session: MysqlSession, buckets: readonly number[]): Promise<LockedRow[]> {
    const wanted = padded(buckets)
    const { lockEpochs, makeEpochs } = this.#statements
    const rows = await session.rows<LockedRow>(lockEpochs(wanted.length), wanted)
    if (rows.length === buckets.length) return rows
    const missing = padded(buckets.filter((bucket) => !rows.some((row) => row.bucket === bucket)))
    await session.change(makeEpochs(missing.length), missing)
    return await session.rows<LockedRow>(lockEpochs(wanted.length), wanted)
  }
}

function identityOf(row: IdentityRow | undefined): Pick<EpochsReply, 'incarnation' | 'maxStalenessMs' | 'storeNow'> {
  if (row === undefined) throw new LostIdentity()
  if (isOn(row.read_only) || isOn(row.innodb_read_only)) throw readOnlyFault()
  return { incarnation: row.incarnation, maxStalenessMs: row.max_staleness_ms, storeNow: row.now }
}

/** Newer servers say it with a word. */
function isOn(setting: number | string): boolean {
  return !['0', 'OFF'].includes(String(setting).toUpperCase())
}

function digits(n: number): string {
  return String(n).padStart(16, '0')
}
