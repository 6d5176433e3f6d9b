import { randomBytes } from 'node:crypto'
import { createConnection } from 'mysql2/promise'
import { Client } from 'pg'
import { createClient } from 'redis'
import { askRunner } from './runner-line.ts'
import { kinds, urlVariable } from './kinds.ts'
import { startServer } from './server.ts'
import type { ServerKind } from './kinds.ts'

/** An empty database of a server that other test files use too: never kill it, never change its settings. */
export interface FreshDatabase {
  kind: ServerKind
  /** Leads to the empty database; with Redis and Valkey, to the server: what is yours there is below `prefix`. */
  url: string
  /** For key prefixes and channel names, the same nowhere else: `t1a2b3c4d:`. */
  prefix: string
  /** Removes the database, connected or not. Of Redis and Valkey: every key below `prefix`. */
  drop(): Promise<void>
}

/** An empty database for one test file. Throws a `MissingServer` if the server cannot be had. */
export async function freshDatabase(kind: ServerKind): Promise<FreshDatabase> {
  const server = await sharedUrl(kind)
  const name = `t${randomBytes(4).toString('hex')}`
  const prefix = `${name}:`
  if (kinds[kind].family === 'redis') return { kind, prefix, url: server, drop: () => removeKeys(server, prefix) }
  const [execute, force] = kinds[kind].family === 'postgres' ? [inPostgres, 'WITH (FORCE)'] : [inMysql, '']
  await execute(server, `CREATE DATABASE ${name}`)
  const drop = (): Promise<void> => execute(server, `DROP DATABASE IF EXISTS ${name} ${force}`)
  return { kind, prefix, url: withDatabase(server, name), drop }
}

const started = new Map<ServerKind, Promise<string>>()

/** Named in the environment, or the one that the runner started for all, or, for a file run by hand, one of its own. */
function sharedUrl(kind: ServerKind): Promise<string> {
  const url =
    started.get(kind) ??
    (async () => process.env[urlVariable(kind)] || (await askRunner('shared', kind)) || (await startServer(kind)).url)()
  started.set(kind, url)
  return url
}

function withDatabase(server: string, name: string): string {
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.href
}

async function inPostgres(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

async function inMysql(url: string, statement: string): Promise<void> {
  const connection = await createConnection(url)
  try {
    await connection.query(statement)
  } finally {
    await connection.end()
  }
}

async function removeKeys(url: string, prefix: string): Promise<void> {
  const client = createClient({ url })
  await client.connect()
  for await (const keys of client.scanIterator({ MATCH: `${prefix}*`, COUNT: 1000 })) {
    if (keys.length > 0) await client.unlink(keys)
  }
  await client.close()
}
