import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { after, describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { kinds } from '../support/servers/kinds.ts'
import type { ServerKind } from '../support/servers/kinds.ts'
import { processesIn } from '../support/servers/processes.ts'
import { startServer } from '../support/servers/server.ts'
import type { TestServer } from '../support/servers/server.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'
import { rowsOf } from './rows.ts'
import type { Rows } from './rows.ts'

/** Lines that show: the server's own default is another, and Redis keeps nothing without. */
const config = {
  postgres: { lines: ['max_connections = 7'], name: 'max_connections', value: '7' },
  mysql: { lines: ['max_connections = 17'], name: 'max_connections', value: '17' },
  redis: { lines: ['appendonly yes'], name: 'appendonly', value: 'yes' },
}

for (const kind of Object.keys(kinds) as ServerKind[]) {
  describe(`${kind}, started for a test`, { skip: whyNotTested(kind, 'own') }, async () => {
    const { lines, name, value } = config[kinds[kind].family]
    const server = await startServer(kind, { config: lines })
    after(() => server.stop())
    const connect = async (t: TestContext): Promise<Rows> => {
      const rows = await rowsOf(kind, server.url)
      t.after(() => rows.close())
      return rows
    }

    it('answers where its url says, below our own user, with the given lines as the last word', async (t) => {
      const rows = await connect(t)
      assert.equal(await rows.setting(name), value)
      const { hostname, port } = new URL(server.url)
      assert.deepEqual([hostname, Number(port)], [server.host, server.port])
      assert.ok(processesIn(server.dataDir).includes(server.pid))
      assert.ok(processesIn(server.dataDir).every((pid) => ownerOf(pid) !== 0))
      assert.match(await server.log(), /ready/i)
    })

    it('holds every process when suspended, and then goes on', async (t) => {
      const rows = await connect(t)
      await server.suspend()
      assert.deepEqual(new Set(processesIn(server.dataDir).map(stateOf)), new Set(['T']))
      const order: string[] = []
      const answered = rows.all().then(() => order.push('answered'))
      await pause(20)
      order.push('resumed')
      await server.resume()
      await answered
      assert.deepEqual(order, ['resumed', 'answered'])
    })

    it('is gone with every process when killed, and has what it acknowledged when restarted', async (t) => {
      const before = await connect(t)
      await before.put('acknowledged')
      const { pid, port } = server
      await server.kill()
      assert.deepEqual(processesIn(server.dataDir), [])
      assert.throws(() => server.pid, /does not run/)
      await assert.rejects(before.all())
      await server.restart()
      assert.notEqual(server.pid, pid)
      assert.equal(server.port, port)
      assert.ok((await (await connect(t)).all()).includes('acknowledged'))
    })

    it('is killed while suspended', async () => {
      await server.suspend()
      await server.kill()
      assert.deepEqual(processesIn(server.dataDir), [])
      await server.restart()
    })

    it('that was suspended goes on to end in good order', async () => {
      await server.suspend()
      await server.kill('SIGTERM')
      assert.deepEqual(processesIn(server.dataDir), [])
      await server.restart()
    })

    it('is shut down properly by a restart', async (t) => {
      await (await connect(t)).put('kept')
      const before = (await server.log()).length
      const { pid } = server
      await server.restart()
      assert.notEqual(server.pid, pid)
      assert.doesNotMatch((await server.log()).slice(before), /crash|recover|not properly|interrupted/i)
      assert.ok((await (await connect(t)).all()).includes('kept'))
    })

    it('leaves nothing when stopped, and may be stopped again', async () => {
      await server.stop()
      assert.deepEqual(processesIn(server.dataDir), [])
      assert.equal(existsSync(dirname(server.dataDir)), false)
      await server.stop()
    })
  })
}

describe('a server that does not start', { skip: whyNotTested('redis', 'own') }, () => {
  it('throws with what it logged, and leaves nothing', async () => {
    await assert.rejects(startServer('redis', { config: ['no-such-line'] }), /no-such-line/)
  })

  it('whose port was asked for and is taken throws', async (t) => {
    const server = await start(t)
    await assert.rejects(startServer('redis', { port: server.port }), /address already in use/i)
  })
})

describe('Redis as Sentinel', { skip: whyNotTested('redis', 'own') }, () => {
  it('watches the primary it is told of', async (t) => {
    const primary = await start(t)
    const sentinel = await start(t, {
      sentinel: true,
      config: [`sentinel monitor main 127.0.0.1 ${primary.port} 1`],
    })
    assert.match(await sentinel.log(), new RegExp(`monitor master main 127.0.0.1 ${primary.port}`))
  })
})

async function start(t: TestContext, options: Parameters<typeof startServer>[1] = {}): Promise<TestServer> {
  const server = await startServer('redis', options)
  t.after(() => server.stop())
  return server
}

function stateOf(pid: number): string {
  return statusOf(pid, 'State')
}

function ownerOf(pid: number): number {
  return Number(statusOf(pid, 'Uid'))
}

function statusOf(pid: number, name: string): string {
  return new RegExp(`^${name}:\\s+(\\S+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]!
}
