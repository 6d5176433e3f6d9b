import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { problemsFound } from '../../../test/support/config-problems.ts'
import { checkedSettings } from './options.ts'

const { problemsOf, assertProblem } = problemsFound(checkedSettings)

test('defaults are those of the documentation', () => {
  const { clock, logger, ...settings } = checkedSettings({ path: '/var/lib/app/sessions.db' })
  assert.deepEqual(settings, {
    path: '/var/lib/app/sessions.db',
    tableName: 'oidc_cache',
    verifierTableName: undefined,
    autoMigrate: true,
    cleanupIntervalSec: 300,
    operationTimeoutMs: 1_000,
  })
  assert.equal(typeof clock.wall(), 'number')
  assert.equal(typeof logger.warn, 'function')
})

for (const [connectionString, path] of [
  ['sqlite://cache.db', resolve('cache.db')],
  ['sqlite://./data/cache.db', resolve('data/cache.db')],
  ['sqlite:///var/lib/app/cache.db', '/var/lib/app/cache.db'],
  ['sqlite:///var/my%20app/100%25.db', '/var/my app/100%.db'],
] as const) {
  test(`${connectionString} names a file`, () => {
    assert.equal(checkedSettings({ connectionString }).path, path)
  })
}

for (const connectionString of ['postgres://user:hunter2@host/db', 'cache.db', 'sqlite:cache.db', '']) {
  test(`a connection string that is not sqlite:// is refused and not shown: '${connectionString}'`, () => {
    const problems = problemsOf({ connectionString })
    assert.equal(problems[0]?.path, 'connectionString')
    assert.doesNotMatch(JSON.stringify(problems), /hunter2/)
  })
}

for (const options of [
  { path: ':memory:' },
  { connectionString: 'sqlite://:memory:' },
  { connectionString: 'sqlite::memory:' },
  { connectionString: 'file::memory:?cache=shared' },
  { path: 'file::memory:' },
]) {
  test(`a database in memory is refused with a hint: ${JSON.stringify(options)}`, () => {
    assertProblem(options, Object.keys(options)[0] ?? '', /memoryStore/)
  })
}

test('a URL given as path is refused with a hint', () => {
  assertProblem({ path: 'sqlite://cache.db' }, 'path', /connectionString/)
  assertProblem({ path: 'file:cache.db' }, 'path', /plain path/)
})

test('a connection string with parameters, broken escapes or no file is refused', () => {
  assertProblem({ connectionString: 'sqlite://cache.db?mode=rwc' }, 'connectionString', /parameters/)
  assertProblem({ connectionString: 'sqlite://100%.db' }, 'connectionString', /%25/)
  assertProblem({ connectionString: 'sqlite://' }, 'connectionString', /names no file/)
})

test('neither a path nor a connection string is a problem, and both are one', () => {
  assertProblem({}, 'path', /required/)
  assertProblem({ path: 'a.db', connectionString: 'sqlite://a.db' }, 'connectionString', /not both/)
})

for (const tableName of ['', '1st', 'a-b', 'a b', 'a"b', 'x; DROP TABLE y', 'schön', 'a'.repeat(53), 'sqlite_x']) {
  test(`the table name ${JSON.stringify(tableName)} is refused`, () => {
    assertProblem({ path: 'a.db', tableName }, 'tableName', /must/)
  })
}

test('a table name of 52 characters or one that is an SQL keyword is fine', () => {
  for (const tableName of ['a'.repeat(52), 'order', '_x']) {
    assert.equal(checkedSettings({ path: 'a.db', tableName }).tableName, tableName)
  }
})

test('more than one connection is refused, saying why', () => {
  assertProblem({ path: 'a.db', maxConnections: 20 }, 'maxConnections', /one writer/)
  assert.deepEqual(problemsOf({ path: 'a.db', maxConnections: 1 }), [])
})

for (const option of ['minConnections', 'acquireTimeoutSec']) {
  test(`${option} is refused: there is no pool`, () => {
    assertProblem({ path: 'a.db', [option]: 5 }, option, /no pool.*operationTimeoutMs/)
  })
}

test('a table for verifiers that is one of the others is refused', () => {
  assertProblem({ path: 'a.db', verifierTableName: 'oidc_cache_meta' }, 'verifierTableName', /another name/)
  assert.deepEqual(problemsOf({ path: 'a.db', verifierTableName: 'verifiers' }), [])
})

test('a misspelt option is named together with the one that was meant', () => {
  assertProblem({ path: 'a.db', tablename: 'x' }, 'tablename', /did you mean `tableName`/)
})

test('all problems are told at once', () => {
  const wrong = {
    path: 7,
    tableName: 'a b',
    cleanupIntervalSec: -1,
    maxConnections: '1',
    operationTimeoutMs: 0.5,
    autoMigrate: 'no',
    verifierTableName: 7,
    logger: {},
    minConnections: 0,
    acquireTimeoutSec: 30,
    clock: {},
    filename: 'x',
  }
  assert.deepEqual(
    problemsOf(wrong)
      .map((problem) => problem.path)
      .sort(),
    Object.keys(wrong).sort(),
  )
})
