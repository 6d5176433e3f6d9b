import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { ChildProcess } from 'node:child_process'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The demo as `npm start` runs it once everything is built. */
export interface DemoProcess {
  process: ChildProcess
  a: string
  b: string
  provider: string
  /** All it printed so far. */
  output(): string
  /** Its exit code, once it is over. */
  exitCode: Promise<number | null>
  /** What Ctrl-C in a terminal does: a signal to every process of the demo. Does nothing if it is over. */
  interrupt(): void
}

/** Starts the demo on three free ports and resolves when it says that all three answer. */
export async function startDemo(environment: { STORE?: string } = {}): Promise<DemoProcess> {
  const port = await freePorts()
  const demo = runDemo({ PORT: String(port), ...environment })
  const ready = new Promise<true>((resolve) =>
    demo.process.stdout!.on('data', () => demo.output().includes('Ctrl-C') && resolve(true)),
  )
  const up = await Promise.race([ready, demo.exitCode])
  if (up !== true) throw new Error(`the demo did not start:\n${demo.output()}`)
  const [a, b, provider] = [0, 1, 2].map((i) => `http://localhost:${port + i}`) as [string, string, string]
  return { ...demo, a, b, provider }
}

/** Runs the demo with these variables in its environment, whatever comes of it. */
export function runDemo(environment: {
  PORT: string
  STORE?: string
}): Pick<DemoProcess, 'process' | 'output' | 'exitCode' | 'interrupt'> {
  const env = { ...process.env, NO_COLOR: '1', STORE: '', ...environment }
  const demo = spawn(process.execPath, ['demo/start.ts'], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own, as a terminal gives it.
    detached: true,
  })
  let output = ''
  for (const stream of [demo.stdout, demo.stderr]) stream.on('data', (text) => (output += text))
  const exitCode = once(demo, 'close').then(([code]) => code as number | null)
  return {
    process: demo,
    output: () => output,
    exitCode,
    interrupt: () => void (demo.exitCode === null && demo.signalCode === null && process.kill(-demo.pid!, 'SIGINT')),
  }
}

/** Whether any process of the demo's group is left. */
export function anyProcessLeft({ process: { pid } }: Pick<DemoProcess, 'process'>): boolean {
  try {
    return process.kill(-pid!, 0)
  } catch {
    return false
  }
}

/** The first of three neighbouring ports nobody listens on. */
export async function freePorts(): Promise<number> {
  for (;;) {
    const first = 20_000 + Math.floor(Math.random() * 12_000)
    const free = await Promise.all([0, 1, 2].map((i) => isFree(first + i)))
    if (free.every(Boolean)) return first
  }
}

function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
