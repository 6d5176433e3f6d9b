import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** What a program prints. Throws with the last line of its complaints if it fails. */
export async function outputOf(program: string, args: readonly string[], cwd?: string): Promise<string> {
  try {
    const env = { ...process.env, LC_ALL: 'C' }
    return (await run(program, args, { env, maxBuffer: 64 * 1024 * 1024, ...(cwd === undefined ? {} : { cwd }) }))
      .stdout
  } catch (error) {
    const { stderr, code } = error as { stderr?: string; code?: number | string }
    const complaint = stderr
      ?.trim()
      .split('\n')
      .findLast((line) => !line.startsWith('W:'))
    throw new Error(`${program}: ${complaint || code}`, { cause: error })
  }
}
