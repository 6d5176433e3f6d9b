import type { ClientBase } from 'pg'
import type { EpochsReply } from '../../cache/store.ts'
import { StoreUnavailableError } from '../../shared/errors.ts'
import { bucketCount, totalsOf } from '../rules/bumps.ts'
import { ask } from './query.ts'
import type { Statement } from './statements.ts'
import { epochsFrom } from '../sql/epochs.ts'
import type { EpochRow } from '../sql/epochs.ts'
import { LostIdentity } from '../sql/lost-identity.ts'

interface PollRow {
  is_replica: boolean
  now: number
  incarnation: string
  max_staleness_ms: number
  /** JSON of the rows; null if the numbers are those the caller knows. */
  rows: string | null
}

/** What a poll is answered: in one statement, so of one moment. */
export async function readEpochs(
  client: ClientBase,
  statement: Statement,
  known: readonly number[],
): Promise<EpochsReply> {
  const numbers = Array.from({ length: bucketCount }, (_, bucket) => known[bucket] ?? 0)
  const { sum, max } = totalsOf(numbers)
  const { rows } = await ask<PollRow>(client, statement, [sum, max, numbers])
  const [row] = rows
  if (row === undefined) throw new LostIdentity()
  if (row.is_replica)
    throw new StoreUnavailableError('the PostgreSQL server is a replica, which may lag behind; connect to the primary')
  const identity = { incarnation: row.incarnation, maxStalenessMs: row.max_staleness_ms }
  if (row.rows === null) return { ...identity, numbers, recent: [], storeNow: row.now }
  return { ...epochsFrom(identity, JSON.parse(row.rows) as EpochRow[], known), storeNow: row.now }
}
