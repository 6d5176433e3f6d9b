import { SallyportError } from '../../shared/errors.ts'
import type { Logger } from '../../shared/logger.ts'

/** What the command line has to be told so that it speaks of the same tables. */
export interface SchemaCommand {
  database: 'sqlite' | 'postgres' | 'mysql'
  tableName: string
  verifierTableName: string | undefined
  /** Further options of this store, e.g. `--unlogged`. */
  flags?: readonly string[]
}

/** For `autoMigrate: false`: throws `ERR_STORE_MISMATCH` if there is something to run, naming the commands. */
export function refuseToMigrate(command: SchemaCommand, pending: readonly string[]): void {
  if (pending.length === 0) return
  const message =
    `the tables of ${command.tableName} are missing or older than this release, and \`autoMigrate\` is false; ` +
    `\`npx sallyport schema apply${optionsOf(command)}\` makes them, ` +
    `\`npx sallyport schema --database ${command.database}${optionsOf(command)}\` prints the statements`
  throw new SallyportError('ERR_STORE_MISMATCH', message)
}

/** For a user who may not make tables: `ERR_STORE_MISMATCH` with what somebody else has to run. */
export function notPermitted(command: SchemaCommand, pending: readonly string[], cause: unknown): SallyportError {
  const statements = pending.map((statement) => `${statement};`).join('\n')
  const message = `the database user may not make the tables of ${command.tableName}; let one who may run\n${statements}`
  return new SallyportError('ERR_STORE_MISMATCH', message, { cause })
}

/** Tells the operator what was run; silent if that was nothing. */
export function tellMigrated(logger: Logger, store: string, statements: readonly string[]): void {
  if (statements.length > 0) logger.info({ store, statements }, 'the tables of the store were made or upgraded')
}

function optionsOf({ tableName, verifierTableName, flags = [] }: SchemaCommand): string {
  const named = tableName === 'oidc_cache' ? [] : ['--table-name', tableName]
  const separate = verifierTableName === undefined ? [] : ['--verifier-table-name', verifierTableName]
  return [...named, ...separate, ...flags].map((word) => ` ${word}`).join('')
}
