import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** A Node process of its own that runs a piece of code and talks in lines. */
export interface ChildProcess {
  /** The next line it prints; rejects if it ends first. */
  line(): Promise<string>
  /** Sends it a line. */
  say(line: string): void
  /** Its exit code and what it printed on standard error. */
  ended: Promise<{ code: number | null; stderr: string }>
  kill(): void
}

/** Starts `code`, an ES module; `through` is a shell command to run it by, e.g. one that sets a limit first. */
export function startNode(code: string, through = 'exec "$0" "$@"'): ChildProcess {
  const args = ['-c', through, process.execPath, '--no-warnings', '--input-type=module', '--eval', code]
  const child = spawn('sh', args, { stdio: ['pipe', 'pipe', 'pipe'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk))
  child.stdin.on('error', () => {})
  return {
    async line() {
      const { value, done } = await lines.next()
      if (done) throw new Error(`the process ended without the line that was expected: ${stderr}`)
      return value
    },
    say: (line) => void child.stdin.write(`${line}\n`),
    ended: new Promise((resolve) => void child.on('close', (exitCode) => resolve({ code: exitCode, stderr }))),
    kill: () => void child.kill('SIGKILL'),
  }
}
