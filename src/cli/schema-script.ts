import { dataTables, schemaVersion } from '../stores/sql/schema.ts'
import { databases } from './databases.ts'
import type { DatabaseName, TableChoice } from './databases.ts'

/** What a script may start from. */
export const startingPoints = ['empty', 'plain'] as const
export type StartingPoint = (typeof startingPoints)[number]

/** The scripts in the order of their making; one that was published stays as it is. */
const scripts: Record<StartingPoint, { name: string; purpose: string }> = {
  empty: { name: '001-create', purpose: 'makes the tables where there are none' },
  plain: {
    name: '002-upgrade-plain-table',
    purpose: 'upgrades a table of the three columns cache_key, cache_value, expires_at, and makes what is beside it',
  },
}

/** The text of a script, to be kept in a file and run by whoever may make tables. */
export function schemaScript(database: DatabaseName, from: StartingPoint, choice: TableChoice): string {
  const { title, howToRun, isTransactional } = databases[database]
  const { name, purpose } = scripts[from]
  const statements = statementsFrom(database, from, choice)
  const unit = isTransactional ? ['BEGIN', ...statements, 'COMMIT'] : statements
  return [
    `-- ${name}.sql: ${purpose}`,
    `-- sallyport, schema version ${schemaVersion}, ${title}; run it with: ${howToRun}`,
    '',
    ...unit.map((statement) => `${statement};\n`),
  ].join('\n')
}

function statementsFrom(database: DatabaseName, from: StartingPoint, choice: TableChoice): string[] {
  const { names, statements } = databases[database].schema(choice)
  const [data = '', ...verifiers] = dataTables(names)
  const first = from === 'plain' ? statements.upgrade(data) : statements.create(data)
  return [...first, ...verifiers.flatMap((table) => statements.create(table)), ...statements.support()]
}
