import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createConnection } from 'mysql2/promise'
import { Client } from 'pg'
import type { Store } from '../../src/cache/store.ts'
import { mysqlStore } from '../../src/stores/mysql.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { freshDatabase } from './servers/shared.ts'
import { silentLogger as logger } from './silent-logger.ts'

/** A store in a database of its own, at which somebody sits with a console as well. */
export interface WatchedDatabase {
  store: Store
  /** Sends a statement as that somebody would. */
  run(statement: string): Promise<unknown>
  /** Closes all, and drops the database. */
  leave(): Promise<unknown>
}

export type SqlKind = 'sqlite' | 'postgres' | 'mariadb' | 'mysql'

export const sqlKinds: readonly SqlKind[] = ['sqlite', 'postgres', 'mariadb', 'mysql']

const pool = { logger, maxConnections: 2, minConnections: 0 }

export async function watchedDatabase(kind: SqlKind): Promise<WatchedDatabase> {
  if (kind === 'sqlite') return onSqlite()
  const { url, drop } = await freshDatabase(kind)
  const { store, console } = kind === 'postgres' ? await onPostgres(url) : await onMysql(url)
  const leave = async (): Promise<void> => {
    await store.close()
    await console.end()
    await drop()
  }
  return { store, run: (statement) => console.query(statement), leave }
}

interface Console {
  query(statement: string): Promise<unknown>
  end(): Promise<void>
}

async function onPostgres(url: string): Promise<{ store: Store; console: Console }> {
  const console = new Client({ connectionString: url })
  await console.connect()
  return { store: postgresStore({ connectionString: url, ...pool }), console }
}

async function onMysql(url: string): Promise<{ store: Store; console: Console }> {
  return { store: mysqlStore({ connectionString: url, ...pool }), console: await createConnection(url) }
}

async function onSqlite(): Promise<WatchedDatabase> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-'))
  const path = join(folder, 'sessions.db')
  const store = sqliteStore({ path, logger })
  await store.ping()
  const console = new DatabaseSync(path)
  const leave = async (): Promise<void> => {
    await store.close()
    console.close()
    rmSync(folder, { recursive: true })
  }
  return { store, run: async (statement) => console.exec(statement), leave }
}
