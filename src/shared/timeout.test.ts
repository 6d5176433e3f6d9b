import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '../testing/manual-clock.ts'
import { withTimeout } from './timeout.ts'

const late = (): Error => new Error('too late')
const never = new Promise<never>(() => {})

test('work that ends in time answers, and leaves no timer behind', async () => {
  const clock = manualClock()
  assert.equal(await withTimeout(clock, 100, Promise.resolve('done'), late), 'done')
  await clock.advance(0)
  assert.equal(clock.pending(), 0)
})

test('work that fails in time fails with its own error, and leaves no timer behind', async () => {
  const clock = manualClock()
  await assert.rejects(withTimeout(clock, 100, Promise.reject(new Error('broken')), late), /broken/)
  await clock.advance(0)
  assert.equal(clock.pending(), 0)
})

test('work that hangs fails when the time is over and not before', async () => {
  const clock = manualClock()
  let failure: unknown
  withTimeout(clock, 100, never, late).catch((error: unknown) => (failure = error))
  await clock.advance(99)
  assert.equal(failure, undefined)
  await clock.advance(1)
  assert.match(String(failure), /too late/)
})

test('work that fails after the time is over is nobody’s unhandled rejection', async (t) => {
  const unhandled = t.mock.fn()
  process.once('unhandledRejection', unhandled)
  t.after(() => void process.removeListener('unhandledRejection', unhandled))
  const clock = manualClock()
  let fail = (_: Error): void => {}
  const work = new Promise<never>((_, reject) => (fail = reject))
  const outcome = assert.rejects(withTimeout(clock, 100, work, late), /too late/)
  await clock.advance(100)
  await outcome
  fail(new Error('broken'))
  await clock.advance(0)
  assert.equal(unhandled.mock.callCount(), 0)
})
