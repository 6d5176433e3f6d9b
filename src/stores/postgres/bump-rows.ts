import type { Bump } from '../../cache/store.ts'
import type { timesOf } from '../sql/rows.ts'

/** The columns that `timesOf` reads. */
export type TimesRow = Parameters<typeof timesOf>[0]

/** The columns of a bump; nulls where there was none. */
export interface BumpRow {
  incarnation: string
  bucket: number | null
  /** JSON of the rest of it. */
  rise: string
}

/** What became of an entry that was to be replaced. */
export interface ReplacedRow extends BumpRow, TimesRow {
  now: number
  version: number | null
  /** The version that was there. */
  found: number | null
}

export function bumpsOf(rows: readonly BumpRow[]): Bump[] {
  return rows.flatMap(({ incarnation, bucket, rise }) =>
    bucket === null ? [] : [{ incarnation, bucket, ...(JSON.parse(rise) as Pick<Bump, 'prev' | 'n' | 'keys'>) }],
  )
}
