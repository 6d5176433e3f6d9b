import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sleep } from '../shared/clock.ts'
import { manualClock } from './manual-clock.ts'

test('time stands still until it is advanced, then both clocks move by the same', async () => {
  const clock = manualClock({ startAt: 1_000_000 })
  const monotonic = clock.monotonic()
  assert.equal(clock.wall(), 1_000_000)
  await clock.advance(250)
  assert.equal(clock.wall(), 1_000_250)
  assert.equal(clock.monotonic() - monotonic, 250)
})

test('timers run in order of their due time, each at its own time', async () => {
  const clock = manualClock({ startAt: 0 })
  const ran: [string, number][] = []
  for (const [name, ms] of [
    ['late', 30],
    ['early', 10],
    ['middle', 20],
  ] as const) {
    clock.setTimer(() => ran.push([name, clock.wall()]), ms)
  }
  await clock.advance(25)
  assert.deepEqual(ran, [
    ['early', 10],
    ['middle', 20],
  ])
  assert.equal(clock.pending(), 1)
})

test('of timers due at the same time the one set first runs first', async () => {
  const clock = manualClock()
  const ran: number[] = []
  for (const n of [1, 2, 3]) clock.setTimer(() => ran.push(n), 10)
  await clock.advance(10)
  assert.deepEqual(ran, [1, 2, 3])
})

test('a timer set by a timer runs in the same advance if it falls due', async () => {
  const clock = manualClock({ startAt: 0 })
  const ran: number[] = []
  const tick = (): void => {
    ran.push(clock.wall())
    clock.setTimer(tick, 10)
  }
  clock.setTimer(tick, 10)
  await clock.advance(35)
  assert.deepEqual(ran, [10, 20, 30])
})

test('what a timer started settles before the next timer runs', async () => {
  const clock = manualClock()
  const events: string[] = []
  clock.setTimer(() => {
    void (async () => {
      for (let i = 0; i < 20; i++) await Promise.resolve()
      await new Promise((resolve) => void setImmediate(resolve))
      events.push('first settled')
    })()
  }, 10)
  clock.setTimer(() => events.push('second'), 10)
  await clock.advance(10)
  assert.deepEqual(events, ['first settled', 'second'])
})

test('a cancelled timer never runs', async () => {
  const clock = manualClock()
  const timer = clock.setTimer(() => assert.fail('it ran'), 10)
  timer.cancel()
  assert.equal(clock.pending(), 0)
  await clock.advance(100)
})

test('stepping the wall clock moves neither the monotonic clock nor a timer', async () => {
  const clock = manualClock({ startAt: 1_000_000 })
  let ran = 0
  clock.setTimer(() => ran++, 1_000)
  const monotonic = clock.monotonic()
  clock.stepWall(3_600_000)
  assert.equal(clock.wall(), 4_600_000)
  assert.equal(clock.monotonic(), monotonic)
  clock.stepWall(-7_200_000)
  await clock.advance(999)
  assert.equal(ran, 0)
  await clock.advance(1)
  assert.equal(ran, 1)
})

test('advances that overlap run one after the other', async () => {
  const clock = manualClock({ startAt: 0 })
  const ran: number[] = []
  clock.setTimer(() => ran.push(clock.wall()), 15)
  await Promise.all([clock.advance(10), clock.advance(10)])
  assert.deepEqual(ran, [15])
  assert.equal(clock.wall(), 20)
})

test('an error of a timer rejects the advance, and time can go on', async () => {
  const clock = manualClock()
  clock.setTimer(() => {
    throw new Error('boom')
  }, 10)
  await assert.rejects(clock.advance(10), /boom/)
  await clock.advance(10)
})

test('sleep wakes when its time has come', async () => {
  const clock = manualClock()
  let awake = false
  void sleep(clock, 1_000).then(() => {
    awake = true
  })
  await clock.advance(999)
  assert.equal(awake, false)
  await clock.advance(1)
  assert.equal(awake, true)
})

test('time cannot be advanced backwards', () => {
  const clock = manualClock()
  assert.throws(() => clock.advance(-1), RangeError)
  assert.throws(() => clock.advance(Number.NaN), RangeError)
})

test('the clocks do not drift apart, however small the steps', async () => {
  const clock = manualClock({ startAt: 1_700_000_000_000 })
  for (let step = 0; step < 10; step++) await clock.advance(0.1)
  await clock.advance(1_000 - clock.monotonic())
  assert.equal(clock.wall(), 1_700_000_001_000)
})
