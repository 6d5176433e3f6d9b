import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { manualClock } from '../testing/manual-clock.ts'
import { now, sleep, systemClock } from './clock.ts'

test('an instant is read from both clocks', async () => {
  const clock = manualClock({ startAt: 1_000 })
  await clock.advance(5)
  clock.stepWall(100)
  assert.deepEqual(now(clock), { monotonic: clock.monotonic(), wall: 1_105 })
})

test('a sleep ends when its time has come and not before', async () => {
  const clock = manualClock()
  let isAwake = false
  void sleep(clock, 50).then(() => (isAwake = true))
  await clock.advance(49)
  assert.equal(isAwake, false)
  await clock.advance(1)
  assert.equal(isAwake, true)
})

test('the monotonic clock of the system never goes back', () => {
  const readings = Array.from({ length: 1_000 }, () => systemClock.monotonic())
  assert.deepEqual(
    readings,
    [...readings].sort((a, b) => a - b),
  )
})

test('a timer of the system runs once', async () => {
  let runs = 0
  await new Promise<void>((resolve) => {
    systemClock.setTimer(() => runs++, 1)
    setTimeout(resolve, 20)
  })
  assert.equal(runs, 1)
})

test('a cancelled timer of the system never runs', async () => {
  systemClock.setTimer(() => assert.fail('it ran'), 1).cancel()
  await new Promise((resolve) => setTimeout(resolve, 20))
})

test('a timer of the system does not keep the process alive', async () => {
  const clockFile = fileURLToPath(new URL('clock.ts', import.meta.url))
  const script = `
    const { systemClock } = await import(${JSON.stringify(clockFile)})
    systemClock.setTimer(() => console.log('it ran'), 3_600_000)`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script])
  assert.equal(stdout, '')
})

test('a timer of the system for longer than Node can wait does not run at once', async () => {
  const timers = [2 ** 31, Infinity].map((afterMs) =>
    systemClock.setTimer(() => assert.fail(`${afterMs} ran`), afterMs),
  )
  await new Promise((resolve) => setTimeout(resolve, 20))
  for (const timer of timers) timer.cancel()
})
