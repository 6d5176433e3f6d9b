import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryStore } from '../../stores/memory.ts'
import { manualClock, type ManualClock } from '../../testing/manual-clock.ts'
import { recordingLogger, type LogLine } from '../../../test/support/recording-logger.ts'
import { evenRandomness } from '../../../test/support/tiers.ts'
import type { Store } from '../store.ts'
import { Sweeper } from './sweeper.ts'

interface World {
  clock: ManualClock
  sweeper: Sweeper
  /** When each sweep began, in seconds, and its limit. */
  sweeps: [number, number][]
  lines: LogLine[]
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
  const sweeper = new Sweeper(store, { clock, randomness: { ...evenRandomness, fraction: () => fraction }, logger })
  return { clock, sweeper, sweeps, lines }
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
