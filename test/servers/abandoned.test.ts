import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { startNode } from '../support/child-process.ts'
import { eventually } from '../support/eventually.ts'
import { processesIn } from '../support/servers/processes.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'

const serverModule = new URL('../support/servers/server.ts', import.meta.url).href

/** How a test process ends, and what its server does then. */
const endings: Record<string, { code?: string; kill?: true }> = {
  'is killed': { kill: true, code: 'await new Promise(() => setInterval(() => {}, 1000))' },
  'is killed while the server is suspended': {
    kill: true,
    code: 'await server.suspend(); console.log("held"); await new Promise(() => setInterval(() => {}, 1000))',
  },
  'exits at once': { code: 'process.exit(1)' },
  throws: { code: 'throw new Error("unexpected")' },
  'forgets to stop it': {},
  'has killed the main process only': { code: 'process.kill(server.pid, "SIGKILL")' },
}

for (const kind of ['postgres', 'mariadb', 'redis'] as const) {
  describe(`${kind} without the test process that started it`, { skip: whyNotTested(kind, 'own') }, () => {
    for (const [name, { code = '', kill }] of Object.entries(endings)) {
      it(`is gone, with its directory, when that process ${name}`, async () => {
        const child = startNode(`
          import { startServer } from '${serverModule}'
          const server = await startServer('${kind}')
          console.log(server.dataDir)
          ${code}
        `)
        const dataDir = await child.line()
        if (code.includes('held')) await child.line()
        if (kill) child.kill()
        await child.ended
        await eventually(
          () => [processesIn(dataDir).length, existsSync(dirname(dataDir))],
          ([processes, directory]) => processes === 0 && !directory,
        )
      })
    }
  })
}

describe('the shared memory of a PostgreSQL', { skip: whyNotTested('postgres', 'own') }, () => {
  it('is freed when the test process is killed', async () => {
    const child = startNode(`
      import { startServer } from '${serverModule}'
      const server = await startServer('postgres')
      console.log(server.dataDir)
      await new Promise(() => setInterval(() => {}, 1000))
    `)
    const dataDir = await child.line()
    const segment = /^ *\d+ +(\d+)$/m.exec(readFileSync(join(dataDir, 'postmaster.pid'), 'utf8'))![1]!
    assert.ok(segments().includes(segment))
    child.kill()
    await child.ended
    await eventually(segments, (left) => !left.includes(segment))
  })
})

/** The identifiers of all System V shared memory. */
function segments(): string[] {
  const lines = readFileSync('/proc/sysvipc/shm', 'utf8').trim().split('\n').slice(1)
  return lines.map((line) => line.trim().split(/\s+/)[1]!)
}
