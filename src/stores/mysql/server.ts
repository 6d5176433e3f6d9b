import { SallyportError, StoreUnavailableError } from '../../shared/errors.ts'
import type { MysqlSession } from './session.ts'
import type { MysqlStatements } from './statements.ts'
import { LostIdentity } from '../sql/lost-identity.ts'

/** What a connection says of its server and of its own settings. */
interface Facts {
  version: string
  database_name: string | null
  autocommit: number
  sql_mode: string
  client: string
  connection: string
  results: string
  max_allowed_packet: number
  flush_log: number
  log_bin: number
  sync_binlog: number
}

/** What the store has to know of its server. */
export interface ServerTraits {
  /** The largest statement it takes, in bytes. */
  maxPacketBytes: number
  /** Whether an acknowledged commit survives the end of the server's process. */
  isDurable: boolean
  /** What a loss of power may take with it; absent: nothing. */
  laxity: string | undefined
}

const factsText = `SELECT VERSION() AS version, DATABASE() AS database_name, @@session.autocommit AS autocommit,
  @@session.sql_mode AS sql_mode, @@session.character_set_client AS client,
  @@session.character_set_connection AS connection, @@session.character_set_results AS results,
  @@session.max_allowed_packet AS max_allowed_packet,
  @@global.innodb_flush_log_at_trx_commit AS flush_log, @@global.log_bin AS log_bin, @@global.sync_binlog AS sync_binlog`

/** Refuses a server that is too old, and a pool whose settings would make answers wrong without a word. */
export async function checkServer(session: MysqlSession): Promise<ServerTraits> {
  const [facts] = await session.rows<Facts>(factsText)
  if (facts === undefined) throw new StoreUnavailableError('the server did not say what it is')
  const wrong = wrongVersion(facts.version) ?? wrongSettings(facts) ?? (await wrongIsolation(session))
  if (wrong !== undefined) throw mismatch(wrong)
  return {
    maxPacketBytes: facts.max_allowed_packet,
    isDurable: facts.flush_log !== 0,
    laxity: laxityOf(facts),
  }
}

/** Refuses a pool that counts as changed only what became different: a write of equal values would seem to find nothing. */
export async function checkFoundRows(
  session: MysqlSession,
  { touchMeta, ping }: Pick<MysqlStatements, 'touchMeta' | 'ping'>,
): Promise<void> {
  const { rows } = await session.change(touchMeta)
  if (rows === 1) return
  if ((await session.rows(ping)).length === 0) throw new LostIdentity()
  throw mismatch('the `pool` counts changed rows, not found ones; leave FOUND_ROWS in its `flags`')
}

const oldest = { mysql: [8, 0], mariadb: [10, 11] } as const

function wrongVersion(version: string): string | undefined {
  const isMaria = /mariadb/i.test(version)
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10))
  const [least, leastMinor] = isMaria ? oldest.mariadb : oldest.mysql
  if (major > least || (major === least && minor >= leastMinor)) return undefined
  const name = isMaria ? 'MariaDB' : 'MySQL'
  return `the server is ${name} ${major}.${minor}; MySQL 8.0 or MariaDB 10.11 is the oldest that works`
}

function wrongSettings(facts: Facts): string | undefined {
  if (facts.database_name === null) return 'the `pool` selects no database; give it one'
  if (facts.autocommit !== 1) return 'the `pool` has autocommit off, so that single writes would never be kept'
  if (!/STRICT_(ALL|TRANS)_TABLES/i.test(facts.sql_mode))
    return 'the SQL mode of the `pool` is not strict, so that values would be cut; add STRICT_ALL_TABLES'
  if ([facts.client, facts.connection, facts.results].some((charset) => charset !== 'utf8mb4'))
    return 'the `pool` has another character set than utf8mb4; leave out its `charset`'
  return undefined
}

/** The name of the setting depends on the server. A unit sets its own; a single read goes by what is set. */
async function wrongIsolation(session: MysqlSession): Promise<string | undefined> {
  const rows = await session.rows<{ Value: string }>(
    `SHOW SESSION VARIABLES WHERE variable_name IN ('transaction_isolation', 'tx_isolation')`,
  )
  if (!rows.some(({ Value }) => /^read.uncommitted$/i.test(Value))) return undefined
  return 'the isolation of the `pool` is READ UNCOMMITTED, where a read sees what is never kept; take another'
}

function laxityOf(facts: Facts): string | undefined {
  const lax = [
    ...(facts.flush_log === 1 ? [] : [`innodb_flush_log_at_trx_commit is ${facts.flush_log}`]),
    ...(facts.log_bin === 0 || facts.sync_binlog === 1 ? [] : [`sync_binlog is ${facts.sync_binlog}`]),
  ]
  return lax.length === 0 ? undefined : lax.join(' and ')
}

function mismatch(message: string): SallyportError {
  return new SallyportError('ERR_STORE_MISMATCH', message)
}
