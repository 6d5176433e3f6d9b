import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { serverUser } from './server-user.ts'

/** A line for `sh` that prints the processes that work in `$1`, also if that was removed. */
export const listProcesses = 'find /proc/[0-9]*/cwd -maxdepth 0 -lname "$1*" 2> /dev/null | cut -d / -f 3'

/**
 * The processes that work in a directory. PostgreSQL puts each of its processes in a group of its own, and those whose
 * parent was killed have another one: the directory is what they keep.
 */
export function processesIn(directory: string): number[] {
  const places = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((id) => ({ pid: Number(id), place: workingDirectory(id) }))
  // Root in a container may not look into the processes of others.
  if (serverUser !== undefined && places.some(({ place }) => place === 'hidden')) return askAsServer(directory)
  return places.filter(({ place }) => place === directory).map(({ pid }) => pid)
}

function workingDirectory(id: string): string | undefined {
  try {
    return readlinkSync(`/proc/${id}/cwd`)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES' ? 'hidden' : undefined
  }
}

function askAsServer(directory: string): number[] {
  const { stdout } = spawnSync('sh', ['-c', listProcesses, 'sh', directory], { encoding: 'utf8', ...serverUser })
  return stdout.split('\n').filter(Boolean).map(Number)
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

function isHeld(pid: number): boolean {
  try {
    // The name of the program, in brackets, may contain anything.
    return / T /.test(readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\)/s, '').slice(0, 3))
  } catch {
    return true
  }
}
