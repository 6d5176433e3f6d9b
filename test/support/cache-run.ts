import { inspect } from 'node:util'
import { anyCachePlan } from './cache-plan.ts'
import type { CachePlan } from './cache-plan.ts'
import { CacheSimulation } from './cache-simulation.ts'
import type { TroubleName } from './cache-troubles.ts'
import { CacheWorkload } from './cache-workload.ts'
import type { Run, RunOnce } from './run-schedules.ts'
import { Scheduler } from './scheduler.ts'

export interface CacheRunOptions {
  /** What may go wrong. */
  troubles: readonly TroubleName[]
  /** What is the same in every run; the seed decides the rest. */
  plan?: Partial<CachePlan>
}

/** Runs of several real caches that share a simulated store. */
export function cacheRuns({ troubles, plan: fixed = {} }: CacheRunOptions): RunOnce {
  return async (seed, trace) => {
    // Errors are answers here, and thousands are thrown: nobody looks where.
    Error.stackTraceLimit = trace === undefined ? 0 : 10
    const scheduler = new Scheduler(seed)
    scheduler.tell(trace)
    const plan = { ...anyCachePlan(scheduler.random, troubles), ...fixed }
    const sim = new CacheSimulation(scheduler, plan)
    try {
      await scheduler.run(new CacheWorkload(sim).run())
    } catch (error) {
      sim.history.violations.push(String((error as Error).stack))
    }
    return verdictOf(sim)
  }
}

function verdictOf({ seen, instances, history, timeline, plan }: CacheSimulation): Run {
  const broken = [...history.violations, ...timeline.problems]
  return {
    seen: new Set([...seen, ...instances.flatMap((instance) => instance.events())]),
    failure: broken.length > 0 ? broken.join('\n') : undefined,
    describe: () => inspect(plan, { breakLength: Infinity }),
  }
}
