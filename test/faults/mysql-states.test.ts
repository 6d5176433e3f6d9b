import { createConnection } from 'mysql2/promise'
import type { Connection } from 'mysql2/promise'
import { mysqlStore } from '../../src/stores/mysql.ts'
import { otherPassword, serverStates, storePassword } from './server-states.ts'
import type { ServerState } from './server-states.ts'
import { operationTimeoutMs } from './trial.ts'

/** With all rights, unlike the account of the store. */
interface Admin {
  url: string
  connection: Connection
}

const others = 20

const states: ServerState<Admin>[] = [
  {
    name: 'read-only',
    spoil: async ({ connection }) => {
      await connection.query('SET GLOBAL read_only = 1')
      return () => connection.query('SET GLOBAL read_only = 0')
    },
    // Not `epochs`: replicas are read-only too, and what they say may be old. There is nothing to sweep.
    works: ['read', 'list', 'sweep', 'stats', 'ping'],
    says: /read-only/,
  },
  {
    name: 'full of connections',
    spoil: async (admin) => {
      const raw = await Promise.all(Array.from({ length: others }, () => createConnection(admin.url)))
      await admin.connection.query(`SET GLOBAL max_connections = ${others}`)
      await disconnectStore(admin)
      return async () => {
        await admin.connection.query('SET GLOBAL max_connections = 100')
        await Promise.all(raw.map((connection) => connection.end()))
      }
    },
    works: [],
    says: /no connection left/,
  },
  {
    name: 'with another password',
    spoil: async (admin) => {
      await admin.connection.query(`ALTER USER app IDENTIFIED BY '${otherPassword}'`)
      await disconnectStore(admin)
      return () => admin.connection.query(`ALTER USER app IDENTIFIED BY '${storePassword}'`)
    },
    works: [],
    says: /refused the user or the password/,
  },
]

serverStates<Admin>({
  kind: 'mariadb',
  connect: async ({ url, host, port }) => {
    const connection = await createConnection(url)
    await connection.query('CREATE DATABASE app')
    await connection.query(`CREATE USER app IDENTIFIED BY '${storePassword}'`)
    await connection.query('GRANT ALL PRIVILEGES ON app.* TO app')
    return {
      admin: { url, connection },
      url: `mysql://app:${storePassword}@${host}:${port}/app`,
      disconnect: () => connection.end(),
    }
  },
  open: (connectionString, logger) => mysqlStore({ connectionString, operationTimeoutMs, maxConnections: 4, logger }),
  states,
})

async function disconnectStore({ connection }: Admin): Promise<void> {
  await connection.query('KILL USER app')
}
