import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import { ConfigError } from '../shared/errors.ts'
import { systemRandomness } from '../shared/randomness.ts'
import { memoryStore } from '../stores/memory.ts'
import { manualClock } from '../testing/manual-clock.ts'
import { recordingLogger } from '../../test/support/recording-logger.ts'
import type { AuthSession } from './tokens.ts'
import { TwoTierAuthCache, type TwoTierAuthCacheOptions } from './two-tier-auth-cache.ts'

const secret = 'a secret that has thirty-two bytes!'
const session: AuthSession = {
  accessToken: 'access',
  tokenType: 'Bearer',
  claims: { sub: 'alice', iss: 'https://login.example' },
  data: {},
}

function problemsOf(options: object): string[] {
  try {
    new TwoTierAuthCache(options as TwoTierAuthCacheOptions)
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    return error.problems.map(({ path }) => path)
  }
  return []
}

describe('options', () => {
  test('need only a store and a secret', () => {
    assert.deepEqual(problemsOf({ store: memoryStore(), secret }), [])
    assert.deepEqual(problemsOf({}), ['store', 'secret'])
  })

  test('may all be given', () => {
    const all: Required<TwoTierAuthCacheOptions> = {
      store: memoryStore(),
      secret,
      sessionTtlSec: 60,
      verifierTtlSec: 60,
      enableL1: true,
      l1MaxCapacity: 10,
      l1MaxBytes: 1_000_000,
      l1TtlSec: 60,
      l1TimeToIdleSec: 30,
      l1EvictionPolicy: 'lru',
      l1Priority: () => 'high',
      verifiers: { l1MaxCapacity: 10, l1EvictionPolicy: 'lfu' },
      serveStaleForSec: 0,
      maxStalenessMs: 500,
      operationTimeoutMs: 500,
      slowOperationMs: 100,
      seal: 'server',
      compressAboveBytes: 1_024,
      logger: recordingLogger().logger,
      clock: manualClock(),
      randomness: systemRandomness,
    }
    assert.deepEqual(problemsOf(all), [])
  })

  const wrong = {
    store: {},
    secret: ['a list of secrets that are long enough each'],
    sessionTtlSec: 0,
    verifierTtlSec: 1.5,
    enableL1: 'yes',
    l1MaxCapacity: -1,
    l1TtlSec: Number.NaN,
    maxStalenessMs: 99,
    operationTimeoutMs: Infinity,
    slowOperationMs: -1,
    seal: 'Server',
    compressAboveBytes: 0,
    logger: () => {},
    clock: Date,
    randomness: Math.random,
    l1TimeToIdleSecs: 5,
  }
  for (const [name, value] of Object.entries(wrong)) {
    test(`with a wrong \`${name}\` are refused, and that one is named`, () => {
      assert.deepEqual(problemsOf({ store: memoryStore(), secret, [name]: value }), [name])
    })
  }

  test('to compress what is kept readable are refused', () => {
    assert.deepEqual(problemsOf({ store: memoryStore(), secret, seal: false, compressAboveBytes: 1 }), [
      'compressAboveBytes',
    ])
  })

  test('to seal are refused with a store that keeps JSON only', () => {
    const memory = memoryStore()
    const store = Object.assign(memory, { capabilities: { ...memory.capabilities, values: 'json' } })
    assert.deepEqual(problemsOf({ store, secret }), ['seal'])
    assert.deepEqual(problemsOf({ store, secret, seal: false }), [])
  })

  test('with many mistakes are refused with all of them', () => {
    assert.deepEqual(problemsOf(wrong).sort(), Object.keys(wrong).sort())
  })
})

test('nothing is asked of the store before the first operation', async () => {
  const store = memoryStore()
  new TwoTierAuthCache({ store, secret })
  assert.equal((await store.epochs([])).maxStalenessMs, 0)
})

test('a cache made ready has prepared its store', async (t) => {
  const store = memoryStore()
  const cache = new TwoTierAuthCache({ store, secret, maxStalenessMs: 700 })
  t.after(() => cache.close())
  await cache.ready()
  assert.equal((await store.epochs([])).maxStalenessMs, 700)
})

test('two caches with the same secret share their sessions; with another they do not', async (t) => {
  const store = memoryStore()
  const [one, two, stranger] = [secret, secret, secret.toUpperCase()].map(
    (each) => new TwoTierAuthCache({ store, secret: each }),
  ) as [TwoTierAuthCache, TwoTierAuthCache, TwoTierAuthCache]
  t.after(() => one.close())
  await one.setAuthSession('id', session)
  assert.deepEqual(await two.getAuthSession('id'), session)
  assert.equal(await stranger.getAuthSession('id'), undefined)
})

describe('stores that say of themselves what cannot be are refused, and the option is named', () => {
  const { capabilities } = memoryStore()
  for (const buckets of [undefined, -1, 1.5, Number.NaN, 65_537, '256']) {
    test(`capabilities.buckets ${inspect(buckets)}`, () => {
      const store = Object.assign(memoryStore(), { capabilities: { ...capabilities, buckets } })
      assert.deepEqual(problemsOf({ store, secret }), ['store.capabilities.buckets'])
    })
  }

  test('no capabilities at all', () => {
    const store = Object.assign(memoryStore(), { capabilities: undefined })
    assert.deepEqual(problemsOf({ store, secret }), ['store.capabilities.buckets'])
  })

  for (const cleanupIntervalSec of [undefined, -1, Number.NaN, '300']) {
    test(`cleanupIntervalSec ${inspect(cleanupIntervalSec)}`, () => {
      const store = Object.assign(memoryStore(), { cleanupIntervalSec })
      assert.deepEqual(problemsOf({ store, secret }), ['store.cleanupIntervalSec'])
    })
  }
})

describe('a logger that throws', () => {
  const throwing = (): never => {
    throw new Error('the worker has exited')
  }
  const logger = { debug: throwing, info: throwing, warn: throwing, error: throwing }

  test('fails no request', async (t) => {
    const store = memoryStore()
    const cache = new TwoTierAuthCache({ store, secret, logger })
    t.after(() => cache.close())
    await cache.setAuthSession('id', session)
    t.mock.method(store, 'read', async ([key = '']: string[]) => ({
      entries: [{ key, value: Uint8Array.of(9), version: 1, times: { createdAt: 0, lastSeenAt: 0, expiresAt: 1e15 } }],
      storeNow: Date.now(),
    }))
    assert.equal(await cache.getAuthSession('another'), undefined)
  })

  test('does not stop the polls', async (t) => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const cache = new TwoTierAuthCache({ store, secret, logger, clock })
    t.after(() => cache.close())
    await cache.setAuthSession('id', session)
    const lost = t.mock.method(store, 'epochs', () => Promise.reject(new Error('the connection was refused')))
    await clock.advance(400)
    lost.mock.restore()
    for (let passed = 0; passed < 3_000; passed += 100) {
      await cache.getAuthSession('id')
      await clock.advance(100)
    }
    assert.deepEqual([lost.mock.callCount(), cache.stats().coherence.lease], [1, 'held'])
  })
})

test('its counters tell what it did', async (t) => {
  const cache = new TwoTierAuthCache({ store: memoryStore(), secret, l1MaxCapacity: 1 })
  t.after(() => cache.close())
  await cache.setAuthSession('a', session)
  await cache.setAuthSession('b', session)
  await cache.getAuthSession('b')
  await cache.getAuthSession('a')
  await cache.getAuthSession('unknown')
  const { answers, sessions } = cache.stats()
  assert.deepEqual(answers, { l1: 1, l2: 1, joined: 0, stale: 0, refused: 1 })
  assert.deepEqual([sessions.entries, sessions.hits, sessions.misses, sessions.evictions.capacity], [1, 1, 2, 2])
})

test('how large the store is, it asks the store', async (t) => {
  const cache = new TwoTierAuthCache({ store: memoryStore(), secret })
  t.after(() => cache.close())
  await cache.setAuthSession('a', session)
  await cache.setCodeVerifier('b', 'verifier')
  assert.equal((await cache.storeStats()).entries, 2)
})

describe('close', () => {
  test('ends every operation with ERR_CLOSED, and can be repeated', async () => {
    const cache = new TwoTierAuthCache({ store: memoryStore(), secret })
    await cache.setAuthSession('id', session)
    await cache.close()
    await cache.close()
    await assert.rejects(cache.invalidateAuthSession('id'), { code: 'ERR_CLOSED' })
    await assert.rejects(cache.getAuthSession('unknown'), { code: 'ERR_CLOSED' })
  })

  test('is what `await using` calls', async () => {
    const store = memoryStore()
    const cache = new TwoTierAuthCache({ store, secret })
    await cache.setAuthSession('id', session)
    await cache[Symbol.asyncDispose]()
    await assert.rejects(store.ping(), { code: 'ERR_CLOSED' })
  })
})
