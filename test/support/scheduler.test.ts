import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Scheduler } from './scheduler.ts'
import type { Machine } from './scheduler.ts'

/** Two tasks that each count to three with pauses; the order in which they did. */
async function interleaving(seed: number): Promise<string> {
  const scheduler = new Scheduler(seed)
  const steps: string[] = []
  const task = async (name: string): Promise<void> => {
    for (let step = 1; step <= 3; step++) {
      await scheduler.sleep(scheduler.random.between(0, 10))
      steps.push(`${name}${step}`)
    }
  }
  await scheduler.run(Promise.all([task('a'), task('b')]))
  return steps.join(' ')
}

function started(): { scheduler: Scheduler; machine: Machine } {
  const scheduler = new Scheduler(1)
  return { scheduler, machine: scheduler.machine('A') }
}

describe('the scheduler', () => {
  it('gives the same run for the same seed', async () => {
    assert.equal(await interleaving(7), await interleaving(7))
  })

  it('reaches every interleaving of two tasks', async () => {
    const seen = new Set<string>()
    for (let seed = 0; seed < 1_000; seed++) seen.add(await interleaving(seed))
    // Six steps, three of them the first task's: 6 over 3.
    assert.equal(seen.size, 20)
  })

  it('says so when nothing is left that could happen', async () => {
    await assert.rejects(started().scheduler.run(new Promise(() => {})), /stuck/)
  })

  it('says so when there is no end', async () => {
    const { scheduler } = started()
    const again = (): void => void scheduler.schedule(1, again)
    again()
    await assert.rejects(scheduler.run(new Promise(() => {})), /endless/)
  })

  it('lets nothing happen on a machine that was killed', async () => {
    const { scheduler, machine } = started()
    let happened = 0
    for (let i = 1; i <= 5; i++) machine.setTimer(() => void happened++, i)
    machine.after(2, 'kill')
    await scheduler.run(scheduler.sleep(100))
    assert.equal(happened, 2)
    assert.ok(machine.isDead)
  })

  it('lets what fell due on a stopped machine happen when it goes on', async () => {
    const { scheduler, machine } = started()
    const happened: number[] = []
    for (let i = 1; i <= 3; i++) machine.setTimer(() => void happened.push(scheduler.now()), i)
    machine.stop(50)
    await scheduler.run(scheduler.sleep(100))
    assert.deepEqual(happened, [50, 50, 50])
  })

  it('runs no timer that was cancelled, also while its machine was stopped', async () => {
    const { scheduler, machine } = started()
    let happened = false
    const timer = machine.setTimer(() => void (happened = true), 10)
    machine.stop(50)
    scheduler.schedule(20, () => timer.cancel())
    await scheduler.run(scheduler.sleep(100))
    assert.equal(happened, false)
  })

  it('shows a sleep on the wall clock alone, and a stop on both', async () => {
    const { scheduler, machine } = started()
    const passed = async (begin: (ms: number) => void): Promise<{ wall: number; monotonic: number }> => {
      const before = { wall: machine.wall(), monotonic: machine.monotonic() }
      begin(60)
      await scheduler.run(scheduler.sleep(0, machine))
      return { wall: machine.wall() - before.wall, monotonic: Math.round(machine.monotonic() - before.monotonic) }
    }
    assert.deepEqual(await passed((ms) => machine.stop(ms)), { wall: 60, monotonic: 60 })
    assert.deepEqual(await passed((ms) => machine.suspend(ms)), { wall: 60, monotonic: 0 })
  })
})
