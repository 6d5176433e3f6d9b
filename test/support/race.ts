import { explorationsOf } from './exploration.ts'
import type { Plan } from './plan.ts'
import type { Run } from './run-schedules.ts'
import { Scheduler } from './scheduler.ts'
import { Simulation } from './simulation.ts'

/** Enough for races that have few orders. */
const schedules = 1_000

export type Scenario = (sim: Simulation) => Promise<void>

export interface RaceOptions {
  /** What some schedule at least must have seen (`sim.saw`), or the race was none. */
  sees?: readonly string[]
  /** What is the same in every schedule; the seed decides the rest. */
  plan?: Partial<Plan>
}

export type Race = (name: string, options: RaceOptions, scenario: Scenario) => void

/** For the races of one test file: each runs its scenario under many schedules. */
export function racesOf(fileUrl: string): Race {
  const explore = explorationsOf(fileUrl)
  return (name, { sees = [], plan = {} }, scenario) => {
    explore(name, { schedules, sees, runOnce: (seed, trace) => runRace({ seed, plan, scenario, trace }) })
  }
}

interface RaceRun {
  seed: number
  plan: Partial<Plan>
  scenario: Scenario
  trace: ((line: string) => void) | undefined
}

async function runRace({ seed, plan, scenario, trace }: RaceRun): Promise<Run> {
  const scheduler = new Scheduler(seed)
  scheduler.tell(trace)
  const sim = await Simulation.start(scheduler, plan)
  let error: Error | undefined
  try {
    await scheduler.run(scenario(sim))
  } catch (thrown) {
    error = thrown as Error
  }
  const { push, cache } = sim.plan
  return {
    seen: sim.seen,
    failure: sim.history.violations.length > 0 ? sim.history.violations.join('\n') : error?.stack,
    describe: () => `push: ${push}, cache: ${JSON.stringify(cache)}`,
  }
}
