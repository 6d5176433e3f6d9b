import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StoreUnavailableError } from '../shared/errors.ts'
import { manualClock } from '../testing/manual-clock.ts'
import { LockRetries } from './_lock-retries.ts'

const locked = new Error('locked')
const isLocked = (error: unknown): boolean => error === locked

test('an attempt that works is made once, at once', async () => {
  const clock = manualClock()
  let attempts = 0
  assert.equal(await new LockRetries(clock, 1_000).run(() => ++attempts, isLocked), 1)
  assert.equal(clock.pending(), 0)
})

test('a locked attempt is made again from a timer until it works', async () => {
  const clock = manualClock()
  let attempts = 0
  const attempt = (): string => {
    if (++attempts < 4) throw locked
    return 'done'
  }
  const outcome = new LockRetries(clock, 1_000).run(attempt, isLocked)
  assert.equal(attempts, 1)
  await clock.advance(500)
  assert.equal(await outcome, 'done')
  assert.equal(attempts, 4)
})

test('after the time allowed it is unavailable, with the lock as the cause', async () => {
  const clock = manualClock()
  const outcome = new LockRetries(clock, 1_000).run(() => {
    throw locked
  }, isLocked)
  const rejected = assert.rejects(outcome, (error) => {
    assert.ok(error instanceof StoreUnavailableError)
    assert.equal(error.cause, locked)
    return true
  })
  await clock.advance(999)
  assert.equal(clock.pending(), 1)
  await clock.advance(60)
  await rejected
  assert.equal(clock.pending(), 0)
})

test('another error is not tried again', async () => {
  let attempts = 0
  const attempt = (): never => {
    attempts++
    throw new Error('broken')
  }
  await assert.rejects(new LockRetries(manualClock(), 1_000).run(attempt, isLocked), /broken/)
  assert.equal(attempts, 1)
})

test('wake ends a pause at once and leaves no timer', async () => {
  const clock = manualClock()
  const retries = new LockRetries(clock, 1_000)
  let isClosed = false
  const attempt = (): never => {
    throw isClosed ? new Error('closed') : locked
  }
  const outcome = retries.run(attempt, isLocked)
  isClosed = true
  retries.wake()
  await assert.rejects(outcome, /closed/)
  assert.equal(clock.pending(), 0)
})
