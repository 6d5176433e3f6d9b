import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recordingLogger } from '../../test/support/recording-logger.ts'
import { manualClock, type ManualClock } from '../testing/manual-clock.ts'
import { OutageLog } from './outage-log.ts'

interface World {
  clock: ManualClock
  outage: OutageLog
  /** What was said so far, and at which second. */
  said(): [string, number][]
}

function world(): World {
  const clock = manualClock()
  const { logger, lines } = recordingLogger()
  const saidAt: number[] = []
  const timed = {
    ...logger,
    warn: (fields: object, message: string) => (saidAt.push(clock.monotonic() / 1_000), logger.warn(fields, message)),
    info: (fields: object, message: string) => (saidAt.push(clock.monotonic() / 1_000), logger.info(fields, message)),
  }
  const outage = new OutageLog({ clock, logger: timed }, { store: 'x' }, { failed: 'it fails', recovered: 'it works' })
  return { clock, outage, said: () => lines.map(({ message }, i) => [message, saidAt[i]!]) }
}

test('an outage is said when it begins and when it is over, each once', async () => {
  const { clock, outage, said } = world()
  for (let second = 0; second < 30; second++) {
    outage.failed(new Error('refused'))
    await clock.advance(1_000)
  }
  for (let i = 0; i < 3; i++) outage.recovered()
  assert.deepEqual(said(), [
    ['it fails', 0],
    ['it works', 30],
  ])
})

test('what flaps is said once in ten seconds', async () => {
  const { clock, outage, said } = world()
  for (let second = 0; second < 25; second++) {
    outage.failed(new Error('refused'))
    await clock.advance(500)
    outage.recovered()
    await clock.advance(500)
  }
  assert.deepEqual(said(), [
    ['it fails', 0],
    ['it works', 0.5],
    ['it fails', 10],
    ['it works', 10.5],
    ['it fails', 20],
    ['it works', 20.5],
  ])
})

test('an outage that begins soon after another is said if it lasts', async () => {
  const { clock, outage, said } = world()
  outage.failed(new Error('refused'))
  outage.recovered()
  for (let second = 0; second < 30; second++) {
    await clock.advance(1_000)
    outage.failed(new Error('refused'))
  }
  outage.recovered()
  assert.deepEqual(said().slice(2), [
    ['it fails', 10],
    ['it works', 30],
  ])
})

test('that nothing failed is nothing to say', () => {
  const { outage, said } = world()
  outage.recovered()
  assert.deepEqual(said(), [])
})
