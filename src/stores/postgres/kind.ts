import type { PoolClient } from 'pg'
import { driverPools } from './connections.ts'
import { isObstructed, isOtherSchema, translated } from './errors.ts'
import type { PostgresSettings } from './options.ts'
import { migrate, pendingWork, raiseMaxStaleness } from './schema.ts'
import type { DatabaseKind, SqlDatabase } from '../sql/database.ts'
import type { TableNames } from '../sql/schema.ts'

export type PostgresDatabase = SqlDatabase<PoolClient>

export function postgresKind(settings: PostgresSettings, names: TableNames): DatabaseKind<PoolClient> {
  return {
    name: 'PostgreSQL',
    open: () => driverPools(settings),
    pending: (client) => pendingWork(client, names, settings),
    migrate: (client) => migrate(client, names, settings),
    raiseMaxStaleness: (client, maxStalenessMs) => raiseMaxStaleness(client, names, maxStalenessMs),
    isPassing: isObstructed,
    isOtherSchema,
    translated,
  }
}
