import type { IndexName } from '../../cache/store.ts'
import { lockText, unlockText } from './lock.ts'
import { infoColumns } from '../sql/rows.ts'
import { dataTables } from '../sql/schema.ts'
import type { TableNames } from '../sql/schema.ts'

/** A statement for this many keys or rows. */
export type Sized = (count: number) => string

/** The statements on one table of entries. */
export interface EntryStatements {
  /** The unexpired entries, and the clock in every row, of which there is at least one. */
  read: Sized
  /** One unexpired entry without its value, and the clock. */
  look: string
  create: string
  /** Only what was looked at is changed: each of these is a comparison with it, too. */
  replace: string
  extend: string
  take: string
  /** The entries, expired ones too, locked in the order of their keys, and the clock as it is then in every row. */
  lock: Sized
  insertMany: Sized
  replaceMany: Sized
  extendMany: Sized
  deleteMany: Sized
  expired: string
  sweepMany: Sized
  count: string
}

export interface MysqlStatements {
  /** By the quoted name of the table. */
  entries: ReadonlyMap<string, EntryStatements>
  under: Record<IndexName, Sized>
  page: Record<IndexName, Sized>
  lockEpochs: Sized
  makeEpochs: Sized
  saveEpochs: Sized
  epochsMoved: string
  epochs: string
  raiseMaxStaleness: string
  /** Changes nothing, and says how many rows it found. */
  touchMeta: string
  size: string
  startSweep: string
  endSweep: string
  ping: string
}

/** Milliseconds by the server's clock as the statement began; no time zone and no change of it matters. */
const serverNow = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000"

/**
 * The same at the moment it is looked at, which for a row that gets locked is under its lock. A write may wait for that
 * until the row's time is over, and what others have read as absent meanwhile has to stay so. SYSDATE is the one clock
 * that goes on within a statement; only how far it went counts, as it is in the time zone of the connection.
 */
const nowUnderLock = `(${serverNow} + GREATEST(0, TIMESTAMPDIFF(MICROSECOND, NOW(3), SYSDATE(3))) DIV 1000)`

/** The columns of a row that is written whole, in the order of its values. */
const written = `cache_key, cache_value, version, expires_ms, expires_at, absolute_expires_ms, subject_hash, sid_hash,
  label, created_at, last_accessed_at`

const inSeconds = (ms: string): string => `(${ms} + 999) DIV 1000`

/** Larger tables are estimated. */
const countedAtMost = 100_000

/** Every statement of a store. */
export function mysqlStatements(names: TableNames): MysqlStatements {
  const { data, meta } = names
  const under = (column: string): Sized =>
    sized((n) => `SELECT cache_key FROM ${data} WHERE ${column} IN (${marks(n)})`)
  const page = (column: string): Sized =>
    sized(
      (n) => `SELECT ${infoColumns} FROM ${data} WHERE ${column} IN (${marks(n)}) AND expires_ms > ${serverNow}
        AND (created_at, cache_key) > (?, ?) ORDER BY created_at, cache_key LIMIT ?`,
    )
  return {
    entries: new Map(dataTables(names).map((table) => [table, entryStatements(table, meta)])),
    under: { subject: under('subject_hash'), sid: under('sid_hash') },
    page: { subject: page('subject_hash'), sid: page('sid_hash') },
    ...epochStatements(names),
    raiseMaxStaleness: `UPDATE ${meta} SET max_staleness_ms = ? WHERE id = 1 AND max_staleness_ms < ?`,
    touchMeta: `UPDATE ${meta} SET id = id WHERE id = 1`,
    size: `SELECT SUM(data_length + index_length) AS size, SUM(table_rows) AS estimated
      FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name IN (?, ?)`,
    startSweep: lockText('sweep', 0),
    endSweep: unlockText('sweep'),
    ping: `SELECT incarnation FROM ${meta} WHERE id = 1`,
  }
}

function epochStatements({
  epoch,
  meta,
}: TableNames): Pick<MysqlStatements, 'lockEpochs' | 'makeEpochs' | 'saveEpochs' | 'epochsMoved' | 'epochs'> {
  // Only the primary takes writes: on a replica a number may be older than a removal that was acknowledged.
  const identity = `m.incarnation, m.max_staleness_ms, ${serverNow} AS now,
    @@global.read_only AS read_only, @@global.innodb_read_only AS innodb_read_only`
  return {
    // A subquery is not locked with the statement around it, so that units do not queue for the meta row.
    lockEpochs: sized(
      (
        n,
      ) => `SELECT ${serverNow} AS now, (SELECT incarnation FROM ${meta} WHERE id = 1) AS incarnation, bucket, n, recent
        FROM ${epoch} FORCE INDEX (PRIMARY) WHERE bucket IN (${marks(n)}) ORDER BY bucket FOR UPDATE`,
    ),
    // INSERT IGNORE would lock a row that is there for reading only, and two such units wait for each other.
    makeEpochs: sized(
      (n) => `INSERT INTO ${epoch} (bucket, n, recent) VALUES ${repeated("(?, 0, '[]')", n)}
        ON DUPLICATE KEY UPDATE bucket = ${epoch}.bucket`,
    ),
    saveEpochs: sized((n) => `REPLACE INTO ${epoch} (bucket, n, recent) VALUES ${repeated('(?, ?, ?)', n)}`),
    epochsMoved: `SELECT ${identity}, (SELECT SUM(n) FROM ${epoch}) AS total, (SELECT MAX(n) FROM ${epoch}) AS newest
      FROM ${meta} m WHERE m.id = 1`,
    // The numbers known come as one text of 16 digits each: what is remembered of other buckets need not be sent.
    epochs: `SELECT ${identity}, e.bucket, e.n,
        IF(e.n > CAST(SUBSTRING(?, e.bucket * 16 + 1, 16) AS UNSIGNED), e.recent, '') AS recent
      FROM ${meta} m LEFT JOIN ${epoch} e ON TRUE WHERE m.id = 1`,
  }
}

function entryStatements(table: string, meta: string): EntryStatements {
  // Of the meta row there is always one, and reading it costs less than making a row for the clock.
  const live = (columns: string, condition: string): string => `SELECT ${serverNow} AS now, ${prefixed(columns)}
    FROM ${meta} m LEFT JOIN ${table} e ON e.cache_key ${condition} AND e.expires_ms > ${serverNow} WHERE m.id = 1`
  const asLookedAt = `WHERE cache_key = ? AND version = ? AND created_at = ? AND last_accessed_at = ? AND expires_ms = ?
    AND expires_ms > ${nowUnderLock}`
  return {
    read: sized((n) => live(`${infoColumns}, cache_value`, `IN (${marks(n)})`)),
    look: live(infoColumns, '= ?'),
    // The clock goes back as the number of the row, so that one round trip tells the times of the entry.
    create: `INSERT INTO ${table} (${written}) VALUES (?, ?, 1, LAST_INSERT_ID(${serverNow}) + ?,
      ${inSeconds(`${serverNow} + ?`)}, ${serverNow} + ?, ?, ?, ?, ${serverNow}, ${serverNow})`,
    replace: `UPDATE ${table} SET cache_value = ?, version = ?, expires_ms = ?, expires_at = ?,
      absolute_expires_ms = ?, last_accessed_at = ? ${asLookedAt}`,
    extend: `UPDATE ${table} SET expires_ms = ?, expires_at = ?, last_accessed_at = ? ${asLookedAt}`,
    take: `DELETE FROM ${table}
      WHERE cache_key = ? AND version = ? AND created_at = ? AND expires_ms > ${nowUnderLock}`,
    expired: `SELECT cache_key FROM ${table} WHERE expires_at <= ${inSeconds(serverNow)} AND expires_ms <= ${serverNow}
      ORDER BY expires_at LIMIT ?`,
    sweepMany: sized((n) => `${deletion(table, n)} AND e.expires_ms <= ${serverNow}`),
    count: `SELECT COUNT(*) AS counted FROM (SELECT 1 FROM ${table} LIMIT ${countedAtMost}) AS some`,
    ...manyStatements(table),
  }
}

/** Inside a unit. The index is forced: on a small table the server would lock every row on its way to these. */
function manyStatements(
  table: string,
): Pick<EntryStatements, 'lock' | 'insertMany' | 'replaceMany' | 'extendMany' | 'deleteMany'> {
  return {
    lock: sized(
      (n) => `SELECT ${nowUnderLock} AS now, ${prefixed(infoColumns)} FROM (SELECT 1) AS always
        LEFT JOIN ${table} e FORCE INDEX (PRIMARY) ON e.cache_key IN (${marks(n)}) FOR UPDATE`,
    ),
    insertMany: sized((n) => `INSERT INTO ${table} (${written}) VALUES ${repeated(`(${marks(11)})`, n)}`),
    replaceMany: sized(
      (n) => `UPDATE ${table} SET ${byKey('cache_value', n)}, ${byKey('version', n)}, ${byKey('expires_ms', n)},
        ${byKey('absolute_expires_ms', n)}, ${byKey('last_accessed_at', n)},
        expires_at = ${inSeconds('expires_ms')} WHERE cache_key IN (${marks(n)})`,
    ),
    extendMany: sized(
      (n) => `UPDATE ${table} SET ${byKey('expires_ms', n)}, expires_at = ${inSeconds('expires_ms')},
        last_accessed_at = ? WHERE cache_key IN (${marks(n)})`,
    ),
    deleteMany: sized((n) => deletion(table, n)),
  }
}

/** Whether `count` says that there may be more. */
export function isEstimated(counted: number): boolean {
  return counted >= countedAtMost
}

function deletion(table: string, n: number): string {
  return `DELETE e FROM ${table} e FORCE INDEX (PRIMARY) WHERE e.cache_key IN (${marks(n)})`
}

/** What each key's row gets; the first that is given for a key counts. */
function byKey(column: string, n: number): string {
  return `${column} = CASE cache_key ${repeated('WHEN ? THEN ?', n, ' ')} ELSE ${column} END`
}

function prefixed(columns: string): string {
  return columns.replaceAll(/\w+/g, 'e.$&')
}

function marks(count: number): string {
  return repeated('?', count)
}

function repeated(part: string, count: number, separator: string = ', '): string {
  return Array.from({ length: count }, () => part).join(separator)
}

/** Each text is made once: the driver finds the prepared statement by it. */
function sized(text: (count: number) => string): Sized {
  const known = new Map<number, string>()
  return (count) => {
    const made = known.get(count) ?? text(count)
    known.set(count, made)
    return made
  }
}
