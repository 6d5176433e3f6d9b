// One contender in a process of its own, started by contest.ts: node bench/contender.ts <module> <name>
import { setImmediate, setTimeout } from 'node:timers/promises'
import type { Contenders, Run, Task } from './contest.ts'
import { median } from './median.ts'

const pauseMs = 2
/** Long enough for the clock, short enough that most pass without an interruption: other processes, a collection. */
const batchMs = 0.5

const [module = '', name = ''] = process.argv.slice(2)
const { contenders } = (await import(module)) as { contenders: Contenders }
const { hot, idle = {}, wake } = await contenders[name]!()
const batches = new Map<Run, number>()

process.on('message', (task: Task) => {
  measure(task).then(
    (nanoseconds) => process.send!(nanoseconds),
    (error: unknown) => {
      console.error(task.operation, error)
      process.exit(1)
    },
  )
})
process.send!([...Object.keys(hot), ...Object.keys(idle)])

async function measure({ operation, ms }: Task): Promise<number> {
  await wake?.()
  await setImmediate()
  const run = hot[operation]
  return run === undefined ? measureIdle(idle[operation]!, ms) : measureHot(run, ms)
}

/** Nanoseconds for each, by the middle one of many batches. */
async function measureHot(run: Run, ms: number): Promise<number> {
  const times = batches.get(run) ?? (await timesFor(run))
  const samples: number[] = []
  for (let spentMs = 0; spentMs < ms;) {
    const startedAt = performance.now()
    await run(times)
    const tookMs = performance.now() - startedAt
    samples.push((tookMs / times) * 1e6)
    spentMs += tookMs
    await setImmediate()
  }
  return median(samples)
}

/** How many of them take about as long as a batch should. */
async function timesFor(run: Run): Promise<number> {
  let times = 1
  for (let tookMs = 0; tookMs < batchMs; times *= 2) {
    const startedAt = performance.now()
    await run(times)
    tookMs = performance.now() - startedAt
    await setImmediate()
  }
  batches.set(run, times)
  return times
}

/** The middle one in nanoseconds, one reading of the clock included. */
async function measureIdle(once: () => unknown, ms: number): Promise<number> {
  const samples: number[] = []
  for (let spentMs = 0; spentMs < 8 * ms; spentMs += pauseMs) {
    await setTimeout(pauseMs)
    performance.now()
    const startedAt = performance.now()
    const found = once()
    const took = performance.now() - startedAt
    if (found === undefined) throw new Error('what was asked for was not there')
    samples.push(took * 1e6)
  }
  return median(samples)
}
