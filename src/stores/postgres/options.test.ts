import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pool } from 'pg'
import { problemsFound } from '../../../test/support/config-problems.ts'
import { checkedSettings } from './options.ts'

const connectionString = 'postgres://app:hunter2@localhost:5432/app'

const { problemsOf, assertProblem } = problemsFound(checkedSettings)

test('defaults are those of the documentation', () => {
  const { clock: _clock, logger: _logger, ...settings } = checkedSettings({ connectionString })
  assert.deepEqual(settings, {
    connectionString,
    pool: undefined,
    tableName: 'oidc_cache',
    verifierTableName: undefined,
    autoMigrate: true,
    maxConnections: 20,
    minConnections: 5,
    acquireTimeoutMs: 30_000,
    cleanupIntervalSec: 300,
    operationTimeoutMs: 1_000,
    unlogged: false,
    jsonb: false,
    push: true,
    listenUrl: undefined,
  })
})

test('postgresql:// is as good as postgres://', () => {
  assert.deepEqual(problemsOf({ connectionString: 'postgresql://localhost/app' }), [])
})

for (const wrong of [
  'mysql://app:hunter2@localhost/app',
  'localhost/app',
  'postgres:/x',
  'postgres://app:hun%ter2@/',
]) {
  test(`the URL ${wrong.replace('hunter2', '…')} is refused, and not shown`, () => {
    for (const name of ['connectionString', 'listenUrl']) {
      const problems = problemsOf({ connectionString, [name]: wrong })
      assert.deepEqual(
        problems.map((problem) => problem.path),
        [name],
      )
      assert.doesNotMatch(JSON.stringify(problems), /hunter2/)
    }
  })
}

test('neither a connection string nor a pool is a problem', () => {
  assertProblem({}, 'connectionString', /is required/)
})

test('a pool excludes what it has already', () => {
  const pool = new Pool()
  const problems = problemsOf({ pool, connectionString, maxConnections: 5, minConnections: 1 })
  assert.deepEqual(problems.map((problem) => problem.path).sort(), [
    'connectionString',
    'maxConnections',
    'minConnections',
  ])
  assert.deepEqual(problemsOf({ pool }), [])
})

test('what is no pool of pg is refused', () => {
  assertProblem({ pool: {} }, 'pool', /a pool of pg/)
})

test('a listenUrl that nothing would use is refused', () => {
  assertProblem({ connectionString, push: false, listenUrl: connectionString }, 'listenUrl', /`push` is false/)
})

for (const tableName of ['x; drop table y', 'schön', 'a'.repeat(64), 'public.sessions', '']) {
  test(`the table name ${JSON.stringify(tableName)} is refused`, () => {
    assertProblem({ connectionString, tableName }, 'tableName', /must/)
  })
}

test('every mistake is named at once', () => {
  const problems = problemsOf({ connectionString, unlogged: 'yes', jsonb: 1, push: 'no', unloged: true })
  assert.deepEqual(problems.map((problem) => problem.path).sort(), ['jsonb', 'push', 'unloged', 'unlogged'])
})
