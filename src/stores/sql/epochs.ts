import type { Bump, EpochsReply } from '../../cache/store.ts'
import { bucketCount, remembering } from '../rules/bumps.ts'
import type { Rise } from '../rules/bumps.ts'

/** A row of the epoch table; a bucket that was never bumped has none. */
export interface EpochRow {
  bucket: number
  n: number
  /** JSON of the newest rises of the bucket. */
  recent: string
}

/** What the row of the meta table says to a poll. */
export interface Identity {
  incarnation: string
  maxStalenessMs: number
}

type Remembered = Pick<Rise, 'prev' | 'n' | 'keys'>

/** What `recent` says after one more rise. */
export function recentAfter(row: Pick<EpochRow, 'recent'> | undefined, rise: Rise): string {
  return JSON.stringify(remembering(remembered(row), { prev: rise.prev, n: rise.n, keys: rise.keys }))
}

/** What a poll is answered; `rows` of buckets that did not rise above `known` may have an empty `recent`. */
export function epochsFrom(
  identity: Identity,
  rows: readonly EpochRow[],
  known: readonly number[],
): Omit<EpochsReply, 'storeNow'> {
  const numbers = Array.from({ length: bucketCount }, () => 0)
  for (const { bucket, n } of rows) numbers[bucket] = n
  return { ...identity, numbers, recent: rows.flatMap((row) => bumpsAbove(identity, row, known[row.bucket] ?? 0)) }
}

function bumpsAbove({ incarnation }: Identity, row: EpochRow, known: number): Bump[] {
  if (row.n <= known) return []
  return remembered(row)
    .filter((rise) => rise.n > known)
    .map((rise) => ({ incarnation, bucket: row.bucket, ...rise }))
}

function remembered(row: Pick<EpochRow, 'recent'> | undefined): Remembered[] {
  return row === undefined || row.recent === '' ? [] : (JSON.parse(row.recent) as Remembered[])
}
