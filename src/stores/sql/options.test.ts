import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError } from '../../shared/errors.ts'
import { checkOptions } from '../../shared/options.ts'
import { sqlRules, sqlSettings, wrongTableName, wrongTables, wrongTogether, wrongUrl } from './options.ts'
import type { SqlCacheConfig } from './options.ts'

function wrongPaths(options: unknown): string[] {
  try {
    checkOptions<Omit<SqlCacheConfig, 'connectionString'>>('store', options, sqlRules)
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    return error.problems.map(({ path }) => path)
  }
  return []
}

function wrongPathsTogether(options: SqlCacheConfig): string[] {
  const paths: string[] = []
  wrongTogether(options, (path) => void paths.push(path))
  return paths
}

test('defaults are those of the documentation', () => {
  const { clock, logger, ...settings } = sqlSettings({})
  assert.deepEqual(settings, {
    tableName: 'oidc_cache',
    verifierTableName: undefined,
    autoMigrate: true,
    maxConnections: 20,
    minConnections: 5,
    acquireTimeoutMs: 30_000,
    cleanupIntervalSec: 300,
    operationTimeoutMs: 1_000,
  })
  assert.deepEqual([typeof clock.monotonic(), typeof logger.warn], ['number', 'function'])
})

test('what is given is kept', () => {
  const given = {
    tableName: 'a',
    verifierTableName: 'b',
    autoMigrate: false,
    maxConnections: 7,
    minConnections: 0,
    cleanupIntervalSec: 0,
    operationTimeoutMs: 5,
  }
  const { clock, logger, ...settings } = sqlSettings({ ...given, acquireTimeoutSec: 2 })
  assert.deepEqual(settings, { ...given, acquireTimeoutMs: 2_000 })
})

test('with fewer than five connections all of them are kept open by default', () => {
  assert.equal(sqlSettings({ maxConnections: 3 }).minConnections, 3)
})

test('a logger that fails harms nobody', () => {
  const fail = (): never => {
    throw new Error('the disk of the log is full')
  }
  const { logger } = sqlSettings({ logger: { debug: fail, info: fail, warn: fail, error: fail } })
  logger.warn({}, 'something happened')
})

for (const [option, least, most] of [
  ['maxConnections', 1, 1_000],
  ['minConnections', 0, 1_000],
  ['acquireTimeoutSec', 1, 600],
  ['cleanupIntervalSec', 0, 86_400],
  ['operationTimeoutMs', 1, 60_000],
] as const) {
  test(`${option} is a whole number from ${least} to ${most}`, () => {
    for (const value of [least, most]) assert.deepEqual(wrongPaths({ [option]: value }), [], String(value))
    for (const value of [least - 1, most + 1, least + 0.5, Number.NaN, String(most), null])
      assert.deepEqual(wrongPaths({ [option]: value }), [option], String(value))
  })
}

for (const [option, value] of [
  ['autoMigrate', 'false'],
  ['logger', { warn: () => {} }],
  ['clock', { now: () => 0 }],
  ['tableName', 'a b'],
  ['verifierTableName', 7],
] as const) {
  test(`${option} of the wrong kind is refused`, () => assert.deepEqual(wrongPaths({ [option]: value }), [option]))
}

test('a name of a table has 1 to 52 letters, digits and underscores, and begins with no digit', () => {
  for (const name of ['a', '_', 'Sessions_2', 'order', 'a'.repeat(52)]) assert.equal(wrongTableName(name), undefined)
  for (const name of ['', '2a', 'a-b', 'a.b', 'a"', "a'", 'a`', 'schön', 'a'.repeat(53)])
    assert.match(wrongTableName(name) ?? '', /1 to 52/, name)
})

test('names that databases keep for themselves are refused', () => {
  for (const name of ['sqlite_a', 'SQLITE_a', 'pg_a', 'PG_a'])
    assert.match(wrongTableName(name) ?? '', /keep for themselves/, name)
})

test('more connections kept than there may be are refused, with the default too', () => {
  assert.deepEqual(wrongPathsTogether({ minConnections: 3, maxConnections: 2 }), ['minConnections'])
  assert.deepEqual(wrongPathsTogether({ minConnections: 21 }), ['minConnections'])
  assert.deepEqual(wrongPathsTogether({ minConnections: 20 }), [])
})

for (const [tableName, verifierTableName] of [
  ['a', 'a'],
  ['a', 'A'],
  ['a', 'a_epoch'],
  ['a', 'a_meta'],
  ['a', 'a_sid'],
  ['a_subject', 'a'],
  ['a_expires_at', 'a'],
] as const) {
  test(`the tables ${tableName} and ${verifierTableName} would get in each other's way`, () => {
    assert.deepEqual(wrongPathsTogether({ tableName, verifierTableName }), ['verifierTableName'])
  })
}

test('two tables that have nothing in common are fine', () => {
  assert.deepEqual(wrongPathsTogether({ verifierTableName: 'verifiers' }), [])
  assert.deepEqual(wrongPathsTogether({ tableName: 'a', verifierTableName: 'ab' }), [])
})

test('names that are no strings, reported elsewhere, are not compared', () => {
  wrongTables(7 as unknown as string, 'a', () => assert.fail('reported twice'))
  wrongTables('a', 7 as unknown as string, () => assert.fail('reported twice'))
})

const schemes = ['postgres:', 'postgresql:']
const example = 'postgres://user@host/db'

test('a URL of one of the schemes is fine', () => {
  for (const url of ['postgres://u:p%40@host:5432/db?sslmode=require', 'postgresql:///db'])
    assert.equal(wrongUrl(url, schemes, example), undefined, url)
})

for (const [url, message] of [
  [
    'mysql://u:hunter2@host/db',
    /^must start with postgres:\/\/ or postgresql:\/\/, e\.g\. postgres:\/\/user@host\/db$/,
  ],
  ['postgres:hunter2', /must start with/],
  ['hunter2', /must start with/],
  ['postgres://u:hunter2@ho st/db', /is not a URL; write it like .* special characters as %XX/],
  ['postgres://u:hunter2@host:port/db', /is not a URL/],
] as const) {
  test(`a URL that is wrong is refused, and nothing of it is shown: ${url}`, () => {
    const wrong = wrongUrl(url, schemes, example) ?? ''
    assert.match(wrong, message)
    assert.doesNotMatch(wrong, /hunter2/)
  })
}
