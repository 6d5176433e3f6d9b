import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { median } from './median.ts'

/** Does something so many times. Throws if any of them did not turn out as it should. */
export type Run = (times: number) => void | Promise<void>

/** What a contender can be asked to do, by what it is called in the report. */
export interface Operations {
  /** Again and again without a pause. */
  hot: Record<string, Run>
  /** Once every 2 ms, as on a server that is nearly idle. */
  idle?: Record<string, () => unknown>
  /** Called before each measurement: other contenders had their turn, and nobody asked this one for a while. */
  wake?(): Promise<unknown>
}

/** A module that exports these as `contenders`. */
export type Contenders = Readonly<Record<string, () => Promise<Operations>>>

/** What `contender.ts` is told. */
export interface Task {
  operation: string
  ms: number
}

export interface Rules {
  /** How often every contender is started. */
  starts: number
  /** Before the first round: until the compiler has seen enough. */
  warmUpMs: number
  rounds: number
  roundMs: number
}

/**
 * Nanoseconds, by operation. Each contender runs in processes of its own, so that none spoils the compiler's view of
 * another; their rounds alternate, so that the machine's mood meets them all; and each is started several times, for
 * the places that memory happens to get make a process fast or slow for all its life.
 */
export async function contest(
  module: URL,
  names: readonly string[],
  { starts, warmUpMs, rounds, roundMs }: Rules,
): Promise<Map<string, number>> {
  const samples = new Map<string, number[]>()
  for (let start = 0; start < starts; start++) {
    const racing = await Promise.all(names.map((name) => enter(module, name)))
    for (let round = 0; round <= rounds; round++) {
      for (const { child, operations } of racing) {
        for (const operation of operations) {
          const nanoseconds = (await ask(child, { operation, ms: round === 0 ? warmUpMs : roundMs })) as number
          if (round > 0) samples.set(operation, [...(samples.get(operation) ?? []), nanoseconds])
        }
      }
    }
    for (const { child } of racing) child.kill()
  }
  return new Map([...samples].map(([operation, measured]) => [operation, median(measured)]))
}

async function enter(module: URL, name: string): Promise<{ child: ChildProcess; operations: string[] }> {
  const child = fork(fileURLToPath(new URL('contender.ts', import.meta.url)), [module.href, name], {
    execArgv: ['--no-warnings'],
  })
  return { child, operations: (await answerOf(child)) as string[] }
}

async function ask(child: ChildProcess, task: Task): Promise<unknown> {
  child.send(task)
  return answerOf(child)
}

async function answerOf(child: ChildProcess): Promise<unknown> {
  const ended = new AbortController()
  const exit = once(child, 'exit', ended).then(() => {
    throw new Error('a contender gave up')
  })
  exit.catch(() => {})
  try {
    const [answer] = (await Promise.race([once(child, 'message', ended), exit])) as [unknown]
    return answer
  } finally {
    ended.abort()
  }
}
