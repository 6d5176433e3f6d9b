import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StoreUnavailableError } from '../../shared/errors.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import type { ManualClock } from '../../testing/manual-clock.ts'
import { SqlRetries } from './retries.ts'

const limitMs = 1_000
const locked = new Error('locked')
const isLocked = (error: unknown): boolean => error === locked

function retriesOn(clock: ManualClock): SqlRetries {
  return new SqlRetries(clock, 'others held the lock')
}

/** Fails until it was made `times` times, as a driver that answers at once and as one that promises. */
const attempts: [how: string, attempt: (made: () => string) => string | Promise<string>][] = [
  ['synchronous', (made) => made()],
  ['asynchronous', async (made) => made()],
]

for (const [how, attempt] of attempts) {
  test(`an attempt that works is made once, in this turn, and sets no timer: ${how}`, async () => {
    const clock = manualClock()
    let count = 0
    const outcome = retriesOn(clock).run(limitMs, () => attempt(() => `done ${++count}`), isLocked)
    assert.equal(count, 1)
    assert.equal(await outcome, 'done 1')
    assert.equal(clock.pending(), 0)
  })

  test(`an obstructed attempt is made again from a timer until it works: ${how}`, async () => {
    const clock = manualClock()
    let count = 0
    const made = (): string => {
      if (++count < 4) throw locked
      return 'done'
    }
    const outcome = retriesOn(clock).run(limitMs, () => attempt(made), isLocked)
    assert.equal(count, 1)
    await clock.advance(500)
    assert.equal(await outcome, 'done')
    assert.equal(count, 4)
    assert.equal(clock.pending(), 0)
  })

  test(`another error is not tried again: ${how}`, async () => {
    let count = 0
    const made = (): never => {
      count++
      throw new Error('broken')
    }
    await assert.rejects(
      retriesOn(manualClock()).run(limitMs, () => attempt(made), isLocked),
      /broken/,
    )
    assert.equal(count, 1)
  })
}

function alwaysLocked(): never {
  throw locked
}

test('when time is over it is unavailable, with what was in the way as its message and its cause', async () => {
  const clock = manualClock()
  const rejected = assert.rejects(retriesOn(clock).run(limitMs, alwaysLocked, isLocked), (error) => {
    assert.ok(error instanceof StoreUnavailableError)
    assert.equal(error.message, 'others held the lock for 1000 ms')
    assert.equal(error.cause, locked)
    return true
  })
  await clock.advance(1_001)
  await rejected
  assert.equal(clock.pending(), 0)
})

test('it does not give up early, and no pause takes it past its limit', async () => {
  const clock = manualClock()
  let endedAt: number | undefined
  const outcome = retriesOn(clock).run(limitMs, alwaysLocked, isLocked)
  outcome.catch(() => (endedAt = clock.monotonic()))
  const startedAt = clock.monotonic()
  while (endedAt === undefined) await clock.advance(1)
  assert.ok(endedAt - startedAt >= 999 && endedAt - startedAt <= 1_001, `it ended after ${endedAt - startedAt} ms`)
})

test('pauses grow from about a millisecond to at most 48', async () => {
  const clock = manualClock()
  const madeAt: number[] = []
  const outcome = retriesOn(clock).run(
    limitMs,
    () => {
      madeAt.push(clock.monotonic())
      if (madeAt.length === 12) return 'done'
      throw locked
    },
    isLocked,
  )
  for (let step = 0; step < 10_000 && madeAt.length < 12; step++) await clock.advance(0.1)
  await outcome
  const pauses = madeAt.slice(1).map((at, i) => at - (madeAt[i] ?? 0))
  assert.ok(Number(pauses[0]) >= 0.5 && Number(pauses[0]) < 1.7, pauses.join())
  for (const pause of pauses.slice(6)) assert.ok(pause >= 16 && pause < 48.2, pauses.join())
})

test('each attempt is told what is left of the time', async () => {
  const clock = manualClock()
  const startedAt = clock.monotonic()
  const told: number[] = []
  const outcome = retriesOn(clock).run(
    limitMs,
    (leftMs) => {
      assert.equal(leftMs, 1_000 - (clock.monotonic() - startedAt))
      told.push(leftMs)
      if (told.length < 3) throw locked
    },
    isLocked,
  )
  await clock.advance(300)
  await outcome
  assert.equal(told[0], 1_000)
  assert.ok(Number(told[1]) < 1_000 && Number(told[2]) < Number(told[1]), told.join())
})

test('an attempt that took all the time is not made again', async () => {
  const clock = manualClock()
  let count = 0
  const outcome = retriesOn(clock).run(
    limitMs,
    async () => {
      count++
      await clock.advance(1_000)
      throw locked
    },
    isLocked,
  )
  await assert.rejects(outcome, StoreUnavailableError)
  assert.equal(count, 1)
})

test('an attempt that worked counts however long it took', async () => {
  const clock = manualClock()
  const outcome = retriesOn(clock).run(
    limitMs,
    async () => {
      await clock.advance(5_000)
      return 'late'
    },
    isLocked,
  )
  assert.equal(await outcome, 'late')
})

test('wake ends every pause at once and leaves no timer', async () => {
  const clock = manualClock()
  const retries = retriesOn(clock)
  let isClosed = false
  const attempt = (): never => {
    throw isClosed ? new Error('closed') : locked
  }
  const outcomes = [retries.run(limitMs, attempt, isLocked), retries.run(limitMs, attempt, isLocked)]
  const rejected = outcomes.map((outcome) => assert.rejects(outcome, /closed/))
  // The first attempts have failed by now, and their pauses have begun.
  await clock.advance(0)
  assert.equal(clock.pending(), 2)
  isClosed = true
  retries.wake()
  await Promise.all(rejected)
  assert.equal(clock.pending(), 0)
})
