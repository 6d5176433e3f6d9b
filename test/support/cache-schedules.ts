import { once } from 'node:events'
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { anyCachePlan } from './cache-plan.ts'
import { CacheSimulation } from './cache-simulation.ts'
import type { TroubleName } from './cache-troubles.ts'
import { CacheWorkload } from './cache-workload.ts'
import { Scheduler } from './scheduler.ts'

export interface CacheSchedules {
  /** What may go wrong; the seed decides what does, and everything else. */
  troubles: readonly TroubleName[]
  /** Default `true`. */
  admitsLosses?: boolean
}

/** What one schedule broke, if anything, and what happened in it. */
export interface CacheVerdict {
  broken: readonly string[]
  seen: ReadonlySet<string>
}

/** Rejections nobody took care of: a server would have gone down with the first. */
const unhandled: unknown[] = []

/** What is printed of a run that failed: its end tells most. */
const maxTraced = 150

/** Runs the schedule of one seed. */
export async function runCacheSchedule(
  seed: number,
  { troubles, admitsLosses = true }: CacheSchedules,
  trace?: (line: string) => void,
): Promise<CacheVerdict> {
  if (process.listenerCount('unhandledRejection') === 0) process.on('unhandledRejection', (err) => unhandled.push(err))
  const scheduler = new Scheduler(seed)
  scheduler.trace = trace && ((line) => trace(`${scheduler.now().toFixed(1).padStart(9)}  ${line}`))
  const sim = new CacheSimulation(scheduler, { ...anyCachePlan(scheduler.random, troubles), admitsLosses })
  const broken: string[] = []
  try {
    await scheduler.run(new CacheWorkload(sim).run())
  } catch (error) {
    broken.push(String((error as Error).stack))
  }
  broken.push(...sim.history.violations, ...sim.timeline.problems, ...unhandled.splice(0).map(String))
  return { broken, seen: new Set([...sim.seen, ...sim.instances.flatMap((instance) => instance.events())]) }
}

interface Outcome {
  failure?: string
  seen: ReadonlySet<string>
  schedules: number
}

/** Runs the schedules of all seeds, until one breaks. */
async function runAll(seeds: readonly number[], schedules: CacheSchedules): Promise<Outcome> {
  const seen = new Set<string>()
  for (const seed of seeds) {
    const verdict = await runCacheSchedule(seed, schedules)
    if (verdict.broken.length > 0) return { failure: await explained(seed, schedules, verdict), seen, schedules: seed }
    for (const event of verdict.seen) seen.add(event)
    // A turn of the event loop now and then: a promise that was rejected and left alone is reported at its end.
    if (seed % 100 === 0) await new Promise((resolve) => void setImmediate(resolve))
  }
  return { seen, schedules: seeds.length }
}

/** The same schedule again, this time told line by line. */
async function explained(seed: number, schedules: CacheSchedules, { broken }: CacheVerdict): Promise<string> {
  const lines: string[] = []
  const again = await runCacheSchedule(seed, schedules, (line) => lines.push(line))
  if (again.broken[0] !== broken[0]) lines.push('and then it ended otherwise: something beside the seed decides')
  return [`SEED=${seed}`, ...broken, '', ...lines.slice(-maxTraced), '', ...broken].join('\n')
}

/** `SEED=17` runs that schedule alone; `SCHEDULES=1000000` runs so many. */
const { SEED, SCHEDULES } = process.env

/**
 * A test that runs so many schedules, and fails with the seed of the first that broke, or if something that it should
 * have seen never happened. The file is loaded once more in a worker, which does the running: the test runner watches
 * every promise of its own thread, and that takes as long again.
 */
export function cacheSchedules(
  fileUrl: string,
  name: string,
  options: CacheSchedules & { count: number; sees: readonly string[] },
): void {
  const count = Number(SCHEDULES ?? options.count)
  const seeds = SEED === undefined ? Array.from({ length: count }, (_, i) => i + 1) : [Number(SEED)]
  if (!isMainThread) {
    if (workerData === name) void runAll(seeds, options).then((outcome) => parentPort!.postMessage(outcome))
    return
  }
  test(name, async (t) => {
    const worker = new Worker(new URL(fileUrl), { workerData: name })
    const [{ failure, seen, schedules }] = (await once(worker, 'message')) as [Outcome]
    await worker.terminate()
    if (failure !== undefined) throw new Error(failure)
    t.diagnostic(`${schedules} schedules, seeds ${seeds[0]} to ${seeds.at(-1)}`)
    const missing = SEED === undefined ? options.sees.filter((event) => !seen.has(event)) : []
    assert.equal(missing.join(', '), '', 'never happened in any schedule')
  })
}
