import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { memoryStore } from '../../stores/memory.ts'
import { manualClock, type ManualClock } from '../../testing/manual-clock.ts'
import { recordingLogger, type LogLine } from '../../../test/support/recording-logger.ts'
import { slowOperations } from '../../../test/support/slow-operations.ts'
import { evenRandomness } from '../../../test/support/tiers.ts'
import type { Store } from '../store.ts'
import type { SlowOperations } from './slow-operations.ts'
import { Sweeper } from './sweeper.ts'

interface World {
  clock: ManualClock
  sweeper: Sweeper
  /** When each sweep began, in seconds, and its limit. */
  sweeps: [number, number][]
  lines: LogLine[]
  slow: SlowOperations
}

/** A store with an interval of 300 s that deletes what `sweep` says. */
function world(sweep: () => Promise<number> = async () => 0, cleanupIntervalSec = 300, fraction = 0.5): World {
  const clock = manualClock()
  const sweeps: [number, number][] = []
  const store: Store = Object.create(memoryStore(), {
    cleanupIntervalSec: { value: cleanupIntervalSec },
    sweep: {
      value: (limit: number) => {
        sweeps.push([clock.monotonic() / 1_000, limit])
        return sweep()
      },
    },
  }) as Store
  const { logger, lines } = recordingLogger()
  const randomness = { ...evenRandomness, fraction: () => fraction }
  const slow = slowOperations(clock, 200)
  const sweeper = new Sweeper(store, { clock, randomness, logger, slow })
  return { clock, sweeper, sweeps, lines, slow }
}

test('it sweeps a thousand entries at most, once every interval', async () => {
  const { clock, sweeper, sweeps } = world()
  sweeper.start()
  await clock.advance(900_000)
  assert.deepEqual(sweeps, [
    [300, 1_000],
    [600, 1_000],
    [900, 1_000],
  ])
})

test('instances spread their sweeps by a tenth of the interval', async () => {
  for (const [fraction, at] of [
    [0, 270],
    [1, 330],
  ] as const) {
    const { clock, sweeper, sweeps } = world(undefined, undefined, fraction)
    sweeper.start()
    await clock.advance(at * 1_000)
    assert.deepEqual(sweeps, [[at, 1_000]])
  }
})

test('a full batch is followed by the next a second later, until one is not full', async () => {
  let left = 2_500
  const { clock, sweeper, sweeps } = world(async () => {
    const swept = Math.min(left, 1_000)
    left -= swept
    return swept
  })
  sweeper.start()
  await clock.advance(310_000)
  assert.deepEqual(
    sweeps.map(([at]) => at),
    [300, 301, 302],
  )
})

test('starting it twice starts it once', async () => {
  const { clock, sweeper, sweeps } = world()
  sweeper.start()
  sweeper.start()
  await clock.advance(300_000)
  assert.equal(sweeps.length, 1)
})

test('a store that expires entries by itself is left alone', () => {
  const { clock, sweeper } = world(undefined, 0)
  sweeper.start()
  assert.equal(clock.pending(), 0)
})

test('a sweep that fails is said, and tried again after the interval', async () => {
  const { clock, sweeper, sweeps, lines } = world(() => Promise.reject(new Error('locked')))
  sweeper.start()
  await clock.advance(600_000)
  assert.deepEqual(
    [sweeps.map(([at]) => at), lines.map(({ level }) => level)],
    [
      [300, 600],
      ['warn', 'warn'],
    ],
  )
})

test('a sweep that hangs is given up after half a minute, and the next comes after the interval', async () => {
  const { clock, sweeper, sweeps, lines } = world(() => new Promise(() => {}))
  sweeper.start()
  await clock.advance(700_000)
  assert.deepEqual([sweeps.map(([at]) => at), lines.length], [[300, 630], 2])
})

test('a sweep that throws instead of rejecting is a sweep that failed', async () => {
  const { clock, sweeper, sweeps } = world(() => {
    throw new Error('no pool')
  })
  sweeper.start()
  await clock.advance(600_000)
  assert.equal(sweeps.length, 2)
})

describe('what others are told', () => {
  test('it counts sweeps, and what they deleted', async () => {
    let left = 2_500
    const { clock, sweeper } = world(async () => {
      const swept = Math.min(left, 1_000)
      left -= swept
      return swept
    })
    assert.deepEqual(sweeper.stats, { runs: 0, deleted: 0, failures: 0 })
    sweeper.start()
    await clock.advance(310_000)
    assert.deepEqual(sweeper.stats, { runs: 3, deleted: 2_500, failures: 0 })
  })

  test('a sweep that failed is one too', async () => {
    const { clock, sweeper } = world(() => Promise.reject(new Error('locked')))
    sweeper.start()
    await clock.advance(600_000)
    assert.deepEqual(sweeper.stats, { runs: 2, deleted: 0, failures: 2 })
  })

  test('a sweep that hangs counts when it is given up, and is slow', async () => {
    const { clock, sweeper, slow } = world(() => new Promise(() => {}))
    sweeper.start()
    await clock.advance(329_000)
    assert.deepEqual([sweeper.stats.runs, slow.count], [0, 0])
    await clock.advance(1_000)
    assert.deepEqual([sweeper.stats, slow.count], [{ runs: 1, deleted: 0, failures: 1 }, 1])
  })

  test('a sweep that takes its time is slow, and one that is quick is not', async () => {
    const durations = [150, 250]
    const late = (ms: number): Promise<number> =>
      new Promise((resolve) => void started.clock.setTimer(() => resolve(0), ms))
    const started = world(() => late(durations.shift() ?? 0))
    started.sweeper.start()
    await started.clock.advance(301_000)
    assert.equal(started.slow.count, 0)
    await started.clock.advance(300_000)
    assert.equal(started.slow.count, 1)
  })
})

test('closed, it never sweeps again', async () => {
  const { clock, sweeper } = world()
  sweeper.start()
  sweeper.close()
  assert.equal(clock.pending(), 0)
})

test('closed while it sweeps, it plans no other sweep and complains of nothing', async () => {
  let fail = (_: Error): void => {}
  const { clock, sweeper, lines } = world(() => new Promise((_, reject) => (fail = reject)))
  sweeper.start()
  await clock.advance(300_000)
  sweeper.close()
  fail(new Error('closed'))
  await clock.advance(0)
  assert.deepEqual([clock.pending(), lines], [0, []])
})
