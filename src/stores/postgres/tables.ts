import { bucketCount } from '../rules/bumps.ts'
import { latestSecond, schemaVersion, withEnding } from '../sql/schema.ts'
import type { SchemaStatements, TableNames } from '../sql/schema.ts'

/** What the options say about the tables. */
export interface TableOptions {
  unlogged: boolean
  jsonb: boolean
}

/** The type of the values of a plain cache table, as the server names it; `unknown` to who has not asked it. */
export type ValueType = 'bytea' | 'text' | 'character varying' | 'json' | 'jsonb' | 'unknown'

/**
 * Rows of 3 KB stay in their page, where a read finds them at once and an update has room beside them; larger values
 * move out. The table changes much faster than the server's defaults for vacuum expect.
 */
const entrySettings = `fillfactor = 50, toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_threshold = 1000, autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0`
const epochSettings = 'fillfactor = 50, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0'

/** Statements that make the tables; `typeOf` says what the values of a plain cache table are. */
export function postgresSchema(
  { epoch, meta }: TableNames,
  options: TableOptions,
  typeOf: (table: string) => ValueType = () => 'unknown',
): SchemaStatements {
  return {
    create: (table) => [createText(table, options), ...finishing(table, options)],
    upgrade: (table) => [...upgradeTexts(table, options, typeOf(table)), ...finishing(table, options)],
    support: () => [
      `CREATE TABLE IF NOT EXISTS ${epoch} (
  bucket INTEGER NOT NULL PRIMARY KEY,
  n BIGINT NOT NULL,
  recent JSONB NOT NULL
) WITH (${epochSettings})`,
      `CREATE TABLE IF NOT EXISTS ${meta} (
  id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  schema_version INTEGER NOT NULL,
  incarnation TEXT NOT NULL,
  buckets INTEGER NOT NULL,
  max_staleness_ms BIGINT NOT NULL
)`,
      `INSERT INTO ${meta} VALUES (1, ${schemaVersion}, gen_random_uuid()::text, ${bucketCount}, 0) ON CONFLICT DO NOTHING`,
    ],
  }
}

/** Keys are compared byte by byte: a language has no say in them. */
function createText(table: string, { unlogged, jsonb }: TableOptions): string {
  return `CREATE ${unlogged ? 'UNLOGGED ' : ''}TABLE ${table} (
  cache_key VARCHAR(255) COLLATE "C" NOT NULL PRIMARY KEY,
  cache_value ${jsonb ? 'JSONB' : 'BYTEA'} NOT NULL,
  expires_at BIGINT NOT NULL,
  version BIGINT NOT NULL,
  expires_ms BIGINT NOT NULL,
  absolute_expires_ms BIGINT,
  subject_hash TEXT,
  sid_hash TEXT,
  label TEXT,
  created_at BIGINT NOT NULL,
  last_accessed_at BIGINT NOT NULL
) WITH (${entrySettings})`
}

function upgradeTexts(table: string, { unlogged, jsonb }: TableOptions, from: ValueType): string[] {
  const milliseconds = 'floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint'
  return [
    `ALTER TABLE ${table}
  ALTER COLUMN cache_value DROP DEFAULT,
  ALTER COLUMN cache_value TYPE ${jsonb ? 'JSONB' : 'BYTEA'} USING coalesce(${converted(from, jsonb)}, ${jsonb ? "'null'" : "''"}),
  ALTER COLUMN cache_value SET NOT NULL,
  ALTER COLUMN expires_at DROP DEFAULT,
  ALTER COLUMN expires_at TYPE BIGINT USING greatest(0, least(coalesce(expires_at, 0), ${latestSecond})),
  ALTER COLUMN expires_at SET NOT NULL,
  ADD COLUMN version BIGINT NOT NULL DEFAULT 1,
  ADD COLUMN expires_ms BIGINT,
  ADD COLUMN absolute_expires_ms BIGINT,
  ADD COLUMN subject_hash TEXT,
  ADD COLUMN sid_hash TEXT,
  ADD COLUMN label TEXT,
  ADD COLUMN created_at BIGINT,
  ADD COLUMN last_accessed_at BIGINT,
  SET (${entrySettings})`,
    `UPDATE ${table} SET expires_ms = expires_at * 1000, created_at = ${milliseconds}, last_accessed_at = ${milliseconds}`,
    `ALTER TABLE ${table}
  ALTER COLUMN version DROP DEFAULT,
  ALTER COLUMN expires_ms SET NOT NULL,
  ALTER COLUMN created_at SET NOT NULL,
  ALTER COLUMN last_accessed_at SET NOT NULL`,
    `ALTER TABLE ${table} SET ${unlogged ? 'UNLOGGED' : 'LOGGED'}`,
  ]
}

/** The text form of a BYTEA can be read back as one, whatever `bytea_output` says. */
const bytesOfAnyType = `CASE pg_typeof(cache_value)::text
    WHEN 'bytea' THEN cache_value::text::bytea
    ELSE convert_to(cache_value::text, 'UTF8') END`

function converted(from: ValueType, jsonb: boolean): string {
  if (from === 'unknown') return jsonb ? `convert_from(${bytesOfAnyType}, 'UTF8')::jsonb` : bytesOfAnyType
  if (jsonb) return from === 'bytea' ? `convert_from(cache_value, 'UTF8')::jsonb` : 'cache_value::jsonb'
  return from === 'bytea' ? 'cache_value' : `convert_to(cache_value::text, 'UTF8')`
}

function finishing(table: string, { jsonb }: TableOptions): string[] {
  const index = (ending: string, what: string): string =>
    `CREATE INDEX IF NOT EXISTS ${withEnding(table, ending)} ON ${table} ${what}`
  return [
    // Sealed values do not get smaller; JSON that is too large for its page does.
    ...(jsonb ? [] : [`ALTER TABLE ${table} ALTER COLUMN cache_value SET STORAGE EXTERNAL`]),
    index('expires_at', '(expires_at)'),
    index('subject', '(subject_hash) WHERE subject_hash IS NOT NULL'),
    index('sid', '(sid_hash) WHERE sid_hash IS NOT NULL'),
  ]
}
