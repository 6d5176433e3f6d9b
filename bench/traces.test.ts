import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { seededRandom } from '../test/support/seeded-random.ts'
import { geometric, logNormal, zipf } from './traces/distributions.ts'
import { optimalHitRatio } from './traces/optimal.ts'
import { readOptions } from './traces/options.ts'
import { hitRatio } from './traces/replay.ts'
import { hitRatios, rowsOf, summaryRows } from './traces/rows.ts'
import type { HitRatios } from './traces/rows.ts'
import { generate } from './traces/session-workload.ts'
import type { SessionWorkload } from './traces/session-workload.ts'
import { readTrace } from './traces/trace.ts'
import type { Trace } from './traces/trace.ts'

const folder = mkdtempSync(join(tmpdir(), 'sallyport-traces-'))
after(() => rmSync(folder, { recursive: true }))

function file(name: string, bytes: Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}

function traceOf(requests: number[]): Trace {
  return { name: 'test', requests: Int32Array.from(requests), keys: Math.max(-1, ...requests) + 1 }
}

function rounded(ratios: HitRatios): Record<string, string> {
  return Object.fromEntries(Object.entries(ratios).map(([policy, ratio]) => [policy, ratio.toFixed(2)]))
}

const quarterHour: SessionWorkload = {
  name: 'short',
  hours: 0.25,
  requests: 40_000,
  pages: 8,
  requestsPerPage: 5,
  medianThinkSec: 25,
  bots: 0.2,
}

describe('hit ratios that were measured before stay as they are', () => {
  test('a web shop, 1,200 entries', () => {
    const trace = readTrace(fileURLToPath(new URL('./traces/web07.i32be.gz', import.meta.url)))
    assert.deepEqual([trace.requests.length, trace.keys], [76_118, 20_484])
    assert.deepEqual(rounded(hitRatios(trace, 1_200)), { 's3-fifo': '55.03', lru: '51.65', lfu: '52.79', opt: '64.65' })
  })

  test('a quarter of an hour of sign-ins and bots, 200 entries', () => {
    assert.deepEqual(rounded(hitRatios(generate(quarterHour, 1), 200)), {
      's3-fifo': '75.22',
      lru: '71.34',
      lfu: '70.75',
      opt: '78.05',
    })
  })
})

describe('replay', () => {
  test('an empty cache that takes in what it does not have', () => {
    assert.equal(hitRatio(traceOf([0, 1, 0, 2, 1, 0]), 'lru', 2), 100 / 6)
  })

  test('with room for every key only the first request of each is missed', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 20 }), { minLength: 1 }), (requests) => {
        const expected = (100 * (requests.length - new Set(requests).size)) / requests.length
        assert.equal(hitRatio(traceOf(requests), 's3-fifo', 30), expected)
      }),
    )
  })
})

describe('the optimum', () => {
  /** Tries every choice of whom to let go of, the newcomer included. */
  function bestOf(requests: readonly number[], entries: number, held: readonly number[] = []): number {
    const [key, ...rest] = requests
    if (key === undefined) return 0
    if (held.includes(key)) return 1 + bestOf(rest, entries, held)
    if (held.length < entries) return bestOf(rest, entries, [...held, key])
    const all = [...held, key]
    return Math.max(
      ...all.map((left) =>
        bestOf(
          rest,
          entries,
          [...all].filter((each) => each !== left),
        ),
      ),
    )
  }

  test('is what trying every choice finds', () => {
    const requests = fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 10 })
    fc.assert(
      fc.property(requests, fc.integer({ min: 1, max: 3 }), (asked, entries) => {
        assert.equal(optimalHitRatio(traceOf(asked), entries), (100 * bestOf(asked, entries)) / asked.length)
      }),
    )
  })

  test('is beaten by no policy', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 50 }), { minLength: 1, maxLength: 2_000, size: 'max' }),
        fc.integer({ min: 1, max: 40 }),
        (asked, entries) => {
          const { opt, ...policies } = hitRatios(traceOf(asked), entries)
          assert.ok(Math.max(...Object.values(policies)) <= opt)
        },
      ),
    )
  })
})

describe('a generated workload', () => {
  test('is the same for the same seed, and another for another', () => {
    assert.deepEqual(generate(quarterHour, 7), generate(quarterHour, 7))
    assert.notDeepEqual(generate(quarterHour, 7), generate(quarterHour, 8))
  })

  test('has about as many requests as asked for, of visits in bursts and of bots that come once', () => {
    const { requests, keys } = generate(quarterHour, 1)
    const times = new Int32Array(keys)
    for (const key of requests) times[key]!++
    assert.ok(Math.abs(requests.length / quarterHour.requests - 1) < 0.05)
    assert.equal(keys, 800 + 8_000)
    assert.ok(times.subarray(800).every((count) => count === 1))
  })

  test('of users asks more for some of them, and a scan asks for each', () => {
    const users = { count: 1_000, alpha: 0.9 }
    const { requests, keys } = generate({ ...quarterHour, users, bots: 0, scan: { everySec: 400, sessions: 1_000 } }, 1)
    const times = new Int32Array(keys)
    for (const key of requests) times[key]!++
    assert.equal(keys, 1_000)
    assert.ok(times.every((count) => count >= 2))
    assert.ok(times[0]! > 20 * times.toSorted()[500]!)
  })
})

test('visits begin at noon rather than at midnight, if they should', () => {
  const workload = { ...quarterHour, hours: 24, pages: 1, bots: 0, noonToMidnight: 9 }
  // What is read at 6, 12 and 18 o'clock, and by nobody else, tells the time.
  const { requests } = generate({ ...workload, scan: { everySec: 6 * 3_600, sessions: 1 } }, 1)
  const share = (requests.lastIndexOf(0) - requests.indexOf(0)) / requests.length
  assert.ok(share > 0.73 && share < 0.78, `${share} of the requests come by day`)
})

describe('what is drawn', () => {
  const draws = 100_000
  const drawn = (draw: () => number): number[] => Array.from({ length: draws }, draw).sort((a, b) => a - b)

  test('by Zipf’s law comes in proportion to a power of its rank', () => {
    const numbers = drawn(zipf(seededRandom(1), { alpha: 0.5, count: 4 }))
    const shares = [0, 1, 2, 3].map((n) => numbers.filter((each) => each === n).length / draws)
    const expected = [1, 2 ** -0.5, 3 ** -0.5, 0.5].map((weight) => weight / (1 + 2 ** -0.5 + 3 ** -0.5 + 0.5))
    assert.ok(shares.every((share, n) => Math.abs(share - expected[n]!) < 0.01))
  })

  test('geometrically has its mean and begins with 1', () => {
    const random = seededRandom(1)
    const numbers = drawn(() => geometric(random, 5))
    assert.equal(numbers[0], 1)
    assert.ok(Math.abs(numbers.reduce((sum, each) => sum + each, 0) / draws - 5) < 0.1)
  })

  test('geometrically with mean 1 is 1', () => {
    assert.equal(geometric(seededRandom(1), 1), 1)
  })

  test('log-normally has its median', () => {
    const random = seededRandom(1)
    const numbers = drawn(() => logNormal(random, { median: 25, sigma: 1 }))
    assert.ok(Math.abs(numbers[draws / 2]! - 25) < 0.5)
    assert.ok(Math.abs(numbers[Math.floor(draws * 0.8413)]! - 25 * Math.E) < 2)
  })
})

describe('a trace file', () => {
  const keys = Uint8Array.of(0, 0, 1, 0, 255, 255, 255, 255, 0, 0, 1, 0)

  test('is read as 32-bit keys, compressed or not', () => {
    const expected = { requests: Int32Array.of(0, 1, 0), keys: 2 }
    assert.deepEqual(readTrace(file('plain.bin', keys)), { name: 'plain.bin', ...expected })
    assert.deepEqual(readTrace(file('small.i32be.gz', gzipSync(keys))), { name: 'small', ...expected })
  })

  test('that is absent, empty, cut off or damaged is an error that names it', () => {
    assert.throws(() => readTrace(join(folder, 'absent')), /absent cannot be read: ENOENT/)
    assert.throws(() => readTrace(file('empty', new Uint8Array())), /empty holds no request/)
    assert.throws(() => readTrace(file('cut', keys.subarray(1))), /cut has 11 bytes: no whole number of 32-bit keys/)
    assert.throws(() => readTrace(file('damaged.gz', keys)), /damaged\.gz cannot be read: incorrect header check/)
  })
})

describe('the command line', () => {
  test('names a file and the entries, or nothing', () => {
    assert.equal(readOptions(['--json']), undefined)
    assert.deepEqual(readOptions(['--trace', 'file', '--entries', '10000000']), { trace: 'file', entries: 10_000_000 })
  })

  for (const [args, error] of [
    ['--trace file', /--trace FILE and --entries N go together/],
    ['--entries 10', /--trace FILE and --entries N go together/],
    ['--trace file --entries 0', /--entries must be a whole number from 1 to 10000000, not 0/],
    ['--trace file --entries 10000001', /not 10000001/],
    ['--trace file --entries 1e3', /not 1e3/],
    ['--trace file --entries=-1', /not -1/],
    ['--trace file --entries ten', /not ten/],
    ['--policy lru', /Unknown option '--policy'/],
    ['web07', /Unexpected argument 'web07'/],
  ] as const) {
    test(`refuses ${args}`, () => {
      assert.throws(() => readOptions(args.split(' ')), error)
    })
  }
})

describe('the rows', () => {
  const ratios: HitRatios = { 's3-fifo': 50, lru: 40, lfu: 30, opt: 80 }

  test('are one per policy, each beside the optimum', () => {
    assert.deepEqual(
      rowsOf('web@10', ratios).map(({ id, versus }) => [id, versus]),
      [
        ['web@10.s3-fifo', 'web@10.opt'],
        ['web@10.lru', 'web@10.opt'],
        ['web@10.lfu', 'web@10.opt'],
        ['web@10.opt', undefined],
      ],
    )
  })

  test('compare nothing with an optimum of 0', () => {
    const rows = rowsOf('web@10', { 's3-fifo': 0, lru: 0, lfu: 0, opt: 0 })
    assert.ok(rows.every(({ versus }) => versus === undefined))
  })

  test('say whether S3-FIFO comes within 0.3 points of what was published', () => {
    const verdicts = [49.6, 49.8, 50.2, 50.4].map((published) =>
      rowsOf('web@10', ratios, published).map(({ ok }) => ok),
    )
    assert.deepEqual(
      verdicts.map(([first]) => first),
      [false, true, true, false],
    )
    assert.ok(verdicts.every(([, ...others]) => others.every((ok) => ok === undefined)))
  })

  test('sum up: the mean share of the optimum, and the worst loss to LRU', () => {
    const rows = summaryRows('sessions', [ratios, { 's3-fifo': 90, lru: 91, lfu: 0, opt: 90 }])
    assert.deepEqual(
      rows.map(({ id, value, ok }) => [id, value, ok]),
      [
        ['sessions.mean-of-opt', 81.25, false],
        ['sessions.worst-vs-lru', 1, false],
      ],
    )
  })
})
