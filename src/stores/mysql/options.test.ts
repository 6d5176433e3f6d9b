import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPool } from 'mysql2'
import type { PoolOptions } from 'mysql2'
import { createPool as createPromisePool } from 'mysql2/promise'
import { problemsFound } from '../../../test/support/config-problems.ts'
import { checkedSettings } from './options.ts'

const connectionString = 'mysql://app:hunter2@db.example:3307/app'

const { problemsOf, assertProblem } = problemsFound(checkedSettings)

function addressOf(url: string): PoolOptions | undefined {
  return checkedSettings({ connectionString: url }).address
}

test('defaults are those of the documentation', () => {
  const { clock: _clock, logger: _logger, ...settings } = checkedSettings({ connectionString })
  assert.deepEqual(settings, {
    address: { host: 'db.example', port: 3307, user: 'app', password: 'hunter2', database: 'app' },
    pool: undefined,
    tableName: 'oidc_cache',
    verifierTableName: undefined,
    autoMigrate: true,
    maxConnections: 20,
    minConnections: 5,
    acquireTimeoutMs: 30_000,
    cleanupIntervalSec: 300,
    operationTimeoutMs: 1_000,
  })
})

test('mariadb:// is as good as mysql://, the port may be left out, and %XX is what it stands for', () => {
  const wanted = { host: 'h', user: 'a@b', password: 'p/w:%', database: 'my app' }
  assert.deepEqual(addressOf('mariadb://a%40b:p%2Fw%3A%25@h/my%20app'), wanted)
})

test('an IPv6 address and a socket are understood', () => {
  assert.equal(addressOf('mysql://u@[::1]:3306/app')?.host, '::1')
  assert.equal(addressOf('mysql://u@localhost/app?socketPath=/run/m.sock')?.socketPath, '/run/m.sock')
})

test('TLS is asked for with true or with options', () => {
  assert.equal(addressOf('mysql://u@h/app?ssl=false')?.ssl, undefined)
  assert.deepEqual(addressOf('mysql://u@h/app?ssl=true')?.ssl, { verifyIdentity: true })
  const lenient = { rejectUnauthorized: false, verifyIdentity: false }
  assert.deepEqual(addressOf(`mysql://u@h/app?ssl=${JSON.stringify(lenient)}`)?.ssl, lenient)
})

test('with TLS the name of the host is compared, and nothing that is no name', () => {
  for (const [url, verifyIdentity] of [
    ['mysql://u@db.example/app?ssl={"ca":"x"}', true],
    ['mysql://u@10.0.0.1/app?ssl={"ca":"x"}', false],
    ['mysql://u@[::1]/app?ssl={"ca":"x"}', false],
    ['mysql://u@localhost/app?ssl={"ca":"x"}&socketPath=/run/m.sock', false],
  ] as const)
    assert.deepEqual(addressOf(url)?.ssl, { ca: 'x', verifyIdentity })
})

for (const [url, message] of [
  ['postgres://app:hunter2@h/app', /must start with mysql:\/\/ or mariadb:\/\//],
  ['h/app', /must start with/],
  ['mysql://app:hunter2@h:port/app', /is not a URL/],
  ['mysql://app:hunter2@h', /names no database/],
  ['mysql://app:hunter2@h/', /names no database/],
  ['mysql://app:hunter2@h/app/more', /more than a database/],
  ['mysql://app:hunter2%zz@h/app', /write it as %25/],
  ['mysql://app:hunter2@h/app?flags=-FOUND_ROWS', /ssl and socketPath only/],
  ['mysql://app:hunter2@h/app?multipleStatements=true', /ssl and socketPath only/],
  ['mysql://app:hunter2@h/app?ssl=require', /true, false or an object/],
] as const) {
  test(`the URL ${url.replace('hunter2', '…')} is refused`, () => {
    assertProblem({ connectionString: url }, 'connectionString', message)
  })
}

test('one of connectionString and pool is required', () => {
  assertProblem({}, 'connectionString', /is required/)
})

test('a pool of promises is used through the one of callbacks below it', async () => {
  const pool = createPromisePool({ uri: connectionString })
  assert.equal(checkedSettings({ pool }).pool, pool.pool)
  await pool.end()
})

test('a pool excludes what is its own business', () => {
  const pool = createPool({ uri: connectionString })
  const paths = problemsOf({ pool, connectionString, maxConnections: 9, minConnections: 1 }).map(({ path }) => path)
  assert.deepEqual(paths, ['connectionString', 'maxConnections', 'minConnections'])
  pool.end()
})

test('a pool needs a connection besides the one that stays with the store', () => {
  const pool = createPool({ uri: connectionString, connectionLimit: 1 })
  assertProblem({ pool }, 'pool', /at least two connections/)
  pool.end()
})

test('what is no pool is refused', () => {
  assertProblem({ pool: {} }, 'pool', /must be a pool of mysql2/)
})

test('every mistake is named at once', () => {
  const options = {
    tableName: 'x; drop table y',
    maxConnections: 0,
    minConnections: -1,
    autoMigrate: 'no',
    tabelName: 'x',
  }
  const paths = problemsOf(options).map(({ path }) => path)
  for (const path of [...Object.keys(options), 'connectionString']) assert.ok(paths.includes(path), path)
})
