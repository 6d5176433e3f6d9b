import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { realpathSync } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { guard } from './guard.ts'
import { processesIn, sendSignal, whenGone, whenHeld } from './processes.ts'
import { serverUser } from './server-user.ts'
import type { ChildProcess } from 'node:child_process'
import type { Command } from './programs.ts'
import type { Guard } from './guard.ts'

/** How a server is started, and what it logs when it answers. */
export interface StartPlan {
  command: Command
  args: readonly string[]
  ready: RegExp
  /** The signal that ends it in good order. */
  shutDown: 'SIGTERM' | 'SIGINT'
}

const readyWithinMs = 60_000

/** The processes of one server that works below `directory`, in `data`. */
export class ServerProcess {
  readonly logFile: string
  readonly #dataDir: string
  readonly #env: Record<string, string>
  readonly #guard: Guard
  #plan: StartPlan | undefined
  #main: ChildProcess | undefined

  constructor(directory: string, env: Record<string, string>) {
    // As the kernel tells it.
    const place = realpathSync(directory)
    this.#dataDir = join(place, 'data')
    this.#env = env
    this.logFile = join(directory, 'log')
    this.#guard = guard(place)
  }

  /** Of the main process. Throws if that does not run. */
  get pid(): number {
    const main = this.#main
    if (main?.pid === undefined || hasEnded(main)) throw new Error('the server does not run')
    return main.pid
  }

  /** Runs a program to its end as the server's user, in the data directory; its output goes to the log. */
  async run(command: Command, args: readonly string[], input?: string): Promise<void> {
    const child = await this.#spawn(command, args, input)
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
    if (code !== 0) throw new Error(`${command.at(-1)} ended with ${code ?? signal}:\n${await this.#logFrom(0)}`)
  }

  async start(plan: StartPlan): Promise<void> {
    this.#plan = plan
    const logged = Buffer.byteLength(await this.#logFrom(0))
    const main = await this.#spawn(plan.command, plan.args)
    this.#main = main
    const giveUpAt = performance.now() + readyWithinMs
    while (!plan.ready.test(await this.#logFrom(logged))) {
      if (hasEnded(main)) throw new Error(`the server ended:\n${await this.#logFrom(logged)}`)
      if (performance.now() > giveUpAt) throw new Error(`the server did not get ready:\n${await this.#logFrom(logged)}`)
      await sleep(5)
    }
    // It lives until it is stopped, or until its guard sees this process end.
    main.unref()
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM' | 'SIGINT' = 'SIGKILL'): Promise<void> {
    const ended = this.#mainEnded()
    if (signal === 'SIGKILL') {
      await whenGone(this.#dataDir, () => sendSignal(processesIn(this.#dataDir), 'SIGKILL'))
    } else {
      if (this.#isRunning()) sendSignal([this.pid], signal)
      await this.resume()
      await whenGone(this.#dataDir)
    }
    await ended
  }

  async suspend(): Promise<void> {
    // The main process first: it starts no others then.
    sendSignal([this.pid], 'SIGSTOP')
    sendSignal(processesIn(this.#dataDir), 'SIGSTOP')
    await whenHeld(this.#dataDir)
  }

  async resume(): Promise<void> {
    sendSignal(processesIn(this.#dataDir), 'SIGCONT')
  }

  async restart(): Promise<void> {
    if (this.#plan === undefined) throw new Error('the server was never started')
    await this.kill(this.#isRunning() ? this.#plan.shutDown : 'SIGKILL')
    await this.start(this.#plan)
  }

  async stop(): Promise<void> {
    const ended = this.#mainEnded()
    await this.#guard.end()
    await ended
  }

  #isRunning(): boolean {
    return this.#main !== undefined && !hasEnded(this.#main)
  }

  async #mainEnded(): Promise<void> {
    const main = this.#main
    if (main === undefined || hasEnded(main)) return
    main.ref()
    await once(main, 'exit')
  }

  async #spawn(command: Command, args: readonly string[], input?: string): Promise<ChildProcess> {
    const log = await open(this.logFile, 'a')
    try {
      const child = spawn(command[0], [...command.slice(1), ...args], {
        cwd: this.#dataDir,
        env: { ...process.env, LC_ALL: 'C', ...this.#env },
        stdio: [input === undefined ? 'ignore' : 'pipe', log.fd, log.fd],
        detached: true,
        ...serverUser,
      })
      await once(child, 'spawn')
      child.stdin?.on('error', () => {}).end(input)
      return child
    } finally {
      await log.close()
    }
  }

  /** What was logged after so many bytes. */
  async #logFrom(start: number): Promise<string> {
    const log = await readFile(this.logFile).catch(() => Buffer.alloc(0))
    return log.subarray(start).toString()
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null
}
