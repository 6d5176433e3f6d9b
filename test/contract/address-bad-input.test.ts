import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { createConnection as connectMysql } from 'mysql2/promise'
import { Client } from 'pg'
import { ConfigError, isSallyportError } from '../../src/index.ts'
import type { Logger, Store } from '../../src/index.ts'
import { mysqlStore } from '../../src/stores/mysql.ts'
import type { MysqlStoreOptions } from '../../src/stores/mysql.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import type { PostgresStoreOptions } from '../../src/stores/postgres.ts'
import { redisStore } from '../../src/stores/redis.ts'
import type { RedisStoreOptions } from '../../src/stores/redis.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { startWorld } from '../support/app.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import { freePort } from '../support/servers/ports.ts'
import { startServer } from '../support/servers/server.ts'
import { freshDatabase } from '../support/servers/shared.ts'
import type { FreshDatabase } from '../support/servers/shared.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'
import { suiteScope } from '../support/suite-scope.ts'
import { hidden, told } from '../support/told.ts'
import { createUserAgent } from '../support/user-agent.ts'

/** Whatever somebody without a compiler might pass. */
type Loose = Record<string, unknown>

const stores: Record<string, { option: string; scheme: string; withOptions(options: Loose): Store }> = {
  postgres: {
    option: 'connectionString',
    scheme: 'postgres',
    withOptions: (options) => postgresStore(options as unknown as PostgresStoreOptions),
  },
  mysql: {
    option: 'connectionString',
    scheme: 'mysql',
    withOptions: (options) => mysqlStore(options as unknown as MysqlStoreOptions),
  },
  redis: {
    option: 'url',
    scheme: 'redis',
    withOptions: (options) => redisStore(options as unknown as RedisStoreOptions),
  },
}

const said = told()

function problemsOf(what: string, construct: () => Store): string[] {
  try {
    construct()
  } catch (error) {
    said.add(what, error)
    assert.ok(error instanceof ConfigError, String(error))
    return error.problems.map(({ path }) => path)
  }
  return []
}

for (const [kind, { option, scheme, withOptions }] of Object.entries(stores)) {
  describe(`${kind}: an address`, () => {
    for (const [what, given] of [
      ['that is absent', undefined],
      ['that is empty', ''],
      ['that is no text', 5432],
      ['without a scheme', `app:${hidden.password}@localhost/app`],
      ['of another scheme', `http://app:${hidden.password}@localhost/app`],
      ['of another database', `${scheme === 'mysql' ? 'redis' : 'mysql'}://app:${hidden.password}@localhost/app`],
      ['that a character of the password breaks', `${scheme}://app:${hidden.password}#@localhost/app`],
      ['with a % that stands for nothing', `${scheme}://app:${hidden.password}%zz@localhost/1`],
      ['with a port that is none', `${scheme}://app:${hidden.password}@localhost:65536/1`],
    ] as const) {
      it(`${what} is refused at once, by the name of the option`, () => {
        assert.deepEqual(
          problemsOf(`${kind} ${what}`, () => withOptions({ [option]: given })),
          [option],
        )
      })
    }
  })
}

for (const [kind, makeAt] of [
  ['postgres', (port: number, tableName: string) => storeAt('postgres', port, { tableName })],
  ['mysql', (port: number, tableName: string) => storeAt('mysql', port, { tableName })],
  ['sqlite', (_: number, tableName: string) => sqliteStore({ path: '/nowhere/at/all.db', tableName })],
] as const) {
  describe(`${kind}: a table name`, () => {
    for (const tableName of ['x; drop table y', 'a'.repeat(64), 'schön', 'таблица', 'a"b', 'a`b', '', 'a.b', 'x\0y']) {
      it(`${JSON.stringify(tableName)} is refused before anything is sent`, async (t) => {
        const listening = await countingServer()
        t.after(() => listening.close())
        const what = `${kind} ${JSON.stringify(tableName)}`
        assert.deepEqual(
          problemsOf(what, () => makeAt(listening.port, tableName)),
          ['tableName'],
        )
        assert.equal(await listening.connectionsBefore(), 0)
      })
    }
  })
}

function storeAt(kind: string, port: number, options: Loose): Store {
  const { scheme, withOptions } = stores[kind]!
  return withOptions({ connectionString: `${scheme}://app:${hidden.password}@127.0.0.1:${port}/app`, ...options })
}

/** Counts who connects; `connectionsBefore` is one of them, and those before it are the answer. */
async function countingServer(): Promise<{ port: number; connectionsBefore(): Promise<number>; close(): void }> {
  let count = 0
  const server = createServer((socket) => {
    count += 1
    socket.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    async connectionsBefore() {
      await once(createConnection(port, '127.0.0.1').resume(), 'close')
      return count - 1
    },
    close: () => server.close(),
  }
}

/** What is wrong at a real server, and what is said of it. */
type Case = readonly [what: string, change: (url: URL) => unknown, code: string, says: RegExp]

const unavailable = 'ERR_STORE_UNAVAILABLE'
const everywhere: readonly Case[] = [
  [
    'a password that is wrong',
    (url) => (url.password = hidden.password),
    unavailable,
    /refused the user( name)? or the password/,
  ],
  [
    'a user who does not exist',
    (url) => Object.assign(url, { username: 'nobody', password: hidden.password }),
    unavailable,
    /refused the user( name)? or the password/,
  ],
  [
    'a port where nothing listens',
    async (url) => Object.assign(url, { password: hidden.password, port: String(await freePort()) }),
    unavailable,
    /nothing listens/,
  ],
  [
    'a host without an address',
    (url) => Object.assign(url, { password: hidden.password, hostname: 'sallyport.invalid' }),
    unavailable,
    /has no address/,
  ],
]
const sql: readonly Case[] = [
  ...everywhere,
  [
    'a database that does not exist',
    (url) => (url.pathname = '/nowhere'),
    unavailable,
    /database does not exist|may not use this database/,
  ],
]

for (const [kind, cases] of [
  ['postgres', sql],
  ['mariadb', sql],
  ['mysql', sql],
] as const) {
  describe(`${kind}: an address that leads nowhere`, { skip: whyNotTested(kind) }, async () => {
    const database = await freshDatabase(kind)
    const scope = suiteScope()
    scope.after(() => database.drop())
    const open = (connectionString: string, logger: Logger): Store =>
      kind === 'postgres' ? postgresStore({ connectionString, logger }) : mysqlStore({ connectionString, logger })
    for (const one of cases) tellsWhy(kind, database.url, one, open)

    it('a table of another shape is refused by name, and left alone', async (t) => {
      const [columns, rows] = await foreignTable(database)
      await assertTells(
        t,
        { what: `${kind} foreign table`, code: 'ERR_STORE_MISMATCH', says: /oidc_cache.* choose another/ },
        (logger) => open(database.url, logger),
      )
      assert.deepEqual(await rows(), columns)
    })
  })
}

describe('redis: an address that leads nowhere', { skip: whyNotTested('redis', 'own') }, async () => {
  const server = await startServer('redis', { config: ['requirepass right'] })
  const scope = suiteScope()
  scope.after(() => server.stop())
  const cases: readonly Case[] = [
    ...everywhere,
    ['no password', (url) => (url.password = ''), unavailable, /asks for a password/],
    ['a database that does not exist', (url) => (url.pathname = '/99'), unavailable, /has no database of this number/],
  ]
  const url = server.url.replace('//', '//:right@')
  for (const one of cases) tellsWhy('redis', url, one, (at, logger) => redisStore({ url: at, logger }))
})

describe('sqlite: a path that leads to no database', () => {
  for (const [name, spoil, code, says] of [
    [
      'a folder that does not exist',
      (folder) => join(folder, 'nowhere/sessions.db'),
      unavailable,
      /nowhere does not exist/,
    ],
    ['a folder', (folder) => folder, unavailable, /is a directory/],
    [
      'a file that is no database',
      (folder) => fileOf(folder, 'no database at all'),
      'ERR_STORE_CORRUPT',
      /is not an SQLite database/,
    ],
    ['a table of another shape', foreignFile, 'ERR_STORE_MISMATCH', /oidc_cache.* choose another/],
  ] as readonly (readonly [string, (folder: string) => string, string, RegExp])[]) {
    it(`${name} is said to be that, to the operator alone`, async (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'sallyport-bad-input-'))
      t.after(() => rmSync(folder, { recursive: true }))
      const path = spoil(folder)
      await assertTells(t, { what: `sqlite, ${name}`, code, says }, (logger) => sqliteStore({ path, logger }))
    })
  }
})

function fileOf(folder: string, content: string): string {
  const path = join(folder, 'sessions.db')
  writeFileSync(path, content)
  return path
}

function foreignFile(folder: string): string {
  const path = join(folder, 'sessions.db')
  const database = new DatabaseSync(path)
  database.exec('CREATE TABLE oidc_cache (id INTEGER PRIMARY KEY, name TEXT)')
  database.close()
  return path
}

it('none of all these errors, log lines and pages tells a password, a URL with one, a key or a value', () =>
  said.check())

function tellsWhy(
  kind: string,
  right: string,
  [name, change, code, says]: Case,
  open: (url: string, logger: Logger) => Store,
): void {
  it(`${name} is said to be that, to the operator alone`, async (t) => {
    const url = new URL(right)
    await change(url)
    await assertTells(t, { what: `${kind}, ${name}`, code, says }, (logger) => open(url.href, logger))
  })
}

/** Through `createAuth`: what `ready` rejects with, what a visitor sees, what the log has; and what an operation rejects with. */
async function assertTells(
  t: Parameters<typeof startWorld>[0],
  { what, code, says }: { what: string; code: string; says: RegExp },
  open: (logger: Logger) => Store,
): Promise<void> {
  const { logger, lines } = recordingLogger()
  const world = await startWorld(t, { store: () => open(logger), options: { logger } })
  let status = 0
  await assert.rejects(world.app.auth.ready(), (error) => {
    said.add(`${what}, ready`, error)
    assert.ok(isSallyportError(error), String(error))
    assert.equal(error.code, code)
    assert.match(error.message, says)
    status = error.status
    return true
  })
  const page = await createUserAgent().get(`${world.app.baseUrl}/auth/login`)
  assert.equal(page.status, status)
  assert.doesNotMatch(page.text, says)
  const entry = { key: hidden.key, value: Buffer.from(hidden.value), lifetime: { idleMs: 1_000 } }
  await assert.rejects(world.app.store.create(entry), (error) => {
    said.add(`${what}, create`, error)
    return true
  })
  said.add(`${what}, page`, page)
  said.add(`${what}, log`, lines)
}

/** Makes one; the names of its columns as the database tells them, before and now. */
async function foreignTable({ kind, url }: FreshDatabase): Promise<[before: unknown, now: () => Promise<unknown>]> {
  const columns = `SELECT column_name AS name FROM information_schema.columns WHERE table_name = 'oidc_cache' ORDER BY 1`
  const creation = 'CREATE TABLE oidc_cache (id INT PRIMARY KEY, name VARCHAR(99))'
  const ask = async (...statements: string[]): Promise<unknown> => {
    if (kind === 'postgres') {
      const client = new Client({ connectionString: url })
      await client.connect()
      const replies = []
      for (const statement of statements) replies.push((await client.query(statement)).rows)
      await client.end()
      return replies.at(-1)
    }
    const connection = await connectMysql(url)
    const replies = []
    for (const statement of statements) replies.push((await connection.query(statement))[0])
    await connection.end()
    return replies.at(-1)
  }
  return [await ask(creation, columns), () => ask(columns)]
}
