import { createConnection } from 'mysql2/promise'
import { Client } from 'pg'
import { createClient } from 'redis'
import { kinds } from '../support/servers/kinds.ts'
import type { ServerKind } from '../support/servers/kinds.ts'

/** A connection that can tell whether the server keeps what it is given. */
export interface Rows {
  put(value: string): Promise<void>
  all(): Promise<string[]>
  /** One setting of the server's configuration, as it says it. */
  setting(name: string): Promise<string>
  close(): Promise<void>
}

/** Those of one connection, in a table or a set called `kept`. */
export function rowsOf(kind: ServerKind, url: string): Promise<Rows> {
  return connections[kinds[kind].family](url)
}

const table = 'CREATE TABLE IF NOT EXISTS kept (value VARCHAR(100))'

const connections = {
  async postgres(url: string): Promise<Rows> {
    const client = new Client({ connectionString: url })
    client.on('error', () => {})
    await client.connect()
    await client.query(table)
    return {
      put: async (value) => void (await client.query('INSERT INTO kept VALUES ($1)', [value])),
      all: async () => (await client.query<{ value: string }>('SELECT value FROM kept')).rows.map(({ value }) => value),
      setting: async (name) => Object.values((await client.query<Record<string, string>>(`SHOW ${name}`)).rows[0]!)[0]!,
      close: () => client.end(),
    }
  },
  async mysql(url: string): Promise<Rows> {
    const connection = await createConnection(url)
    connection.on('error', () => {})
    await connection.query(table)
    const all = async (sql: string): Promise<string[]> => {
      const [rows] = await connection.query({ sql, rowsAsArray: true })
      return (rows as unknown[][]).map((row) => String(row.at(-1)))
    }
    return {
      put: async (value) => void (await connection.query('INSERT INTO kept VALUES (?)', [value])),
      all: () => all('SELECT value FROM kept'),
      setting: async (name) => (await all(`SHOW VARIABLES LIKE '${name}'`))[0]!,
      close: async () => connection.destroy(),
    }
  },
  async redis(url: string): Promise<Rows> {
    const client = createClient({ url, socket: { reconnectStrategy: false } })
    client.on('error', () => {})
    await client.connect()
    return {
      put: async (value) => void (await client.sAdd('kept', value)),
      all: () => client.sMembers('kept'),
      setting: async (name) => (await client.configGet(name))[name]!,
      close: async () => {
        if (client.isOpen) client.destroy()
      },
    }
  },
}
