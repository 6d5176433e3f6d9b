import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** Bytes of heap in use, rubbish aside. The process must have been started with `--expose-gc`. */
export function usedHeap(): number {
  if (globalThis.gc === undefined) throw new Error('this process was started without --expose-gc')
  // What finalizers and weak tables let go of in one round leaves in the next.
  for (let round = 0; round < 2; round++) globalThis.gc()
  return process.memoryUsage().heapUsed
}

/** Runs a program that measures its own heap, in a process where nothing else is, and returns what it printed as JSON. */
export async function measureAlone(program: URL, ...args: string[]): Promise<unknown> {
  const flags = ['--no-warnings', '--expose-gc']
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, fileURLToPath(program), ...args])
  return JSON.parse(stdout)
}
