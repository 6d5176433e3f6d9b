import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * The processes that work in a directory. PostgreSQL puts each of its processes in a group of its own, and those whose
 * parent was killed have another one: the directory is what they keep.
 */
export function processesIn(directory: string): number[] {
  const ids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return ids.filter((id) => worksIn(id, directory)).map(Number)
}

export function sendSignal(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

/** Resolves when no process works in `directory`. `again` is called before each look. */
export async function whenGone(directory: string, again: () => void = () => {}): Promise<void> {
  for (again(); processesIn(directory).length > 0; again()) await sleep(5)
}

/** Resolves when every process in `directory` has stopped: a signal arrives a little later than it is sent. */
export async function whenHeld(directory: string): Promise<void> {
  while (!processesIn(directory).every(isHeld)) await sleep(1)
}

function worksIn(id: string, directory: string): boolean {
  try {
    return readlinkSync(`/proc/${id}/cwd`) === directory
  } catch {
    return false
  }
}

function isHeld(pid: number): boolean {
  try {
    // The name of the program, in brackets, may contain anything.
    return / T /.test(readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\)/s, '').slice(0, 3))
  } catch {
    return true
  }
}
