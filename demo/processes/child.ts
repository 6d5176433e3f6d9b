import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** What a child tells the process that started it. */
type Report =
  /** It serves requests. */
  | { kind: 'ready'; url: string }
  | { kind: 'failed'; reason: string }
  /** Somebody asked this child to end: all of the demo does. */
  | { kind: 'asked-to-end' }

/** What a child has once it serves requests. */
export interface Serving {
  url: string
  close(): Promise<void>
}

export interface Child {
  /** The URL it serves. Stays pending if it never gets there: then `ended` tells why. */
  ready: Promise<string>
  /** Why it is over, in a sentence; `undefined` if somebody asked for the end. */
  ended: Promise<string | undefined>
  /** Lets go of it, and ends it by force if it doesn't close in time. */
  stop(): Promise<void>
}

const settingsVariable = 'SALLYPORT_DEMO'
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** Everything is over within a second of Ctrl-C, also when a child hangs. */
const patienceMs = 700

/** Starts `file`, which calls `runChild`, as a process that can't outlive this one. */
export function startChild(name: string, file: URL, settings: object): Child {
  const child = fork(fileURLToPath(file), [], {
    // The settings carry secrets: a command line is everybody's to read, an environment only its owner's.
    env: { ...process.env, [settingsVariable]: JSON.stringify(settings) },
    // node:sqlite calls itself experimental.
    execArgv: ['--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const exited = once(child, 'exit')
  const ready = Promise.withResolvers<string>()
  const ended = Promise.withResolvers<string | undefined>()
  child.on('message', (message: Report) => {
    if (message.kind === 'ready') ready.resolve(message.url)
    if (message.kind === 'failed') ended.resolve(`${name}: ${message.reason}`)
    if (message.kind === 'asked-to-end') ended.resolve(undefined)
  })
  child.once('exit', (code, signal) => ended.resolve(obituary(name, code, signal)))

  return {
    ready: ready.promise,
    ended: ended.promise,
    async stop() {
      if (child.connected) child.disconnect()
      const force = setTimeout(() => child.kill('SIGKILL'), patienceMs)
      await exited
      clearTimeout(force)
    },
  }
}

/** The whole life of a child process: it serves until its parent lets go of it, for whatever reason. */
export async function runChild<Settings>(serve: (settings: Settings) => Promise<Serving>): Promise<void> {
  const settings = process.env[settingsVariable]
  if (settings === undefined || !process.connected) throw new Error('this is a part of the demo: run npm start')

  let close = async (): Promise<void> => {}
  process.once('disconnect', () => void close().finally(() => process.exit()))
  // A terminal signals every process of the demo at once. Only the parent decides, so that the order is always the same.
  for (const signal of signals) process.on(signal, () => void report({ kind: 'asked-to-end' }))

  try {
    const serving = await serve(JSON.parse(settings) as Settings)
    close = serving.close
    await report({ kind: 'ready', url: serving.url })
  } catch (error) {
    await report({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) })
    process.exit(1)
  }
}

/** Resolves when the parent has it, or is not there any more. */
function report(message: Report): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected) return resolve()
    process.send!(message, undefined, undefined, () => resolve())
  })
}

function obituary(name: string, code: number | null, signal: NodeJS.Signals | null): string | undefined {
  // Signalled before it listened for signals.
  if (signals.some((one) => one === signal)) return undefined
  return `${name} ended unexpectedly (${signal ?? `exit code ${code}`})`
}
