import { isSallyportError, SallyportError, StoreUnavailableError } from '../../shared/errors.ts'
import { tlsFault } from '../rules/tls.ts'
import { LostIdentity } from '../sql/lost-identity.ts'

const sharedConnections =
  'a pooler hands prepared statements to other connections; use PgBouncer 1.21 or later with max_prepared_statements above 0, or its session mode'

/** What the server says, by SQLSTATE or its first two or three characters, and what to do about it. */
const unavailable: Record<string, string> = {
  '08': 'the connection to PostgreSQL was lost',
  '26000': sharedConnections,
  '25006': 'PostgreSQL is read-only here; connect to the primary',
  '28': 'PostgreSQL refused the user or the password; check those of `connectionString`',
  '3D000': 'the database does not exist; create it, or name another in `connectionString`',
  '42P05': sharedConnections,
  '42501': 'the database user may not use the tables; grant SELECT, INSERT, UPDATE and DELETE on them',
  '53100': 'the disk of PostgreSQL is full',
  '53200': 'PostgreSQL is out of memory',
  '53300': 'PostgreSQL has no connection left; raise its max_connections, or lower `maxConnections`',
  '55P03': 'others kept rows locked for too long',
  '57014': 'PostgreSQL ended a statement that took too long',
  '57P': 'PostgreSQL is starting or shutting down',
}

const mismatch: Record<string, string> = {
  '3F000': 'the schema of the tables does not exist',
  '42703': 'a table lacks a column',
  '42804': 'a column has another type than this release makes',
  '42P01': 'a table is missing',
  '42P10': 'a table has another primary key than this release makes',
}

/** What a socket or a resolver says. */
const unreachable: Record<string, string> = {
  ECONNREFUSED: 'nothing listens at the address of PostgreSQL',
  ENOENT: 'nothing listens at the socket of PostgreSQL',
  ENOTFOUND: 'the host of PostgreSQL has no address; check `connectionString`',
}

/** An error as the server sent it. */
interface ServerError extends Error {
  code: string
  severity: string
}

/** Whether trying the unit again makes sense: others were in the way, and nothing of it happened. */
export function isObstructed(error: unknown): boolean {
  return isServerError(error) && (error.code === '40P01' || error.code === '40001')
}

/** Whether the connection is as good as before: the server refused one statement and goes on. */
export function isHarmless(error: unknown): boolean {
  return isServerError(error) && error.severity === 'ERROR' && !/^(08|57P|XX|26|0A)/.test(error.code)
}

/** Whether the tables are not what they were when they were looked at. */
export function isOtherSchema(error: unknown): boolean {
  return isServerError(error) && (error.code in mismatch || isWithoutIdentity(error))
}

/** Whether a bump got no number, as it does where the meta row is gone. */
function isWithoutIdentity(error: ServerError): boolean {
  return error.code === '23502' && 'column' in error && error.column === 'n'
}

/** Whether the user may not do what was asked, or has nowhere to do it. */
export function isForbidden(error: unknown): boolean {
  return isServerError(error) && (error.code === '42501' || error.code === '3F000')
}

/** A pooler in between that lets settings of a connection not pass, or a server too old to know them. */
export function refusesSettings(error: unknown): boolean {
  if (!isServerError(error)) return false
  return error.code === '42704' || (error.code === '08P01' && error.message.includes('startup parameter'))
}

/** What users of the store see; an error of ours passes unchanged. */
export function translated(error: unknown): unknown {
  if (isSallyportError(error)) return error
  const cause = withoutValues(error)
  if (!isServerError(error)) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const message = fileFault(error) ?? unreachable[code] ?? wayFault(cause.message)
    return new StoreUnavailableError(message, { cause })
  }
  const { code } = error
  if (isWithoutIdentity(error)) return new LostIdentity(cause)
  const other = mismatch[code]
  if (other !== undefined) return new SallyportError('ERR_STORE_MISMATCH', other, { cause })
  if (/^XX00[12]$/.test(code)) return new SallyportError('ERR_STORE_CORRUPT', 'the database is damaged', { cause })
  if (code.startsWith('54'))
    return new SallyportError('ERR_STORE_VALUE_TOO_LARGE', 'the key or the value is larger than PostgreSQL takes', {
      cause,
    })
  if (code.startsWith('22')) return new SallyportError('ERR_ARGUMENT_INVALID', refusal(code), { cause })
  if (isWithoutTls(error)) return new StoreUnavailableError(onlyWithTls, { cause })
  const said = unavailable[code] ?? unavailable[code.slice(0, 3)] ?? unavailable[code.slice(0, 2)]
  return new StoreUnavailableError(said ?? `PostgreSQL failed with error ${code}`, { cause })
}

/** What the driver says of TLS, or nothing in particular. */
function wayFault(message: string): string {
  if (message.includes('does not support SSL')) return 'PostgreSQL offers no TLS, which the connection asks for'
  return tlsFault(message) ?? 'the connection to PostgreSQL was lost or could not be made'
}

const onlyWithTls =
  'PostgreSQL lets this user in with TLS only, or not at all (pg_hba.conf); add sslmode=verify-full to `connectionString`'

/** What a server says that has no rule for a user without TLS; up to version 13 in other words. */
function isWithoutTls({ code, message }: ServerError): boolean {
  return code === '28000' && /pg_hba\.conf.*(no encryption|SSL off)/.test(message)
}

/** What a file says: a certificate or a key that the address names. A socket that is not there says it in other words. */
function fileFault(error: unknown): string | undefined {
  const isOfFile = error instanceof Error && 'syscall' in error && ['open', 'read'].includes(String(error.syscall))
  return isOfFile ? 'a file that `connectionString` names, e.g. as sslrootcert, cannot be read' : undefined
}

function refusal(code: string): string {
  if (code === '22001') return 'the key is longer than the 255 characters the table takes'
  if (/^22(P02|P05|032)$/.test(code)) return 'the value is not JSON, which is all a table made with `jsonb` takes'
  return `PostgreSQL does not take this key or value (error ${code})`
}

/** Details, hints and contexts hold keys and values; so do the messages about data. */
function withoutValues(error: unknown): Error {
  if (!isServerError(error)) return error instanceof Error ? error : new Error('unknown')
  const { code } = error
  const message = /^2[23]/.test(code) ? 'the data was refused' : error.message
  return Object.assign(new Error(`${message} (SQLSTATE ${code})`), { name: 'PostgresError', code })
}

function isServerError(error: unknown): error is ServerError {
  if (!(error instanceof Error) || !('code' in error) || !('severity' in error)) return false
  return typeof error.code === 'string' && typeof error.severity === 'string'
}
