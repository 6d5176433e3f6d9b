import assert from 'node:assert/strict'
import { once } from 'node:events'
import { relative } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { runSchedules } from './run-schedules.ts'
import type { RunOnce, Verdict } from './run-schedules.ts'

/** `SEED=17` runs that schedule alone; `SCHEDULES=1000000` runs so many. */
const { SEED, SCHEDULES } = process.env

export interface Exploration {
  /** How many schedules are run. */
  schedules: number
  runOnce: RunOnce
  /** What some schedule at least must have seen, or it was not tested. */
  sees?: readonly string[]
  /** What must break in some schedule, for what is run does not keep the promise. */
  breaks?: RegExp
}

export type Explore = (name: string, exploration: Exploration) => void

/**
 * For the explorations of one test file. Each is a test that runs under many schedules, every one decided by its seed,
 * and fails with the seed of the first that broke.
 *
 * The file is loaded once more in a worker, which does the running: the test runner watches every promise of its own
 * thread, and that takes as long again.
 */
export function explorationsOf(fileUrl: string): Explore {
  return (name, { schedules, runOnce, sees = [], breaks }) => {
    const seeds = SEED === undefined ? upTo(Number(SCHEDULES ?? schedules)) : [Number(SEED)]
    if (!isMainThread) {
      if (workerData !== name) return
      void runSchedules(seeds, runOnce, breaks).then((verdict) => parentPort!.postMessage(verdict))
      return
    }
    test(name, async (t) => {
      const { failure, runs, seen } = await inWorker(fileUrl, name)
      const file = relative(process.cwd(), fileURLToPath(fileUrl))
      if (breaks !== undefined) {
        assert.ok(failure !== undefined, `nothing broke like ${breaks} in ${runs} schedules`)
        t.diagnostic(
          `broken, as it must be, in schedule ${runs}: ${failure.split('\n').find((line) => breaks.test(line))}`,
        )
        return
      }
      t.diagnostic(`${runs} schedules, seeds ${seeds[0]} to ${seeds.at(-1)}`)
      const [seed] = /^SEED=\d+/.exec(failure ?? '') ?? []
      if (failure !== undefined) throw new Error(`${seed} npm test -- ${file} --name '${name}'\n${failure}`)
      const missing = SEED === undefined ? sees.filter((event) => !seen.has(event)) : []
      assert.equal(missing.join(', '), '', 'never happened in any schedule')
    })
  }
}

async function inWorker(fileUrl: string, name: string): Promise<Verdict> {
  // Nearly all that is made in a run is garbage at its end: the more of it fits in, the less has to be moved.
  const worker = new Worker(new URL(fileUrl), { workerData: name, resourceLimits: { maxYoungGenerationSizeMb: 64 } })
  const [verdict] = (await once(worker, 'message')) as [Verdict]
  return verdict
}

function upTo(howMany: number): number[] {
  return Array.from({ length: howMany }, (_, i) => i + 1)
}
