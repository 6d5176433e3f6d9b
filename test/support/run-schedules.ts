/** One run of something, decided by its seed. */
export interface Run {
  /** What happened in it. */
  seen: ReadonlySet<string>
  /** What broke, if anything did. */
  failure: string | undefined
  /** What the seed decided, in one line. */
  describe(): string
}

/** `trace` is called with a line for everything that happens. */
export type RunOnce = (seed: number, trace?: (line: string) => void) => Promise<Run>

export interface Verdict {
  /** What happened in the first run that broke, and its seed. */
  failure?: string
  /** How many runs there were. */
  runs: number
  /** What happened in one run or another. */
  seen: ReadonlySet<string>
}

/** Rejections nobody took care of: a server would have gone down with the first. */
const unhandled: unknown[] = []

/** What is printed of a run that failed: its end tells most. */
const maxTraced = 150

/** Runs once for every seed, until it breaks; with `expected`, until it breaks like that. */
export async function runSchedules(seeds: readonly number[], runOnce: RunOnce, expected?: RegExp): Promise<Verdict> {
  process.on('unhandledRejection', (error) => unhandled.push(error))
  const seen = new Set<string>()
  let runs = 0
  for (const seed of seeds) {
    const run = await guarded(runOnce, seed)
    runs++
    for (const event of run.seen) seen.add(event)
    if (run.failure === undefined) continue
    if (expected === undefined) return { failure: await explained(runOnce, seed, run.failure), runs, seen }
    if (expected.test(run.failure)) return { failure: run.failure, runs, seen }
  }
  return { runs, seen }
}

async function guarded(runOnce: RunOnce, seed: number, trace?: (line: string) => void): Promise<Run> {
  const run = await runOnce(seed, trace)
  // A turn of the event loop: a promise that was rejected and left alone is reported at its end.
  await new Promise((resolve) => void setImmediate(resolve))
  const [error] = unhandled.splice(0)
  if (run.failure !== undefined || error === undefined) return run
  return { ...run, failure: String((error as Error).stack) }
}

/** The same run again, this time told line by line. */
async function explained(runOnce: RunOnce, seed: number, failure: string): Promise<string> {
  const lines: string[] = []
  const again = await guarded(runOnce, seed, (line) => lines.push(line))
  if (firstLine(again.failure) !== firstLine(failure))
    lines.push('and then it ended otherwise: something beside the seed decides')
  const told = lines.slice(-maxTraced).join('\n')
  return `SEED=${seed} (${again.describe()})\n${failure}\n\n${told}\n\n${failure}`
}

function firstLine(text: string | undefined): string | undefined {
  return text?.split('\n', 1)[0]
}
