import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Cluster, Redis } from 'ioredis'
import { createClient, createClientPool, createCluster, createSentinel } from 'redis'
import { ConfigError } from '../../shared/errors.ts'
import { clientKind } from './client.ts'
import { checkedSettings } from './options.ts'
import type { RedisStoreOptions } from './options.ts'

function problemsOf(options: unknown): Record<string, string> {
  try {
    checkedSettings(options as RedisStoreOptions)
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    return Object.fromEntries(error.problems.map(({ path, message }) => [path, message]))
  }
  return {}
}

describe('options of the Redis store', () => {
  test('have defaults', () => {
    const { url, keyPrefix, operationTimeoutMs, push } = checkedSettings({ url: 'redis://localhost' })
    assert.deepEqual([url, keyPrefix, operationTimeoutMs, push], ['redis://localhost', 'oidc_cache:', 1_000, true])
  })

  for (const url of [
    'redis://localhost',
    'redis://localhost:6379/',
    'rediss://user:p%40ss@[::1]:6380/15',
    'redis://:password@cache.internal/0',
  ]) {
    test(`take ${url}`, () => {
      assert.deepEqual(problemsOf({ url }), {})
    })
  }

  for (const [url, says] of [
    ['localhost:6379', /must start with redis:/],
    ['http://localhost', /must start with redis:/],
    ['redis://', /no URL|names no host/],
    ['redis://user:s3cret#@localhost', /no URL.*%2F/],
    ['redis://:s3cret@localhost/one', /number of a database/],
    ['redis://localhost/0?ssl=true', /takes no parameters/],
    ['redis://user:s3cret%ZZ@localhost', /%25/],
    ['', /must not be empty/],
    [6379, /must be a string, not a number/],
  ] as const) {
    test(`refuse ${url === '' ? 'an empty text' : url} as a URL, without its password`, () => {
      const { url: message = '' } = problemsOf({ url })
      assert.match(message, says)
      assert.doesNotMatch(message, /s3cret/)
    })
  }

  for (const keyPrefix of ['{a}:', 'ä:', 'a b', 'x'.repeat(101), '']) {
    test(`refuse ${JSON.stringify(keyPrefix.slice(0, 5))} as a key prefix`, () => {
      assert.deepEqual(Object.keys(problemsOf({ url: 'redis://localhost', keyPrefix })), ['keyPrefix'])
    })
  }

  test('name every mistake at once', () => {
    const options = {
      url: 1,
      client: {},
      keyPrefix: 2,
      operationTimeoutMs: 0,
      push: 'yes',
      clock: {},
      logger: 3,
      uri: '',
    }
    assert.deepEqual(Object.keys(problemsOf(options)).sort(), Object.keys(options).sort())
  })

  test('ask for a URL or a client, and not for both', () => {
    assert.match(problemsOf({}).url ?? '', /is required/)
    const both = { url: 'redis://localhost', client: createClient() }
    assert.match(problemsOf(both).client ?? '', /not both/)
  })
})

describe('a client of the user', () => {
  const nodes = [{ host: 'localhost', port: 1 }]
  for (const [kind, client] of [
    ['node-redis', createClient()],
    ['node-redis cluster', createCluster({ rootNodes: [{ url: 'redis://localhost' }] })],
    ['node-redis sentinel', createSentinel({ name: 'main', sentinelRootNodes: nodes })],
    ['ioredis', new Redis({ lazyConnect: true })],
    ['ioredis', new Redis({ name: 'main', sentinels: nodes, lazyConnect: true })],
    ['ioredis cluster', new Cluster(nodes, { lazyConnect: true })],
  ] as const) {
    test(`is known for what it is: ${kind}`, () => {
      assert.equal(clientKind(client), kind)
      assert.deepEqual(problemsOf({ client }), {})
    })
  }

  for (const [name, client] of [
    ['a pool', createClientPool()],
    ['an object', {}],
    ['null', null],
    ['a text', 'redis'],
  ] as const) {
    test(`is refused if it is ${name}`, () => {
      assert.match(problemsOf({ client }).client ?? '', /must be a client of redis, ioredis or iovalkey/)
    })
  }

  test('is refused if it is a Sentinel client of redis 5, which has no copies', () => {
    const client = createSentinel({ name: 'main', sentinelRootNodes: [{ host: 'localhost', port: 26379 }] })
    Object.defineProperty(client, 'duplicate', { value: undefined })
    assert.match(problemsOf({ client }).client ?? '', /redis 5, which cannot be copied; redis 6 and ioredis can/)
  })
})
