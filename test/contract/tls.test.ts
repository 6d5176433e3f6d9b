import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import dns from 'node:dns'
import { chmod, copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, mock, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { Redis } from 'ioredis'
import { createPool } from 'mysql2/promise'
import pg from 'pg'
import { createClient } from 'redis'
import type { Store } from '../../src/cache/store.ts'
import { isSallyportError } from '../../src/shared/errors.ts'
import { mysqlStore } from '../../src/stores/mysql.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { startNode } from '../support/child-process.ts'
import { eventually } from '../support/eventually.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import { isRedis5 } from '../support/redis-driver.ts'
import { freePort } from '../support/servers/ports.ts'
import { startServer } from '../support/servers/server.ts'
import { giveToServers } from '../support/servers/server-user.ts'
import { freshDatabase } from '../support/servers/shared.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'
import type { ServerKind } from '../support/servers/kinds.ts'

const fixtures = fileURLToPath(new URL('../fixtures/tls/', import.meta.url))
const [ca, cert, key] = await Promise.all(
  ['ca.pem', 'server.pem', 'server.key'].map((name) => readFile(join(fixtures, name), 'utf8')),
)
const files = await filesOfServers()
after(() => rm(files, { recursive: true }))

/** Leads to the servers here, whose certificate is for localhost and 127.0.0.1. */
const otherName = 'elsewhere.test'
const { lookup } = dns
mock.method(dns, 'lookup', (name: string, options: dns.LookupOptions, done: () => void) =>
  lookup(name === otherName ? '127.0.0.1' : name, options, done),
)

const password = 'hunter2'
const untrusted = /certificate of the server is from no authority trusted here/
const forAnother = /certificate of the server is for another host name/
const { logger } = recordingLogger()
/** On a busy machine too. */
const operationTimeoutMs = 5_000

describe('Redis with TLS', { concurrency: true, skip: whyNotTested('redis', 'own') }, async () => {
  const [port, strictPort] = [await freePort(), await freePort()]
  const paths = [`tls-cert-file ${files}/server.pem`, `tls-key-file ${files}/server.key`]
  const config = ['port 0', ...paths, `tls-ca-cert-file ${files}/ca.pem`, `requirepass ${password}`]
  const [server, strict, plain] = await Promise.all([
    startServer('redis', { config: [...config, `tls-port ${port}`, 'tls-auth-clients no'] }),
    startServer('redis', { config: [...config, `tls-port ${strictPort}`] }),
    freshDatabase('redis'),
  ])
  const { opened, closeAll } = toClose()
  after(async () => {
    await closeAll()
    await Promise.all([server.stop(), strict.stop(), plain.drop()])
  })

  interface Where {
    host?: string
    port?: number
    tls?: { ca?: string; cert?: string; key?: string } | undefined
  }
  const clients = {
    redis: ({ host = 'localhost', port: to = port, tls }: Where) =>
      createClient({
        password,
        socket: tls === undefined ? { host, port: to } : { host, port: to, tls: true, ...tls },
      }),
    ioredis: ({ host = 'localhost', port: to = port, tls }: Where) =>
      new Redis({ lazyConnect: true, password, host, port: to, ...(tls === undefined ? {} : { tls }) }),
  }
  const open = (client: object): Store => opened(redisStore({ client, logger, operationTimeoutMs }))
  const url = `rediss://:${password}@localhost:${port}`

  test('a URL works where Node.js is told to trust the authority', () =>
    worksInChild('redis', `redisStore({ url: '${url}', operationTimeoutMs: ${operationTimeoutMs} })`))

  test('a URL does not work where it is not', () =>
    isRefused(opened(redisStore({ url, logger, operationTimeoutMs })), untrusted))

  for (const [name, clientOf] of Object.entries(clients)) {
    test(`a client of ${name} that trusts the authority works, and hears what others end`, async () => {
      const [one, other] = [open(clientOf({ tls: { ca: ca! } })), open(clientOf({ tls: { ca: ca! } }))]
      await works(one)
      await hears(other, one)
    })

    test(`a client of ${name} with a certificate works where that is asked for`, async () => {
      await works(open(clientOf({ port: strictPort, tls: { ca: ca!, cert: cert!, key: key! } })))
    })

    for (const [what, where, says] of [
      ['an untrusted certificate', { tls: {} }, untrusted],
      ['a certificate for another name', { host: otherName, tls: { ca: ca! } }, forAnother],
      ['a client certificate that is missing', { port: strictPort, tls: { ca: ca! } }, /for a client certificate/],
      ['no TLS where the server has nothing else', {}, /is TLS on at both ends/],
    ] as const) {
      const isToldLess = isRedis5 && name === 'redis' && says !== untrusted && says !== forAnother
      const skip = isToldLess && 'redis 5 does not say that the server hung up'
      test(`${what} is told, through ${name}`, { skip }, () => isRefused(open(clientOf(where)), says))
    }

    test(`TLS where the server has none is told, through ${name}`, async () => {
      const client = clientOf({ port: Number(new URL(plain.url).port), tls: { ca: ca! } })
      await isRefused(opened(redisStore({ client, logger, operationTimeoutMs: 250 })), /is TLS on at both ends/)
    })
  }
})

describe('PostgreSQL with TLS', { concurrency: true, skip: whyNotTested('postgres', 'own') }, async () => {
  await writeFile(join(files, 'hba.conf'), 'hostssl all all 127.0.0.1/32 scram-sha-256\n')
  const paths = [`ssl_cert_file = '${files}/server.pem'`, `ssl_key_file = '${files}/server.key'`]
  const [server, plain] = await Promise.all([
    startServer('postgres', { config: ['ssl = on', ...paths, `hba_file = '${files}/hba.conf'`] }),
    freshDatabase('postgres'),
  ])
  const pools: pg.Pool[] = []
  const { opened, closeAll } = toClose()
  after(async () => {
    await closeAll()
    await Promise.all(pools.map((pool) => pool.end()))
    await Promise.all([server.stop(), plain.drop()])
  })
  const trusting = { sslmode: 'verify-full', sslrootcert: join(fixtures, 'ca.pem') }
  const open = (parameters: Record<string, string>, host?: string, base?: string): Store =>
    opened(
      postgresStore({
        connectionString: at(base ?? server.url, { host, parameters }),
        logger,
        operationTimeoutMs,
        minConnections: 1,
      }),
    )
  const poolWith = (ssl: pg.PoolConfig['ssl'], host?: string): pg.Pool => {
    const pool = new pg.Pool({ connectionString: at(server.url, { host }), ssl, max: 2 })
    pools.push(pool)
    return pool
  }

  test('a URL that names the authority works, and hears what others end: all connections are encrypted', async () => {
    const [one, other] = [open(trusting), open(trusting)]
    await works(one)
    await hears(other, one)
    const { rows } = await poolWith({ ca }).query(
      `SELECT ssl, count(*)::int AS count FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
       WHERE application_name = 'sallyport' GROUP BY ssl`,
    )
    assert.deepEqual(
      rows.map(({ ssl, count }) => ({ ssl, hasThree: count >= 3 })),
      [{ ssl: true, hasThree: true }],
    )
  })

  test('a pool that trusts the authority works, and so do the connections beside it', async () => {
    const [one, other] = [0, 1].map(() => opened(postgresStore({ pool: poolWith({ ca }), logger, operationTimeoutMs })))
    await works(one!)
    await hears(other!, one!)
  })

  for (const [what, store, says] of [
    ['an untrusted certificate, by URL', () => open({ sslmode: 'verify-full' }), untrusted],
    [
      'an untrusted certificate, by pool',
      () => opened(postgresStore({ pool: poolWith(true), logger, operationTimeoutMs })),
      untrusted,
    ],
    ['a certificate for another name', () => open(trusting, otherName), forAnother],
    ['no TLS where the server wants it', () => open({}), /with TLS only, or not at all.*sslmode=verify-full/],
    ['TLS where the server has none', () => open(trusting, 'localhost', plain.url), /offers no TLS/],
  ] as const) {
    test(`${what} is told`, () => isRefused(store(), says))
  }
})

describe('MariaDB with TLS', { concurrency: true, skip: whyNotTested('mariadb', 'own') }, async () => {
  const config = [`ssl-cert = ${files}/server.pem`, `ssl-key = ${files}/server.key`, `ssl-ca = ${files}/ca.pem`]
  const [server, plain] = await Promise.all([
    startServer('mariadb', { config: [...config, 'require_secure_transport = ON'] }),
    freshDatabase('mariadb'),
  ])
  const { opened, closeAll } = toClose()
  after(async () => {
    await closeAll()
    await Promise.all([server.stop(), plain.drop()])
  })
  const open = (ssl: unknown, host?: string, base?: string): Store => {
    const parameters: Record<string, string> = ssl === undefined ? {} : { ssl: JSON.stringify(ssl) }
    const connectionString = at(base ?? server.url, { host, parameters })
    return opened(mysqlStore({ connectionString, logger, operationTimeoutMs, minConnections: 1 }))
  }

  test('a URL works where Node.js is told to trust the authority', () =>
    worksInChild(
      'mysql',
      `mysqlStore({ connectionString: '${at(server.url, { parameters: { ssl: 'true' } })}', operationTimeoutMs: ${operationTimeoutMs} })`,
    ))

  test('a URL that carries the authority works', () => works(open({ ca })))

  test('a pool that trusts the authority works, encrypted', async (t) => {
    const pool = createPool({ uri: at(server.url), ssl: { ca: ca!, verifyIdentity: true }, connectionLimit: 2 })
    t.after(() => pool.end())
    const store = mysqlStore({ pool, logger, operationTimeoutMs })
    t.after(() => store.close())
    await works(store)
    const [rows] = await pool.query("SHOW STATUS LIKE 'Ssl_cipher'")
    assert.match(inspect(rows), /Value: '\w+/)
  })

  for (const [what, store, says] of [
    ['an untrusted certificate', () => open(true), untrusted],
    ['a certificate for another name', () => open({ ca }, otherName), forAnother],
    ['no TLS where the server wants it', () => open(undefined), /asks for TLS/],
    // MariaDB 11.4 and later make a certificate of their own where they are given none.
    [
      'TLS where the server has none',
      () => open({ ca }, 'localhost', plain.url),
      /offers no TLS|from no authority trusted/,
    ],
  ] as const) {
    test(`${what} is told`, () => isRefused(store(), says))
  }
})

/** A folder that servers can read, whoever runs them; a key is for its owner only. */
async function filesOfServers(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-tls-'))
  const paths = ['ca.pem', 'server.pem', 'server.key'].map((name) => join(folder, name))
  for (const path of paths) {
    await copyFile(join(fixtures, path.slice(folder.length)), path)
    await chmod(path, 0o600)
  }
  await giveToServers(folder, ...paths)
  return folder
}

/** The URL of a server, by another name and with parameters. */
function at(
  base: string,
  { host = 'localhost', parameters = {} }: { host?: string | undefined; parameters?: Record<string, string> } = {},
): string {
  const url = new URL(base)
  url.hostname = host
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  return url.href
}

function toClose(): { opened: (store: Store) => Store; closeAll: () => Promise<void> } {
  const stores: Store[] = []
  return {
    opened(store) {
      stores.push(store)
      return store
    },
    closeAll: async () => void (await Promise.all(stores.map((store) => store.close()))),
  }
}

async function works(store: Store): Promise<void> {
  const name = randomUUID()
  await store.init({ maxStalenessMs: 1_000 })
  await store.create({ key: name, value: Buffer.from('value'), lifetime: { idleMs: 60_000 } })
  const { entries } = await store.read([name])
  assert.equal(String(entries[0]?.value), 'value')
  assert.equal((await store.remove({ key: name })).removed, 1)
}

/** What one store removes reaches the other. */
async function hears(listening: Store, removing: Store): Promise<void> {
  let heard = 0
  const stop = listening.subscribe?.(() => heard++)
  await eventually(
    () => removing.remove({ key: 'a' }),
    () => heard > 0,
  )
  stop?.()
}

/** In a process that is told whom to trust as it starts. */
async function worksInChild(store: ServerKind, made: string): Promise<void> {
  const module = JSON.stringify(import.meta.resolve(`../../src/stores/${store}.ts`))
  const child = startNode(
    `const { ${store}Store } = await import(${module})
    const store = ${made}
    await store.create({ key: 'child', value: Buffer.from('value'), lifetime: { idleMs: 60_000 } })
    const { entries } = await store.read(['child'])
    const { removed } = await store.remove({ key: 'child' })
    console.log(Buffer.from(entries[0].value).toString(), removed)
    await store.close()`,
    `NODE_EXTRA_CA_CERTS='${join(fixtures, 'ca.pem')}' exec "$0" "$@"`,
  )
  assert.equal(await child.line(), 'value 1')
  assert.equal((await child.ended).code, 0)
}

async function isRefused(store: Store, says: RegExp): Promise<void> {
  await assert.rejects(store.init({ maxStalenessMs: 1_000 }), (error) => {
    assert.ok(isSallyportError(error))
    assert.equal(error.code, 'ERR_STORE_UNAVAILABLE')
    assert.match(error.message, says)
    assert.doesNotMatch(inspect(error, { depth: 9 }), /sallyport@|'sallyport'|hunter2|PRIVATE KEY/)
    return true
  })
}
