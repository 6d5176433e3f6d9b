import { Client } from 'pg'
import { postgresStore } from '../../src/stores/postgres.ts'
import { eventually } from '../support/eventually.ts'
import { otherPassword, serverStates, storePassword } from './server-states.ts'
import type { ServerState } from './server-states.ts'
import { operationTimeoutMs } from './trial.ts'

/** The superuser's connections; the store's role is an ordinary one. */
interface Admin {
  connect(): Promise<Client>
  ask(statement: string): Promise<Record<string, unknown>[]>
}

const everything = 20
const reserved = 10

const states: ServerState<Admin>[] = [
  {
    name: 'read-only',
    spoil: async (admin) => {
      await setReadOnly(admin, 'on')
      return () => setReadOnly(admin, 'off')
    },
    works: ['read', 'list', 'epochs', 'stats', 'ping'],
    says: /read-only/,
  },
  {
    name: 'full of connections',
    spoil: async (admin) => {
      const raw: Client[] = []
      // What the store has now is less than what is reserved for superusers.
      for (let client = await tried(admin); client !== undefined; client = await tried(admin)) raw.push(client)
      await disconnectStore(admin)
      return () => Promise.all(raw.map((client) => client.end()))
    },
    works: [],
    says: /no connection left/,
  },
  {
    name: 'with another password',
    spoil: async (admin) => {
      await admin.ask(`ALTER ROLE app PASSWORD '${otherPassword}'`)
      await disconnectStore(admin)
      return () => admin.ask(`ALTER ROLE app PASSWORD '${storePassword}'`)
    },
    works: [],
    says: /refused the user or the password/,
  },
  {
    name: 'closed to the role',
    spoil: async (admin) => {
      await admin.ask('ALTER ROLE app NOLOGIN')
      await disconnectStore(admin)
      return () => admin.ask('ALTER ROLE app LOGIN')
    },
    works: [],
    says: /refused the user or the password/,
  },
]

serverStates<Admin>({
  kind: 'postgres',
  config: [`max_connections = ${everything}`, `superuser_reserved_connections = ${reserved}`],
  connect: async ({ url, host, port }) => {
    const connect = async (): Promise<Client> => {
      const client = new Client({ connectionString: url })
      client.on('error', () => {})
      await client.connect()
      return client
    }
    const client = await connect()
    const ask = async (statement: string): Promise<Record<string, unknown>[]> => (await client.query(statement)).rows
    await ask(`CREATE ROLE app LOGIN PASSWORD '${storePassword}'`)
    await ask('CREATE DATABASE app OWNER app')
    return {
      admin: { connect, ask },
      url: `postgres://app:${storePassword}@${host}:${port}/app`,
      disconnect: () => client.end(),
    }
  },
  open: (connectionString, logger) =>
    postgresStore({ connectionString, operationTimeoutMs, maxConnections: 4, logger }),
  states,
})

async function setReadOnly(admin: Admin, value: 'on' | 'off'): Promise<void> {
  await admin.ask(`ALTER SYSTEM SET default_transaction_read_only = ${value}`)
  await admin.ask('SELECT pg_reload_conf()')
  await eventually(
    () => admin.ask('SHOW default_transaction_read_only'),
    ([row]) => row?.['default_transaction_read_only'] === value,
  )
  await disconnectStore(admin)
}

async function disconnectStore(admin: Admin): Promise<void> {
  await admin.ask(`SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'app'`)
}

async function tried(admin: Admin): Promise<Client | undefined> {
  return admin.connect().catch((error: { code?: string }) => {
    if (error.code === '53300') return undefined
    throw error
  })
}
