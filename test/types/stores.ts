import type { Pool as MysqlPool } from 'mysql2'
import type { Pool } from 'pg'
import { mysqlStore } from '../../src/stores/mysql.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'

interface Given {
  pool: Pool
  mysqlPool: MysqlPool
  client: object
  url: string
}

export function oneWayToTheServer({ pool, mysqlPool, client, url }: Given): void {
  postgresStore({ connectionString: url })
  postgresStore({ pool, unlogged: true })
  mysqlStore({ connectionString: url })
  mysqlStore({ pool: mysqlPool })
  redisStore({ url })
  redisStore({ client, push: false })
  sqliteStore({ path: 'sessions.db' })
  sqliteStore({ connectionString: 'sqlite://sessions.db' })
}

export function noneOrTwoDoNotCompile({ pool, mysqlPool, client, url }: Given): void {
  // @ts-expect-error: where is the server?
  postgresStore({})
  // @ts-expect-error: which of the two?
  postgresStore({ connectionString: url, pool })
  // @ts-expect-error: where is the server?
  mysqlStore({ tableName: 'sessions' })
  // @ts-expect-error: which of the two?
  mysqlStore({ connectionString: url, pool: mysqlPool })
  // @ts-expect-error: where is the server?
  redisStore({})
  // @ts-expect-error: which of the two?
  redisStore({ url, client })
  // @ts-expect-error: which file?
  sqliteStore({})
  // @ts-expect-error: which of the two?
  sqliteStore({ path: 'sessions.db', connectionString: 'sqlite://sessions.db' })
}

export function misspeltOptionsDoNotCompile(url: string): void {
  // @ts-expect-error: it is `tableName`.
  postgresStore({ connectionString: url, table: 'sessions' })
  // @ts-expect-error: MySQL has no push.
  mysqlStore({ connectionString: url, push: true })
  // @ts-expect-error: it is `keyPrefix`.
  redisStore({ url, prefix: 'app:' })
  // @ts-expect-error: there is no pool.
  sqliteStore({ path: 'sessions.db', minConnections: 2 })
}
