import {
  bumpColumns,
  bumped,
  clock,
  createdColumns,
  durableClockAfter,
  revivedColumns,
  seconds,
  times,
} from './fragments.ts'
import type { Dialect } from './fragments.ts'
import type { TableNames } from '../sql/schema.ts'

/*
 * Writes of different keys as one statement. New rows are made in the order of their keys, rows that are there are
 * locked in that order, never both in one statement: units that overlap never wait for each other in a circle. The
 * values come as one, cut by `at` and `length`.
 */

export function createManyText(table: string, dialect: Dialect): string {
  const until = 'least(clock.now + a.idle, clock.now + a.absolute)'
  return `WITH ${clock},
    asked AS MATERIALIZED (SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::int[], $5::int[],
      $6::text[], $7::text[], $8::text[]) AS each(key, idle, absolute, at, length, subject, sid, label)),
    created AS (INSERT INTO ${table} AS e (${createdColumns})
      SELECT a.key, ${cut(9, dialect)}, ${seconds(until)}, 1, ${until}, clock.now + a.absolute, a.subject, a.sid, a.label,
        clock.now, clock.now
      FROM asked a, clock ORDER BY a.key COLLATE "C"
      ON CONFLICT (cache_key) DO UPDATE SET ${revivedColumns} WHERE e.expires_ms <= excluded.created_at
      RETURNING e.cache_key, e.version, ${times})
    SELECT e.cache_key, clock.now, e.version, ${times} FROM created e, clock`
}

/** Replacements (`operation` is `r`) and extensions (`e`), with at most one bump per bucket. */
export function changeManyText(table: string, names: TableNames, dialect: Dialect): string {
  const until = `CASE WHEN a.operation = 'e' THEN least(e.absolute_expires_ms, greatest(e.expires_ms, clock.now + a.idle))
    ELSE coalesce(least(clock.now + a.idle, clock.now + a.absolute), e.expires_ms) END`
  return `WITH asked AS MATERIALIZED (SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[],
      $6::int[], $7::int[], $8::int[]) AS each(key, operation, version, idle, absolute, at, length, bucket)),
    held AS MATERIALIZED (SELECT e.cache_key, e.version, e.expires_ms FROM ${table} e
      WHERE e.cache_key = ANY($1::text[]) ORDER BY e.cache_key COLLATE "C" FOR UPDATE),
    ${durableClockAfter('held', '$10::boolean')},
    changed AS (UPDATE ${table} e SET
        cache_value = CASE WHEN a.operation = 'r' THEN ${cut(9, dialect)} ELSE e.cache_value END,
        version = CASE WHEN a.operation = 'r' THEN e.version + 1 ELSE e.version END,
        expires_ms = ${until}, expires_at = ${seconds(`(${until})`)},
        absolute_expires_ms = CASE WHEN a.operation = 'r' AND a.idle IS NOT NULL THEN clock.now + a.absolute
          ELSE e.absolute_expires_ms END,
        last_accessed_at = CASE WHEN a.idle IS NULL THEN e.last_accessed_at ELSE clock.now END
      FROM held h, asked a, clock
      WHERE e.cache_key = h.cache_key AND a.key = h.cache_key AND h.expires_ms > clock.now
        AND (a.operation = 'e' OR h.version = a.version)
      RETURNING e.cache_key, e.version, ${times}),
    rises AS (SELECT a.bucket, jsonb_build_array(a.key) AS keys FROM asked a JOIN changed c ON c.cache_key = a.key
      WHERE a.bucket IS NOT NULL),
    ${bumped(names)}
    SELECT a.key AS cache_key, clock.now, e.version, ${times}, h.version AS found, ${bumpColumns(dialect)}
    FROM clock CROSS JOIN asked a LEFT JOIN held h ON h.cache_key = a.key AND h.expires_ms > clock.now
      LEFT JOIN changed e ON e.cache_key = a.key LEFT JOIN bumped b ON b.bucket = a.bucket`
}

function cut(parameter: number, { jsonb }: Dialect): string {
  const bytes = `substring($${parameter}::bytea FROM a.at FOR a.length)`
  return jsonb ? `convert_from(${bytes}, 'UTF8')::jsonb` : bytes
}
