import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import { ConfigError, createAuth, TwoTierAuthCache } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { secret } from '../support/app.ts'

type Loose = Record<string, unknown>

/** What no capacity, time or size may be. */
const never: readonly unknown[] = [
  -1,
  -0.5,
  1.5,
  NaN,
  Infinity,
  -Infinity,
  1e300,
  Number.MAX_SAFE_INTEGER,
  '10',
  '',
  10n,
  true,
  null,
  [10],
  {},
  Symbol('ten'),
  (): number => 10,
]

/** What is wrong with each number beyond that: the first values below and above its bounds. */
const bounds: Record<string, { below: number; above: number }> = {
  l1MaxCapacity: { below: 0, above: 10_000_001 },
  l1MaxBytes: { below: 4_095, above: 2 ** 40 + 1 },
  l1TtlSec: { below: 0, above: 2 ** 33 },
  l1TimeToIdleSec: { below: 0, above: 2 ** 33 },
}
const cacheBounds: typeof bounds = {
  ...bounds,
  maxStalenessMs: { below: 99, above: 60_001 },
  operationTimeoutMs: { below: 0, above: 60_001 },
  slowOperationMs: { below: -1, above: 60_001 },
  serveStaleForSec: { below: -1, above: 86_401 },
}

/** Each value that is wrong for an option, by the option's path. */
function* wrongNumbers(prefix = ''): Generator<[path: string, value: unknown]> {
  for (const [group, options] of [
    ['', cacheBounds],
    ['verifiers.', bounds],
  ] as const) {
    for (const [name, { below, above }] of Object.entries(options)) {
      for (const value of [...never, below, above]) yield [`${prefix}${group}${name}`, value]
    }
  }
}

const wrongOthers: readonly [path: string, value: unknown][] = [
  ...[0, 1, 'false', null, {}].map((value): [string, unknown] => ['enableL1', value]),
  ...['fifo', 'LRU', '', 's3fifo', 42, null, {}, true].flatMap((value): [string, unknown][] => [
    ['l1EvictionPolicy', value],
    ['verifiers.l1EvictionPolicy', value],
  ]),
  ...['high', 42, null, {}, true].map((value): [string, unknown] => ['l1Priority', value]),
  ...[1_000, 'small', null, true].map((value): [string, unknown] => ['verifiers', value]),
]

/** `base` with one option set, by its path. */
function withOption(base: Loose, path: string, value: unknown): Loose {
  const [group = '', ...rest] = path.split('.')
  if (rest.length === 0) return { ...base, [group]: value }
  return { ...base, [group]: withOption((base[group] ?? {}) as Loose, rest.join('.'), value) }
}

function problemsOf(make: () => unknown): ConfigError {
  try {
    make()
  } catch (error) {
    assert.ok(error instanceof ConfigError, `expected a ConfigError, got ${inspect(error)}`)
    assert.equal(error.code, 'ERR_CONFIG_INVALID')
    return error
  }
  return assert.fail('these options were accepted')
}

const cacheOf = (options: Loose): TwoTierAuthCache => new TwoTierAuthCache({ store: memoryStore(), secret, ...options })
const client = { issuer: 'https://login.example', clientId: 'web', baseUrl: 'https://app.example', secret }
const authOf = (options: Loose): unknown => createAuth({ ...client, ...options })

describe('a wrong option of TwoTierAuthCache is a ConfigError with its path', () => {
  for (const [path, value] of [...wrongNumbers(), ...wrongOthers]) {
    it(`${path}: ${inspect(value)}`, () => {
      const { problems } = problemsOf(() => cacheOf(withOption({}, path, value)))
      assert.deepEqual(
        problems.map((problem) => problem.path),
        [path],
      )
    })
  }

  for (const name of ['sessionTtlSec', 'verifierTtlSec']) {
    for (const value of [...never, 0]) {
      it(`${name}: ${inspect(value)}`, () => {
        const { problems } = problemsOf(() => cacheOf({ [name]: value }))
        assert.deepEqual(
          problems.map(({ path }) => path),
          [name],
        )
      })
    }
  }
})

describe('a wrong option of createAuth is a ConfigError with its path', () => {
  for (const [path, value] of [
    ...wrongNumbers('cache.'),
    ...wrongOthers.map(([at, v]) => [`cache.${at}`, v] as const),
  ]) {
    it(`${path}: ${inspect(value)}`, () => {
      const { problems } = problemsOf(() => authOf(withOption({}, path, value)))
      assert.deepEqual(
        problems.map((problem) => problem.path),
        [path],
      )
    })
  }
})

describe('a wrong capacity of memoryStore is a ConfigError with its path', () => {
  for (const value of [...never, 0, 10_000_001]) {
    it(`maxEntries: ${inspect(value)}`, () => {
      const { problems } = problemsOf(() => memoryStore({ maxEntries: value as number }))
      assert.deepEqual(
        problems.map(({ path }) => path),
        ['maxEntries'],
      )
    })
  }
})

describe('all wrong options', () => {
  const paths = [...Object.keys(cacheBounds), ...Object.keys(bounds).map((name) => `verifiers.${name}`)]
  const allWrong = (prefix: string): Loose => {
    let options: Loose = {}
    for (const path of paths) options = withOption(options, `${prefix}${path}`, NaN)
    for (const path of ['enableL1', 'l1EvictionPolicy', 'l1Priority']) {
      options = withOption(options, `${prefix}${path}`, 'wrong-value')
    }
    return withOption(options, `${prefix}verifiers.l1EvictionPolicy`, 'wrong-value')
  }
  const all = [...paths, 'enableL1', 'l1EvictionPolicy', 'l1Priority', 'verifiers.l1EvictionPolicy']

  for (const [prefix, make] of [
    ['', cacheOf],
    ['cache.', authOf],
  ] as const) {
    it(`are named at once (${prefix === '' ? 'TwoTierAuthCache' : 'createAuth'}), and no value is shown`, () => {
      const error = problemsOf(() => make(allWrong(prefix)))
      assert.deepEqual(error.problems.map(({ path }) => path).sort(), all.map((path) => prefix + path).sort())
      for (const { path } of error.problems) assert.ok(error.message.includes(path), path)
      assert.ok(!error.message.includes('wrong-value') && !error.message.includes('NaN'))
    })
  }

  for (const [misspelt, near] of [
    ['verifiers.l1MaxCapacty', 'l1MaxCapacity'],
    ['verifiers.l1TtlSecs', 'l1TtlSec'],
    ['verifier', 'verifiers'],
    ['l1MaxByte', 'l1MaxBytes'],
    ['l1EvictionPolcy', 'l1EvictionPolicy'],
    ['serveStaleForSecs', 'serveStaleForSec'],
  ] as const) {
    it(`are told from misspelt ones: ${misspelt} is told to be ${near}`, () => {
      const { problems } = problemsOf(() => cacheOf(withOption({}, misspelt, {})))
      assert.deepEqual(
        problems.map(({ path }) => path),
        [misspelt],
      )
      assert.ok(problems[0]!.message.includes(near), problems[0]!.message)
    })
  }

  it('options of sessions alone are no options of verifiers', () => {
    for (const [name, value] of [
      ['enableL1', true],
      ['l1Priority', () => 'high'],
      ['maxStalenessMs', 1_000],
    ] as const) {
      assert.equal(problemsOf(() => cacheOf({ verifiers: { [name]: value } })).problems[0]!.path, `verifiers.${name}`)
    }
  })
})

describe('options at their bounds', () => {
  it('work: the smallest of everything', async (t) => {
    const room = { l1MaxCapacity: 1, l1MaxBytes: 4_096, l1TtlSec: 1, l1TimeToIdleSec: 1 }
    const cache = cacheOf({ ...room, verifiers: room, maxStalenessMs: 100, serveStaleForSec: 0, sessionTtlSec: 1 })
    t.after(() => cache.close())
    await cache.setCodeVerifier('state', 'verifier')
    assert.equal(await cache.getCodeVerifier('state'), 'verifier')
  })

  it('work: the largest of everything, which takes no memory by itself', async (t) => {
    const room = { l1MaxCapacity: 10_000_000, l1MaxBytes: 2 ** 40 }
    const before = process.memoryUsage()
    const cache = cacheOf({
      ...room,
      verifiers: room,
      maxStalenessMs: 60_000,
      operationTimeoutMs: 60_000,
      serveStaleForSec: 86_400,
    })
    t.after(() => cache.close())
    await cache.setCodeVerifier('state', 'verifier')
    assert.equal(await cache.getCodeVerifier('state'), 'verifier')
    const after = process.memoryUsage()
    const grown = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers
    assert.ok(grown < 2 ** 24, `${grown} bytes for one entry`)
  })

  it('work: given as undefined, they are those by default', async (t) => {
    const names = [...Object.keys(cacheBounds), 'enableL1', 'l1EvictionPolicy', 'l1Priority', 'verifiers']
    const cache = cacheOf(Object.fromEntries(names.map((name) => [name, undefined])))
    t.after(() => cache.close())
    await cache.setCodeVerifier('state', 'verifier')
    assert.equal(await cache.getCodeVerifier('state'), 'verifier')
  })
})
