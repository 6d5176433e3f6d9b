import type { Store } from '../cache/store.ts'
import type { Logger } from '../shared/logger.ts'
import { mysqlSchema, mysqlTableNames } from '../stores/mysql/schema.ts'
import { postgresSchema } from '../stores/postgres/tables.ts'
import type { SchemaCommand } from '../stores/sql/migration.ts'
import type { SqlCacheConfig } from '../stores/sql/options.ts'
import { tableNames } from '../stores/sql/schema.ts'
import type { SchemaStatements, TableNames } from '../stores/sql/schema.ts'
import { schemaStatements, sqliteTables } from '../stores/sqlite/schema.ts'
import { mysqlStore } from '../stores/mysql.ts'
import { postgresStore } from '../stores/postgres.ts'
import { sqliteStore } from '../stores/sqlite.ts'

export type DatabaseName = SchemaCommand['database']

/** Which tables, and of what kind. */
export interface TableChoice {
  tableName: string
  verifierTableName: string | undefined
  unlogged: boolean
  jsonb: boolean
}

/** What the commands know of a database; what its tables look like, only its store knows. */
export interface Database {
  title: string
  /** Of its URLs. */
  schemes: readonly string[]
  /** Options of the command line that only it has. */
  flags: readonly ('unlogged' | 'jsonb')[]
  /** How people run a script they have in a file. */
  howToRun: string
  /** Whether tables are made in a transaction. */
  isTransactional: boolean
  schema(choice: TableChoice): { names: TableNames; statements: SchemaStatements }
  store(connectionString: string, choice: TableChoice, logger: Logger): Store
}

type CommonOptions = Pick<SqlCacheConfig, 'tableName' | 'verifierTableName' | 'autoMigrate' | 'operationTimeoutMs'>

/** Upgrading a large table takes its time, and nobody waits for a connection here. */
const operationTimeoutMs = 60_000
const alone = { minConnections: 0, maxConnections: 1, acquireTimeoutSec: 600 }

export const databases: Record<DatabaseName, Database> = {
  sqlite: {
    title: 'SQLite',
    schemes: ['sqlite:'],
    flags: [],
    howToRun: 'sqlite3 -bail sessions.db < script.sql',
    isTransactional: true,
    schema(choice) {
      const names = sqliteTables(choice)
      return { names, statements: schemaStatements(names) }
    },
    store: (connectionString, choice, logger) => sqliteStore({ connectionString, logger, ...common(choice) }),
  },
  postgres: {
    title: 'PostgreSQL',
    schemes: ['postgres:', 'postgresql:'],
    flags: ['unlogged', 'jsonb'],
    howToRun: 'psql -v ON_ERROR_STOP=1 -f script.sql',
    isTransactional: true,
    schema(choice) {
      const names = tableNames(choice.tableName, choice.verifierTableName, (name) => `"${name}"`)
      return { names, statements: postgresSchema(names, choice) }
    },
    store: (connectionString, choice, logger) =>
      postgresStore({
        connectionString,
        logger,
        ...common(choice),
        unlogged: choice.unlogged,
        jsonb: choice.jsonb,
        ...alone,
        push: false,
      }),
  },
  mysql: {
    title: 'MySQL',
    schemes: ['mysql:', 'mariadb:'],
    flags: [],
    howToRun: 'mysql app < script.sql',
    isTransactional: false,
    schema(choice) {
      const names = mysqlTableNames(choice.tableName, choice.verifierTableName)
      return { names, statements: mysqlSchema(names) }
    },
    store: (connectionString, choice, logger) => mysqlStore({ connectionString, logger, ...common(choice), ...alone }),
  },
}

function common({ tableName, verifierTableName }: TableChoice): CommonOptions {
  const separate = verifierTableName === undefined ? {} : { verifierTableName }
  return { tableName, ...separate, autoMigrate: true, operationTimeoutMs }
}
