import { createHash } from 'node:crypto'
import type { IndexName } from '../../cache/store.ts'
import {
  bumpColumns,
  bumped,
  clock,
  clockAfter,
  createdColumns,
  durableClockAfter,
  held,
  revivedColumns,
  seconds,
  times,
} from './fragments.ts'
import type { Dialect } from './fragments.ts'
import { changeManyText, createManyText } from './many.ts'
import { dataTables } from '../sql/schema.ts'
import type { TableNames } from '../sql/schema.ts'

/** A statement the server prepares once per connection. */
export interface Statement {
  /** Follows from the text, so that any number of stores may share a pool. */
  name: string
  text: string
}

/** The statements on one table of entries. */
export type EntryStatements = Record<
  | 'readOne'
  | 'readMany'
  | 'create'
  | 'replace'
  | 'replaceAndBump'
  | 'extend'
  | 'take'
  | 'remove'
  | 'removeVersion'
  | 'sweep'
  | 'createMany'
  | 'changeMany'
  | 'stats',
  Statement
>

/** Every statement of a store. */
export interface Statements extends Record<'epochs' | 'ping', Statement> {
  /** By the quoted name of the table. */
  entries: ReadonlyMap<string, EntryStatements>
  page: Record<IndexName, Statement>
  keysUnder: Record<IndexName, Statement>
  removeUnder: Record<IndexName, Statement>
}

export function postgresStatements(names: TableNames, dialect: Dialect): Statements {
  const { data } = names
  return {
    entries: new Map(dataTables(names).map((table) => [table, entryStatements(table, names, dialect)])),
    page: byIndex((column) => pageText(data, column)),
    keysUnder: byIndex(
      (column) => `SELECT cache_key FROM ${data}
        WHERE ${column} = ANY($1::text[]) AND cache_key IS DISTINCT FROM $2::text`,
    ),
    removeUnder: byIndex((column) => removeUnderText(names, column, dialect)),
    epochs: statement(epochsText(names)),
    ping: statement(`SELECT incarnation FROM ${names.meta} WHERE id = 1`),
  }
}

function entryStatements(table: string, names: TableNames, dialect: Dialect): EntryStatements {
  const value = dialect.jsonb ? 'e.cache_value::text' : `encode(e.cache_value, 'base64')`
  // The driver reads one array for less than six numbers.
  const columns = `ARRAY[clock.now, e.version, ${times}] AS numbers, ${value} AS cache_value`
  // Key by key: asked for all of them at once the server might read the whole table, if it was small not long ago.
  const each = `SELECT found.* FROM unnest($1::text[]) AS asked(key)
    CROSS JOIN LATERAL (SELECT * FROM ${table} WHERE cache_key = asked.key OFFSET 0) AS found`
  const texts: Record<keyof EntryStatements, string> = {
    readOne: `WITH ${clock} SELECT ${columns}
      FROM clock LEFT JOIN ${table} e ON e.cache_key = $1::text AND e.expires_ms > clock.now`,
    readMany: `WITH ${clock} SELECT e.cache_key, ${columns}
      FROM clock LEFT JOIN LATERAL (${each} WHERE found.expires_ms > clock.now) e ON true`,
    create: createText(table, dialect),
    replace: replaceText(table, dialect),
    replaceAndBump: replaceAndBumpText(table, names, dialect),
    extend: extendText(table),
    take: `WITH ${held(table)}, ${clockAfter('held')} DELETE FROM ${table} e USING held, clock
      WHERE e.cache_key = held.cache_key AND held.expires_ms > clock.now RETURNING ${columns}`,
    remove: removeText(table, names, dialect),
    removeVersion: removeVersionText(table, names, dialect),
    sweep: sweepText(table),
    createMany: createManyText(table, dialect),
    changeMany: changeManyText(table, names, dialect),
    stats: statsText(table),
  }
  return Object.fromEntries(
    Object.entries(texts).map(([name, text]) => [name, statement(text)]),
  ) as unknown as EntryStatements
}

function statement(text: string): Statement {
  return { name: `sallyport_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`, text }
}

function byIndex(text: (column: string) => string): Record<IndexName, Statement> {
  return { subject: statement(text('subject_hash')), sid: statement(text('sid_hash')) }
}

/** An upsert is right here only: where the row that is there has expired, it is nobody's. */
function createText(table: string, { jsonb }: Dialect): string {
  return `WITH ${clock},
    fresh AS (SELECT now, least(now + $3::bigint, now + $4::bigint) AS until, now + $4::bigint AS latest FROM clock)
    INSERT INTO ${table} AS e (${createdColumns})
    SELECT $1::text, $2::${jsonb ? 'jsonb' : 'bytea'}, ${seconds('until')}, 1, until, latest,
      $5::text, $6::text, $7::text, now, now FROM fresh
    ON CONFLICT (cache_key) DO UPDATE SET ${revivedColumns}
    WHERE e.expires_ms <= excluded.created_at
    RETURNING e.version, ${times}, e.created_at AS now`
}

/** The update, if the version is the right one. */
function updated(table: string, { jsonb }: Dialect): string {
  return `fresh AS (SELECT now, least(now + $4::bigint, now + $5::bigint) AS until, now + $5::bigint AS latest FROM clock),
    updated AS (UPDATE ${table} e SET cache_value = $3::${jsonb ? 'jsonb' : 'bytea'}, version = e.version + 1,
      expires_ms = coalesce(fresh.until, e.expires_ms),
      expires_at = coalesce(${seconds('fresh.until')}, e.expires_at),
      absolute_expires_ms = CASE WHEN fresh.until IS NULL THEN e.absolute_expires_ms ELSE fresh.latest END,
      last_accessed_at = CASE WHEN fresh.until IS NULL THEN e.last_accessed_at ELSE fresh.now END
      FROM held, fresh
      WHERE e.cache_key = held.cache_key AND held.version = $2::bigint AND held.expires_ms > fresh.now
      RETURNING e.version, ${times})`
}

/** What became of the entry; `found` is the version that was there. */
const replaced = `clock.now, e.version, ${times}, held.version AS found`
const replacedRow = 'clock LEFT JOIN held ON held.expires_ms > clock.now LEFT JOIN updated e ON true'

function replaceText(table: string, dialect: Dialect): string {
  return `WITH ${held(table)}, ${clockAfter('held')}, ${updated(table, dialect)} SELECT ${replaced} FROM ${replacedRow}`
}

function replaceAndBumpText(table: string, names: TableNames, dialect: Dialect): string {
  return `WITH ${held(table)}, ${durableClockAfter('held')}, ${updated(table, dialect)},
    rises AS (SELECT $6::int AS bucket, jsonb_build_array($1::text) AS keys FROM updated),
    ${bumped(names)}
    SELECT ${replaced}, ${bumpColumns(dialect)} FROM ${replacedRow} LEFT JOIN bumped b ON true`
}

function extendText(table: string): string {
  const until = 'least(e.absolute_expires_ms, greatest(e.expires_ms, clock.now + $2::bigint))'
  return `WITH ${held(table)}, ${clockAfter('held')}
    UPDATE ${table} e SET last_accessed_at = clock.now, expires_ms = ${until}, expires_at = ${seconds(until)}
    FROM held, clock WHERE e.cache_key = held.cache_key AND held.expires_ms > clock.now
    RETURNING clock.now, e.version, ${times}`
}

/** The row goes first, then the bucket rises: every unit locks in this order. */
function removeText(table: string, names: TableNames, dialect: Dialect): string {
  return `WITH gone AS (DELETE FROM ${table} e WHERE e.cache_key = $1::text RETURNING e.expires_ms),
    ${durableClockAfter('gone')},
    rises AS (SELECT $2::int AS bucket, jsonb_build_array($1::text) AS keys WHERE (SELECT count(*) FROM gone) >= 0),
    ${bumped(names)}
    ${removedAndBumps(dialect)} FROM bumped b`
}

function removeVersionText(table: string, names: TableNames, dialect: Dialect): string {
  return `WITH gone AS (DELETE FROM ${table} e
      WHERE e.cache_key = $1::text AND e.version = $3::bigint RETURNING e.expires_ms),
    ${durableClockAfter('gone')},
    rises AS (SELECT $2::int AS bucket, jsonb_build_array($1::text) AS keys FROM gone),
    ${bumped(names)}
    ${removedAndBumps(dialect)} FROM bumped b`
}

/**
 * Removes the entries under the values that the caller named with their buckets; with `$5`, none at all if there are
 * others. The rows are locked in the order of their keys, so that units that overlap never wait for each other in a
 * circle.
 */
function removeUnderText(names: TableNames, column: string, dialect: Dialect): string {
  return `WITH named AS MATERIALIZED (SELECT * FROM unnest($3::text[], $4::int[]) AS each(key, bucket)),
    held AS MATERIALIZED (SELECT e.cache_key FROM ${names.data} e
      WHERE e.${column} = ANY($1::text[]) AND e.cache_key IS DISTINCT FROM $2::text
      ORDER BY e.cache_key COLLATE "C" FOR UPDATE),
    ${durableClockAfter('held')},
    others AS MATERIALIZED (SELECT count(*) AS count FROM held
      WHERE NOT EXISTS (SELECT FROM named WHERE named.key = held.cache_key)),
    gone AS (DELETE FROM ${names.data} e USING held, named, others
      WHERE e.cache_key = held.cache_key AND named.key = held.cache_key AND (others.count = 0 OR NOT $5::boolean)
      RETURNING e.cache_key, e.expires_ms, named.bucket),
    rises AS (SELECT bucket, jsonb_agg(cache_key ORDER BY cache_key) AS keys FROM gone GROUP BY bucket),
    ${bumped(names)}
    ${removedAndBumps(dialect)}, others.count > 0 AND $5::boolean AS is_refused FROM others LEFT JOIN bumped b ON true`
}

function removedAndBumps(dialect: Dialect): string {
  return `SELECT (SELECT count(*) FROM gone, clock WHERE gone.expires_ms > clock.now) AS removed, ${bumpColumns(dialect)}`
}

function pageText(data: string, column: string): string {
  return `WITH ${clock} SELECT e.cache_key, e.version, ${times}, e.label FROM ${data} e, clock
    WHERE e.${column} = ANY($1::text[]) AND e.expires_ms > clock.now AND (e.created_at, e.cache_key) > ($2::bigint, $3::text)
    ORDER BY e.created_at, e.cache_key LIMIT $4::bigint`
}

/**
 * The rows only if their sum or their greatest number is not the one the caller knows. Numbers of one incarnation fall
 * only if the database was restored; a bump since then is at least the clock, so above all that was known, and without
 * one no number rose, so that an equal sum means equal numbers.
 */
function epochsText({ epoch, meta }: TableNames): string {
  return `WITH ${clock}, sums AS (SELECT coalesce(sum(n), 0)::bigint AS sum, coalesce(max(n), 0) AS max FROM ${epoch})
    SELECT pg_is_in_recovery() AS is_replica, clock.now, m.incarnation, m.max_staleness_ms,
      CASE WHEN (sums.sum, sums.max) <> ($1::bigint, $2::bigint) THEN (
        SELECT coalesce(jsonb_agg(jsonb_build_object('bucket', e.bucket, 'n', e.n, 'recent',
          CASE WHEN e.n > coalesce(($3::bigint[])[e.bucket + 1], 0) THEN e.recent::text ELSE '' END)), '[]')
        FROM ${epoch} e)::text END AS rows
    FROM clock, sums, ${meta} m WHERE m.id = 1`
}

/** One instance at a time, which steps over the rows that others work with. */
function sweepText(table: string): string {
  return `WITH ${clock},
    turn AS MATERIALIZED
      (SELECT pg_try_advisory_xact_lock(hashtext('sallyport sweep'), '${table}'::regclass::oid::int) AS ours),
    dead AS MATERIALIZED (SELECT e.cache_key FROM ${table} e, clock, turn
      WHERE turn.ours AND e.expires_at <= ${seconds('clock.now')} AND e.expires_ms <= clock.now
      ORDER BY e.expires_at LIMIT $1::bigint FOR UPDATE OF e SKIP LOCKED)
    DELETE FROM ${table} e USING dead WHERE e.cache_key = dead.cache_key`
}

/** Counts as far as 100,000: a larger table is estimated as the server itself does, for a scan would take long. */
function statsText(table: string): string {
  return `SELECT CASE WHEN counted > 100000 THEN greatest(counted, c.reltuples::bigint) ELSE counted END AS entries,
      pg_total_relation_size(c.oid) AS size_bytes
    FROM (SELECT count(*) AS counted FROM (SELECT FROM ${table} LIMIT 100001) AS seen) AS counts, pg_class c
    WHERE c.oid = '${table}'::regclass`
}
