import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { listProcesses } from './processes.ts'
import { serverUser } from './server-user.ts'

/** Sees to it that nothing is left of a server. */
export interface Guard {
  /** Ends every process that works in the directory's `data`, removes the directory, and resolves when that is done. */
  end(): Promise<void>
}

/*
 * Its standard input ends when the test process does, however that ends. The shared memory that PostgreSQL leaves when
 * it is killed is named in the seventh line of its file, key first.
 */
const script = `
trap '' INT TERM HUP
cat > /dev/null
list() { ${listProcesses}; }
kill_all() {
  ids=$(list "$1/data")
  [ -n "$ids" ] && kill -KILL $ids 2> /dev/null
}
while kill_all "$1"; do sleep 0.01; done
memory=$(sed -n '7s/^ *[0-9]* *//p' "$1/data/postmaster.pid" 2> /dev/null)
[ -n "$memory" ] && ipcrm -m $memory
rm -rf "$1"
kill_all "$1"
[ ! -e "$1" ] || rm -rf "$1"
`

export function guard(directory: string): Guard {
  // In a session of its own: Ctrl-C is for the tests.
  const child = spawn('sh', ['-c', script, 'sh', directory], {
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
    detached: true,
    ...serverUser,
  })
  const exited = once(child, 'exit')
  child.stdin.on('error', () => {})
  child.unref()
  ;(child.stdin as unknown as { unref(): void }).unref()
  return {
    async end() {
      child.ref()
      child.stdin.end()
      await exited
    },
  }
}
