import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { runSchedules } from './run-schedules.ts'
import type { Scenario, Verdict } from './run-schedules.ts'
import type { Plan } from './plan.ts'

/** `SEED=17` runs that schedule alone; `SCHEDULES=100000` runs more of them. */
const { SEED, SCHEDULES = '1000' } = process.env
const seeds = SEED === undefined ? Array.from({ length: Number(SCHEDULES) }, (_, i) => i + 1) : [Number(SEED)]

export interface RaceOptions {
  /** What some schedule at least must have seen (`sim.saw`), or the race was none. */
  sees?: readonly string[]
  /** What is the same in every schedule; the seed decides the rest. */
  plan?: Partial<Plan>
}

export type Race = (name: string, options: RaceOptions, scenario: Scenario) => void

/**
 * For the races of one test file. Each is a test that runs its scenario under many schedules, every one decided by its
 * seed, and fails with the seed of the first that broke.
 *
 * The file is loaded once more in a worker, which does the running: the test runner watches every promise of its own
 * thread, and that takes as long again.
 */
export function racesOf(fileUrl: string): Race {
  return (name, { sees = [], plan = {} }, scenario) => {
    if (!isMainThread) {
      if (workerData === name)
        void runSchedules({ seeds, plan, scenario }).then((verdict) => parentPort!.postMessage(verdict))
      return
    }
    test(name, async (t) => {
      const [{ failure, seen }] = (await once(new Worker(new URL(fileUrl), { workerData: name }), 'message')) as [
        Verdict,
      ]
      t.diagnostic(`${seeds.length} schedules, seeds ${seeds[0]} to ${seeds.at(-1)}`)
      if (failure !== undefined) throw new Error(failure)
      const missing = SEED === undefined ? sees.filter((event) => !seen.has(event)) : []
      assert.equal(missing.join(', '), '', 'never happened in any schedule')
    })
  }
}
