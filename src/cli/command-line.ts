import { parseArgs } from 'node:util'
import { wrongTableName, wrongTables } from '../stores/sql/options.ts'
import { databases } from './databases.ts'
import type { DatabaseName, TableChoice } from './databases.ts'
import { startingPoints } from './schema-script.ts'
import type { StartingPoint } from './schema-script.ts'

/** What somebody wants of us. */
export type Command =
  | { kind: 'help' }
  | { kind: 'print'; database: DatabaseName; from: StartingPoint; choice: TableChoice }
  | { kind: 'apply'; database: DatabaseName; url: string; choice: TableChoice }

/** A command line that makes no sense. */
export class UsageError extends Error {}

/** A connection string here is not seen by who lists processes. */
const urlVariable = 'SALLYPORT_DATABASE_URL'

export const usage: string = `Usage:
  sallyport schema --database ${Object.keys(databases).join('|')} [options]
      prints the statements that make the tables of a store
  sallyport schema apply [<connection URL>] [options]
      makes or upgrades them; better give the URL in ${urlVariable},
      where who lists processes does not see its password

Options:
  --from ${startingPoints.join('|')}           what is there: nothing (default), or a table of the three columns
                               cache_key, cache_value, expires_at, which is upgraded and keeps its rows
  --table-name <name>          default oidc_cache
  --verifier-table-name <name> a table of its own for code verifiers
  --unlogged                   PostgreSQL: an UNLOGGED table of entries
  --jsonb                      PostgreSQL: values as JSONB
  --help

Exit status: 0 done, 1 the database refused or did not answer, 2 the command line makes no sense.`

const optionTypes = {
  database: { type: 'string' },
  from: { type: 'string' },
  'table-name': { type: 'string' },
  'verifier-table-name': { type: 'string' },
  unlogged: { type: 'boolean' },
  jsonb: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

type Values = ReturnType<typeof parsed>['values']

/** Throws a `UsageError` that says what is wrong. */
export function commandFrom(args: readonly string[], env: NodeJS.ProcessEnv): Command {
  const { values, positionals } = parsed(args)
  if (values.help === true || positionals.length === 0) return { kind: 'help' }
  const [what, action, url, ...more] = positionals
  if (what !== 'schema') throw new UsageError(`there is no command ${what}`)
  const choice = choiceFrom(values)
  if (action === undefined) return printCommand(values, choice)
  if (action !== 'apply') throw new UsageError(`there is no command schema ${action}`)
  if (more.length > 0) throw new UsageError('schema apply takes one connection URL')
  return applyCommand(values, choice, url ?? env[urlVariable])
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: optionTypes, allowPositionals: true })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : 'the options make no sense')
  }
}

function printCommand(values: Values, choice: TableChoice): Command {
  const { database, from = 'empty' } = values
  if (database === undefined) throw new UsageError(`--database is missing: ${Object.keys(databases).join(', ')}`)
  if (!isDatabase(database))
    throw new UsageError(`--database must be one of ${Object.keys(databases).join(', ')}; nothing else has tables`)
  if (!isStartingPoint(from)) throw new UsageError(`--from must be one of ${startingPoints.join(', ')}`)
  refuseFlagsOfOthers(database, choice)
  return { kind: 'print', database, from, choice }
}

function applyCommand(values: Values, choice: TableChoice, url: string | undefined): Command {
  if (url === undefined || url === '')
    throw new UsageError(`schema apply needs a connection URL, as an argument or in ${urlVariable}`)
  if (values.from !== undefined) throw new UsageError('schema apply sees for itself what is there: leave out --from')
  const database = Object.keys(databases)
    .filter(isDatabase)
    .find((name) => databases[name].schemes.some((scheme) => url.startsWith(`${scheme}//`)))
  if (database === undefined) throw new UsageError(`the connection URL must start with ${schemes().join(', ')}`)
  if (values.database !== undefined && values.database !== database)
    throw new UsageError(`--database says ${values.database}, the connection URL ${database}`)
  refuseFlagsOfOthers(database, choice)
  return { kind: 'apply', database, url, choice }
}

function choiceFrom(values: Values): TableChoice {
  const { 'table-name': tableName = 'oidc_cache', 'verifier-table-name': verifierTableName } = values
  const wrong = (option: string, message: string): never => {
    throw new UsageError(`--${option} ${message}`)
  }
  for (const option of ['table-name', 'verifier-table-name'] as const) {
    const message = values[option] === undefined ? undefined : wrongTableName(values[option])
    if (message !== undefined) wrong(option, message)
  }
  if (verifierTableName !== undefined)
    wrongTables(tableName, verifierTableName, (_, message) => wrong('verifier-table-name', message))
  return { tableName, verifierTableName, unlogged: values.unlogged === true, jsonb: values.jsonb === true }
}

function refuseFlagsOfOthers(database: DatabaseName, choice: TableChoice): void {
  for (const flag of ['unlogged', 'jsonb'] as const)
    if (choice[flag] && !databases[database].flags.includes(flag))
      throw new UsageError(`--${flag} means nothing to ${databases[database].title}`)
}

function schemes(): string[] {
  return Object.values(databases).flatMap((database) => database.schemes.map((scheme) => `${scheme}//`))
}

function isDatabase(name: string): name is DatabaseName {
  return Object.hasOwn(databases, name)
}

function isStartingPoint(name: string): name is StartingPoint {
  return (startingPoints as readonly string[]).includes(name)
}
