import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { sqliteFiles, tamper } from '../../../test/support/sqlite-files.ts'
import type { Store } from '../../cache/store.ts'
import { isSallyportError } from '../../shared/errors.ts'
import type { Logger } from '../../shared/logger.ts'

const { newPath, open } = sqliteFiles()

function rows(path: string, sql: string): Record<string, unknown>[] {
  const database = new DatabaseSync(path)
  const found = database.prepare(sql).all()
  database.close()
  return found.map((row) => ({ ...row }))
}

/** What is in the file, as it was declared. */
function declared(path: string): unknown[] {
  return rows(path, 'SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name')
}

async function refusal(store: Store): Promise<string> {
  const failed = await store.ping().then(
    () => assert.fail('it worked'),
    (error: unknown) => error,
  )
  assert.ok(isSallyportError(failed))
  assert.equal(failed.code, 'ERR_STORE_MISMATCH')
  return failed.message
}

function remembering(told: unknown[]): Logger {
  const ignore = (): void => {}
  return { debug: ignore, info: (fields) => void told.push(fields), warn: ignore, error: ignore }
}

const names = "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name"

test('an empty file gets the tables and their indexes, and the operator is told once what was run', async () => {
  const path = newPath()
  const told: { store?: string; statements?: string[] }[] = []
  await open(path, { logger: remembering(told) }).ping()
  await open(path, { logger: remembering(told) }).ping()
  assert.deepEqual(
    rows(path, names).map(({ name }) => name),
    [
      'oidc_cache',
      'oidc_cache_epoch',
      'oidc_cache_expires_at',
      'oidc_cache_meta',
      'oidc_cache_sid',
      'oidc_cache_subject',
    ],
  )
  assert.deepEqual(
    told.map(({ store, statements }) => [store, statements?.length]),
    [['sqlite', 7]],
  )
})

test('code verifiers have a table of their own if they are given one', async () => {
  const path = newPath()
  const store = open(path, { verifierTableName: 'verifiers' })
  const entry = { value: Uint8Array.of(1), lifetime: { idleMs: 60_000 } }
  await store.create({ key: 'cv:1', ...entry })
  await store.create({ key: 'session:1', ...entry })
  assert.deepEqual(rows(path, 'SELECT cache_key FROM verifiers'), [{ cache_key: 'cv:1' }])
  assert.deepEqual(rows(path, 'SELECT cache_key FROM oidc_cache'), [{ cache_key: 'session:1' }])
  assert.equal((await store.stats()).entries, 2)
  assert.deepEqual((await store.take('cv:1'))?.key, 'cv:1')
  assert.equal((await store.stats()).entries, 1)
})

test('a sweep goes through both tables and keeps to its limit', async () => {
  const path = newPath()
  const store = open(path, { verifierTableName: 'verifiers' })
  const entry = { value: Uint8Array.of(1), lifetime: { idleMs: 60_000 } }
  for (const key of ['cv:1', 'cv:2', 'a', 'b']) await store.create({ key, ...entry })
  await store.close()
  for (const table of ['verifiers', 'oidc_cache']) tamper(path, `UPDATE ${table} SET expires_at = 1, expires_ms = 1`)
  const again = open(path, { verifierTableName: 'verifiers' })
  assert.deepEqual([await again.sweep(3), await again.sweep(3), await again.sweep(3)], [3, 1, 0])
})

/** Tables of the three columns, as people declare them. */
const plainTables: Record<string, string> = {
  'with a value of type TEXT': '(cache_key VARCHAR(255) PRIMARY KEY, cache_value TEXT, expires_at INTEGER)',
  'with a value of type BLOB': '(cache_key TEXT NOT NULL PRIMARY KEY, cache_value BLOB NOT NULL, expires_at BIGINT)',
  'that is STRICT': '(cache_key TEXT PRIMARY KEY, cache_value TEXT, expires_at INTEGER) STRICT',
  'WITHOUT ROWID': '(cache_key TEXT PRIMARY KEY, cache_value TEXT, expires_at INTEGER) WITHOUT ROWID',
  'with its columns in another order':
    '(expires_at INTEGER, cache_value TEXT, cache_key TEXT, PRIMARY KEY (cache_key))',
}

for (const [what, columns] of Object.entries(plainTables)) {
  test(`a plain table ${what} is upgraded where it stands: its rows are kept, and it is as a new one`, async () => {
    const [path, fresh] = [newPath(), newPath()]
    const inAnHour = Math.floor(Date.now() / 1_000) + 3_600
    tamper(path, `CREATE TABLE oidc_cache ${columns}; CREATE INDEX mine ON oidc_cache (expires_at)`)
    tamper(
      path,
      `INSERT INTO oidc_cache (cache_key, cache_value, expires_at) VALUES ('a', '{"b":"ü"}', ${inAnHour}), ('old', 'x', 5)`,
    )
    const store = open(path)
    const [found, old] = (await store.read(['a', 'old'])).entries
    assert.equal(new TextDecoder().decode(found?.value), '{"b":"ü"}')
    assert.deepEqual([found?.version, found?.times.expiresAt], [1, 1_000 * inAnHour])
    assert.equal(old, undefined)
    assert.deepEqual([await store.sweep(10), (await store.stats()).entries], [1, 1])
    await open(fresh).ping()
    const asNew = declared(fresh).map((each) => JSON.stringify(each))
    const upgraded = declared(path).map((each) => JSON.stringify(each).replaceAll('\\"oidc_cache\\"', 'oidc_cache'))
    assert.deepEqual(
      upgraded,
      asNew.map((each) => each.replaceAll('\\"oidc_cache\\"', 'oidc_cache')),
    )
  })
}

test('rows of a plain table that no store could have written do no harm', async () => {
  const path = newPath()
  tamper(
    path,
    `CREATE TABLE oidc_cache (cache_key TEXT PRIMARY KEY, cache_value TEXT, expires_at);
    INSERT INTO oidc_cache VALUES (NULL, 'no key', 1), ('no value', NULL, 9e9), ('no end', 'x', NULL),
      ('text', 'x', '9000000000'), ('endless', 'x', 9e99)`,
  )
  const store = open(path)
  const { entries } = await store.read(['no value', 'no end', 'text', 'endless'])
  assert.deepEqual(
    entries.map((entry) => entry && [entry.value.length, new Date(entry.times.expiresAt).getTime()]),
    [[0, 9e12], undefined, [1, 9e12], [1, 8.64e15]],
  )
})

test('an upgrade that fails half-way leaves everything as it was', async () => {
  const path = newPath()
  tamper(path, `CREATE TABLE oidc_cache ${plainTables['with a value of type TEXT']}`)
  tamper(path, "INSERT INTO oidc_cache VALUES ('a', 'b', 9000000000); CREATE TABLE oidc_cache_upgraded (x)")
  const before = declared(path)
  await assert.rejects(open(path).ping())
  assert.deepEqual(declared(path), before)
  assert.deepEqual(rows(path, 'SELECT cache_key FROM oidc_cache'), [{ cache_key: 'a' }])
})

for (const [what, sql, message] of [
  ['with other columns', 'CREATE TABLE oidc_cache (cache_key TEXT PRIMARY KEY, payload TEXT)', /no column cache_value/],
  [
    'with a fourth column',
    'CREATE TABLE oidc_cache (cache_key TEXT PRIMARY KEY, cache_value TEXT, expires_at INTEGER, note TEXT)',
    /no column version/,
  ],
  [
    'without a primary key',
    'CREATE TABLE oidc_cache (cache_key TEXT, cache_value TEXT, expires_at INTEGER)',
    /primary key is not cache_key/,
  ],
  [
    'with a primary key of two columns',
    'CREATE TABLE oidc_cache (cache_key TEXT, cache_value TEXT, expires_at INTEGER, PRIMARY KEY (cache_key, expires_at))',
    /primary key is not cache_key/,
  ],
  ['of epochs that is not ours', 'CREATE TABLE oidc_cache_epoch (x)', /oidc_cache_epoch.*no column bucket, n, recent/],
  ['of settings that is not ours', 'CREATE TABLE oidc_cache_meta (x)', /oidc_cache_meta.*no column id/],
] as const) {
  test(`a table ${what} is refused and left alone`, async () => {
    const path = newPath()
    tamper(path, sql)
    const before = declared(path)
    assert.match(await refusal(open(path)), message)
    assert.deepEqual(declared(path), before)
  })
}

const mine = { tableName: 'mine', verifierTableName: 'verifiers', autoMigrate: false }

test('without autoMigrate a file that is not there is not made, and the commands are named', async () => {
  const path = newPath()
  const message = await refusal(open(path, mine))
  assert.match(message, /npx sallyport schema apply --table-name mine --verifier-table-name verifiers`/)
  assert.match(message, /npx sallyport schema --database sqlite --table-name mine --verifier-table-name verifiers`/)
  assert.equal(statSync(path, { throwIfNoEntry: false }), undefined)
})

test('without autoMigrate nothing is upgraded', async () => {
  const path = newPath()
  tamper(path, `CREATE TABLE oidc_cache ${plainTables['with a value of type TEXT']}`)
  const before = declared(path)
  assert.match(await refusal(open(path, { autoMigrate: false })), /`npx sallyport schema apply`/)
  assert.deepEqual(declared(path), before)
})

test('without autoMigrate tables that are there are used, and the operator is told nothing', async () => {
  const path = newPath()
  await open(path, { ...mine, autoMigrate: true }).ping()
  const told: unknown[] = []
  await open(path, { ...mine, logger: remembering(told) }).ping()
  assert.deepEqual(told, [])
})

test('the incarnation is made once, with the tables', async () => {
  const path = newPath()
  const { incarnation } = await open(path).epochs([])
  assert.match(incarnation, /^[0-9a-f]{32}$/)
  assert.equal((await open(path).epochs([])).incarnation, incarnation)
  assert.notEqual((await open(newPath()).epochs([])).incarnation, incarnation)
})
