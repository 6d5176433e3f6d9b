import assert from 'node:assert/strict'
import { Scheduler } from './scheduler.ts'
import { Simulation } from './simulation.ts'
import type { Plan } from './plan.ts'

export type Scenario = (sim: Simulation) => Promise<void>

export interface Schedules {
  seeds: readonly number[]
  plan: Partial<Plan>
  scenario: Scenario
}

export interface Verdict {
  /** What happened in the first run that broke, and its seed. */
  failure?: string
  /** What happened in one run or another. */
  seen: ReadonlySet<string>
}

/** Rejections nobody took care of: a server would have gone down with the first. */
const unhandled: unknown[] = []

/** What is printed of a run that failed: its end tells most. */
const maxTraced = 150

/** Runs the scenario once for every seed, until it breaks. */
export async function runSchedules({ seeds, plan, scenario }: Schedules): Promise<Verdict> {
  process.on('unhandledRejection', (error) => unhandled.push(error))
  const seen = new Set<string>()
  for (const seed of seeds) {
    const { sim, failure } = await runOnce({ seed, plan, scenario })
    if (failure !== undefined) return { failure: await explained({ seed, plan, scenario, failure }), seen }
    for (const event of sim.seen) seen.add(event)
  }
  return { seen }
}

interface Run {
  seed: number
  plan: Partial<Plan>
  scenario: Scenario
  trace?: (line: string) => void
}

async function runOnce({
  seed,
  plan,
  scenario,
  trace,
}: Run): Promise<{ sim: Simulation; failure: string | undefined }> {
  const scheduler = new Scheduler(seed)
  scheduler.trace = trace && ((line) => trace(`${scheduler.now().toFixed(1).padStart(9)}  ${line}`))
  const sim = await Simulation.start(scheduler, plan)
  try {
    await scheduler.run(scenario(sim))
    // A turn of the event loop: a promise that was rejected and left alone is reported at its end.
    await new Promise((resolve) => void setImmediate(resolve))
    assert.equal(sim.history.violations.join('\n'), '')
    for (const error of unhandled.splice(0)) throw error
    return { sim, failure: undefined }
  } catch (error) {
    const broken = sim.history.violations.join('\n')
    return { sim, failure: broken === '' ? String((error as Error).stack) : broken }
  }
}

/** The same run again, this time told line by line. */
async function explained({ failure, ...run }: Run & { failure: string }): Promise<string> {
  const lines: string[] = []
  const again = await runOnce({ ...run, trace: (line) => lines.push(line) })
  if (firstLine(again.failure) !== firstLine(failure))
    lines.push('and then it ended otherwise: something beside the seed decides')
  const { push, cache } = again.sim.plan
  const told = lines.slice(-maxTraced).join('\n')
  return `SEED=${run.seed} (push: ${push}, cache: ${JSON.stringify(cache)})\n${failure}\n\n${told}\n\n${failure}`
}

function firstLine(text: string | undefined): string | undefined {
  return text?.split('\n', 1)[0]
}
