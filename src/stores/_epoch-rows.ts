import type { Bump, EpochsReply } from '../cache/store.ts'
import { bucketCount, bumpFrom, byBucket, remembering } from './_bumps.ts'
import type { Connection } from './_sqlite-connection.ts'
import type { TableNames } from './_sqlite-schema.ts'

type Remembered = Pick<Bump, 'prev' | 'n' | 'keys'>

/** The epochs of a store as rows: one per bucket that was ever bumped. */
export class EpochRows {
  readonly #one: string
  readonly #numbers: string
  readonly #save: string
  readonly #meta: string

  constructor({ epoch, meta }: TableNames) {
    this.#one = `SELECT n, recent FROM ${epoch} WHERE bucket = ?`
    this.#numbers = `SELECT bucket, n FROM ${epoch}`
    this.#save = `INSERT INTO ${epoch} (bucket, n, recent) VALUES (?, ?, ?)
      ON CONFLICT (bucket) DO UPDATE SET n = excluded.n, recent = excluded.recent`
    this.#meta = `SELECT incarnation, max_staleness_ms FROM ${meta}`
  }

  /** Bumps what the keys need, one bump per bucket; belongs inside the unit that changes the keys. */
  bump(connection: Connection, keys: readonly string[], storeNow: number): Bump[] {
    return byBucket(keys).map(([bucket, named]) => {
      const [row] = connection.all<{ n: number; recent: string }>(this.#one, bucket)
      const bump = bumpFrom(bucket, row?.n ?? 0, named, storeNow)
      const recent = remembering(remembered(row?.recent), { prev: bump.prev, n: bump.n, keys: bump.keys })
      connection.run(this.#save, bucket, bump.n, JSON.stringify(recent))
      return bump
    })
  }

  /** Everything a poll needs, of one state of the database. */
  read(connection: Connection, known: readonly number[]): Omit<EpochsReply, 'storeNow'> {
    return connection.reading(() => {
      const [meta] = connection.all<{ incarnation: string; max_staleness_ms: number }>(this.#meta)
      const numbers = Array.from({ length: bucketCount }, () => 0)
      const recent: Bump[] = []
      for (const { bucket, n } of connection.all<{ bucket: number; n: number }>(this.#numbers)) {
        numbers[bucket] = n
        if (n > (known[bucket] ?? 0)) recent.push(...this.#above(connection, bucket, known[bucket] ?? 0))
      }
      return { incarnation: meta?.incarnation ?? '', maxStalenessMs: meta?.max_staleness_ms ?? 0, numbers, recent }
    })
  }

  #above(connection: Connection, bucket: number, known: number): Bump[] {
    const [row] = connection.all<{ recent: string }>(this.#one, bucket)
    return remembered(row?.recent)
      .filter((bump) => bump.n > known)
      .map((bump) => ({ bucket, ...bump }))
  }
}

function remembered(recent: string | undefined): Remembered[] {
  return recent === undefined ? [] : (JSON.parse(recent) as Remembered[])
}
