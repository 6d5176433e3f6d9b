import { hasCode, SallyportError, StoreUnavailableError } from '../../shared/errors.ts'
import { tlsFault } from '../rules/tls.ts'

/** An error of the driver without what it carries: the statement, its values, names of keys and users. */
class MysqlFault extends Error {
  /** The server's number; absent where the driver or the network failed. */
  readonly errno: number | undefined
  readonly code: string
  /** Whether the connection is lost. */
  readonly isFatal: boolean
  /** What is wrong with TLS, as users see it: the driver has one code for all of it. */
  readonly ofTls: string | undefined

  constructor(errno: number | undefined, code: string, isFatal: boolean, ofTls?: string) {
    super(errno === undefined ? code : `${code} (${errno})`)
    this.name = 'MysqlFault'
    this.errno = errno
    this.code = code
    this.isFatal = isFatal
    this.ofTls = ofTls
  }
}

/** What is left of an error of the driver. */
export function faultOf(error: unknown): MysqlFault {
  const { errno, code, fatal, message } = (error ?? {}) as Partial<
    Record<'errno' | 'code' | 'fatal' | 'message', unknown>
  >
  // The network's errors have numbers too, but negative ones.
  const isServers = typeof errno === 'number' && errno >= 1_000
  const isLost = fatal === true || /closed/i.test(String(message))
  return new MysqlFault(
    isServers ? errno : undefined,
    typeof code === 'string' ? code : 'UNKNOWN',
    isLost || !isServers,
    code === tlsFailed ? tlsFault(String(message)) : undefined,
  )
}

const tlsFailed = 'HANDSHAKE_SSL_ERROR'

const duplicateKey = 1062
const lockWaitTimeout = 1205
const deadlock = 1213

/** MariaDB's own name for a row that others changed since the unit looked. */
const recordChanged = 1020
const needsReprepare = 1615

const readOnly = [1290, 1792, 1836]

/** Whether trying the unit again makes sense: others were in the way, and nothing of it happened. */
export function isObstructed(error: unknown): boolean {
  return [lockWaitTimeout, deadlock, recordChanged, needsReprepare].includes(numberOf(error))
}

/** Whether a row with this key is there already. */
export function isDuplicate(error: unknown): boolean {
  return numberOf(error) === duplicateKey
}

/** Whether a table or a column is not there (any more). */
export function isOtherSchema(error: unknown): boolean {
  return numberOf(error) in mismatches
}

/** Whether the user may not do what was asked. */
export function isForbidden(error: unknown): boolean {
  return [1044, 1142, 1143, 1227, 1370].includes(numberOf(error))
}

/** What a server says that takes no writes: a replica, or a primary that somebody took out of service. */
export function isReadOnly(error: unknown): boolean {
  return readOnly.includes(numberOf(error))
}

/** The same, where it is found out without a write. */
export function readOnlyFault(): Error {
  return new MysqlFault(1290, 'ER_OPTION_PREVENTS_STATEMENT', false)
}

/** Whether an error as users see it says that an entry is larger than the database takes. */
export function isTooLarge(error: unknown): boolean {
  return hasCode(error, 'ERR_STORE_VALUE_TOO_LARGE')
}

/** Whether the connection is as good as before: the server refused one statement and goes on, with the same role. */
export function isHarmless(error: unknown): boolean {
  return error instanceof MysqlFault && !error.isFatal && !unsettling.has(numberOf(error))
}

/** The server is ending, is read-only now, or has forgotten what it prepared: the next connection may fare better. */
const unsettling = new Set([...readOnly, 1053, 1153, 1243, 1927, 4031])

const mismatches: Record<number, string> = {
  1054: 'a column is missing from the tables',
  1146: 'a table is missing',
}

const refusals: Record<number, string> = {
  1021: 'the disk of the database is full',
  1026: 'the database could not write; is its disk full?',
  1030: 'the storage engine failed; is the disk of the database full?',
  1040: 'the server has no connection left; raise its max_connections, or lower `maxConnections`',
  1041: 'the database is out of memory',
  1044: 'the database user may not use this database; grant it the rights',
  1045: 'the server refused the user or the password, or asks for TLS; check `connectionString`',
  1049: 'the database does not exist; create it, or name another in `connectionString`',
  1053: 'the server is shutting down',
  1114: 'the table is full; is the disk of the database full?',
  1129: 'the server blocks this host after too many failed connections; run FLUSH HOSTS there',
  1130: 'the server allows no connections from this host',
  1142: 'the database user may not use the tables; grant SELECT, INSERT, UPDATE and DELETE on them',
  1143: 'the database user may not use the tables; grant SELECT, INSERT, UPDATE and DELETE on them',
  1203: 'the database user has no connection left; raise max_user_connections, or lower `maxConnections`',
  1205: 'others kept rows locked for too long',
  1226: 'the database user has used up a limit; raise max_user_connections or its other limits',
  1290: 'the database is a replica or read-only; connect to the primary',
  1317: 'somebody ended the statement',
  1461: 'the server has no prepared statement left; raise its max_prepared_stmt_count',
  1665: 'the server writes its binary log by statement; set binlog_format to ROW or MIXED',
  1698: 'the server refused the user or the password; check those of `connectionString`',
  1792: 'the database is a replica or read-only; connect to the primary',
  1836: 'the database is a replica or read-only; connect to the primary',
  1927: 'somebody ended the connection',
  1969: 'the server ended a statement that took too long',
  3024: 'the server ended a statement that took too long',
  3118: 'the account of the database user is locked',
  3159: 'the server takes connections with TLS only; add ?ssl=true to `connectionString`',
  4031: 'the server closed a connection that was idle',
}

/** What a socket or a resolver says. */
const unreachable: Record<string, string> = {
  ECONNREFUSED: 'nothing listens at the address of the database',
  ENOENT: 'nothing listens at the socket of the database',
  ENOTFOUND: 'the host of the database has no address; check `connectionString`',
  ETIMEDOUT: 'the database could not be reached in time',
  HANDSHAKE_NO_SSL_SUPPORT: 'the server offers no TLS, which `connectionString` asks for',
  [tlsFailed]: 'the TLS connection to the database could not be made',
}

/** What users of the store see; an error that is not the driver's passes unchanged. */
export function translated(cause: unknown): unknown {
  if (!(cause instanceof MysqlFault)) return cause
  const { errno, code } = cause
  if (errno === undefined) {
    const message = cause.ofTls ?? unreachable[code] ?? 'the connection to the database was lost or could not be made'
    return new StoreUnavailableError(message, { cause })
  }
  const other = mismatches[errno]
  if (other !== undefined) return new SallyportError('ERR_STORE_MISMATCH', other, { cause })
  if ([1153, 1301, 1406].includes(errno)) return tooLarge(cause)
  return new StoreUnavailableError(refusals[errno] ?? `the database failed with error ${cause.message}`, { cause })
}

/** A value, a key or a label that the table or the server does not take. */
export function tooLarge(cause?: unknown): SallyportError {
  const message = 'the entry is larger than the database takes; its max_allowed_packet and the columns set the limit'
  return new SallyportError('ERR_STORE_VALUE_TOO_LARGE', message, { cause })
}

function numberOf(error: unknown): number {
  return error instanceof MysqlFault ? (error.errno ?? 0) : 0
}
