import { maxNamedKeys, maxRemembered } from '../rules/bumps.ts'
import type { TableNames } from '../sql/schema.ts'

/** What changes the text of statements besides the names of the tables. */
export interface Dialect {
  jsonb: boolean
  /** Where bumps are announced; absent: nowhere. */
  channel: string | undefined
}

/** A longer notification is refused by the server. In bytes. */
const maxPayload = 7_999

const now = "floor(date_part('epoch', clock_timestamp()) * 1000)::bigint AS now"

/** One reading of the server's clock per statement. */
export const clock: string = `clock AS MATERIALIZED (SELECT ${now})`

/**
 * The same, read once all of `first` is done. A write may wait for the lock of its row until the row's time is over, and
 * what others have read as absent meanwhile has to stay so: only a clock read under the lock can tell.
 */
export function clockAfter(first: string): string {
  return `clock AS MATERIALIZED (SELECT ${now} FROM ${allOf(first)})`
}

/** The same, and the commit waits for the disk whatever the settings are; stricter ones stay. */
export function durableClockAfter(first: string, condition: string = 'true'): string {
  return `clock AS MATERIALIZED (SELECT ${now},
    CASE WHEN ${condition} AND current_setting('synchronous_commit') IN ('off', 'local')
      THEN set_config('synchronous_commit', 'on', true) END AS durability FROM ${allOf(first)})`
}

function allOf(rows: string): string {
  return `(SELECT count(*) FROM ${rows}) AS done`
}

/** The row of the key `$1`, locked, as it is when nobody else has it any more. */
export function held(table: string): string {
  return `held AS MATERIALIZED (SELECT e.cache_key, e.version, e.expires_ms FROM ${table} e
    WHERE e.cache_key = $1::text FOR UPDATE)`
}

/** What every write answers besides the version. */
export const times = 'e.expires_ms, e.absolute_expires_ms, e.created_at, e.last_accessed_at'

/** The columns of a new row, in the order its values are given. */
export const createdColumns = `cache_key, cache_value, expires_at, version, expires_ms, absolute_expires_ms,
  subject_hash, sid_hash, label, created_at, last_accessed_at`

/** The same on a row whose time is over: nothing of the old one stays. */
export const revivedColumns: string = createdColumns
  .split(/,\s+/)
  .slice(1)
  .map((column) => `${column} = excluded.${column}`)
  .join(', ')

/** What `expires_at` says for a deadline in milliseconds: Unix seconds, rounded up. */
export function seconds(ms: string): string {
  return `(${ms} + 999) / 1000`
}

/**
 * Raises the epochs of `rises (bucket, keys)`, in the order of the buckets. The insert makes a row that is missing; on
 * one that is there it waits for whoever holds it and goes on from the number that one left. Where the meta row is gone
 * there is no number, which the table refuses, and the statement with it.
 */
export function bumped({ epoch, meta }: TableNames): string {
  const n = 'greatest(e.n + 1, excluded.n)'
  const remembered = `CASE WHEN jsonb_array_length(e.recent) >= ${maxRemembered} THEN e.recent - 0 ELSE e.recent END`
  const named = `CASE WHEN jsonb_array_length(keys) > ${maxNamedKeys} THEN '"*"' ELSE keys END`
  return `identity AS MATERIALIZED (SELECT incarnation FROM ${meta} WHERE id = 1),
    bumped AS (INSERT INTO ${epoch} AS e (bucket, n, recent)
    SELECT bucket, (SELECT now FROM identity), jsonb_build_array(jsonb_build_object('prev', 0, 'n', now, 'keys', ${named}))
    FROM rises, clock ORDER BY bucket
    ON CONFLICT (bucket) DO UPDATE SET n = ${n},
      recent = ${remembered} || jsonb_build_object('prev', e.n, 'n', ${n}, 'keys', excluded.recent -> 0 -> 'keys')
    RETURNING e.bucket, e.recent -> -1 AS rise)`
}

/** The bump of a row of `bumped b`, which it announces if that is wanted. */
export function bumpColumns({ channel }: Dialect): string {
  const incarnation = '(SELECT incarnation FROM identity)'
  if (channel === undefined) return `${incarnation} AS incarnation, b.bucket, b.rise::text AS rise`
  const message = (rise: string): string => `jsonb_build_array(${incarnation}, b.bucket, ${rise})::text`
  const whole = message('b.rise')
  const payload = `CASE WHEN octet_length(${whole}) <= ${maxPayload} THEN ${whole}
    ELSE ${message(`b.rise || '{"keys": "*"}'`)} END`
  return `${incarnation} AS incarnation, b.bucket, b.rise::text AS rise,
    CASE WHEN b.bucket IS NOT NULL THEN pg_notify('${channel}', ${payload}) END AS told`
}
