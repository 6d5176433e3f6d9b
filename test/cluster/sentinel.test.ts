import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { Redis } from 'ioredis'
import { createClient, createSentinel } from 'redis'
import type { NewEntry } from '../../src/cache/store.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { eventually } from '../support/eventually.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import { startServer } from '../support/servers/server.ts'
import type { TestServer } from '../support/servers/server.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'

for (const way of ['redis', 'ioredis'] as const) {
  describe(`Redis behind Sentinel, through a client of ${way}`, { skip: whyNotTested('redis', 'own') }, async () => {
    const servers: TestServer[] = []
    const start = async (...args: Parameters<typeof startServer>): Promise<TestServer> => {
      const server = await startServer(...args)
      servers.push(server)
      return server
    }
    after(() => Promise.all(servers.map((server) => server.stop())))

    test('a store follows the primary through a failover, and is another one then', async () => {
      const primary = await start('redis', { config: ['repl-diskless-sync-delay 0'] })
      await start('redis', { config: [`replicaof 127.0.0.1 ${primary.port}`] })
      await untilReplicated(primary)
      const sentinel = await start('redis', {
        sentinel: true,
        config: [
          `sentinel monitor main 127.0.0.1 ${primary.port} 1`,
          'sentinel down-after-milliseconds main 300',
          'sentinel failover-timeout main 2000',
        ],
      })
      const nowhere = { host: '127.0.0.1', port: 1 }
      const sentinels = [nowhere, { host: '127.0.0.1', port: sentinel.port }]
      const client =
        way === 'redis'
          ? createSentinel({ name: 'main', sentinelRootNodes: sentinels })
          : new Redis({ name: 'main', sentinels, lazyConnect: true })
      const store = redisStore({ client, logger: recordingLogger().logger })
      await store.init({ maxStalenessMs: 1_000 })
      await store.create(entry('a'))
      await untilSeen(sentinel)
      const before = await store.epochs([])
      await primary.kill()
      await eventually(
        () => store.create(entry('b')).catch(() => undefined),
        (reply) => reply !== undefined,
        { tries: 400 },
      )
      const later = await store.epochs(before.numbers)
      assert.notEqual(later.incarnation, before.incarnation)
      const { bumps } = await store.remove({ key: 'a' })
      assert.equal(bumps[0]?.incarnation, later.incarnation)
      await store.close()
    })
  })
}

/** Until the replica has all there is, so that it may take over. */
async function untilReplicated({ url }: TestServer): Promise<void> {
  await eventually(
    () => asked(url, ['INFO', 'replication']),
    (info) => /slave0:.*state=online/.test(info),
  )
}

/** Until the Sentinel knows of the replica. */
async function untilSeen({ url }: TestServer): Promise<void> {
  await eventually(
    () => asked(url, ['INFO', 'sentinel']),
    (info) => /slaves=1/.test(info),
    { tries: 1_000 },
  )
}

async function asked(url: string, command: string[]): Promise<string> {
  const client = createClient({ url })
  await client.connect()
  const reply = await client.sendCommand<string | number | string[]>(command)
  client.destroy()
  return String(reply)
}

function entry(key: string): NewEntry {
  return { key, value: Buffer.from('value'), lifetime: { idleMs: 3_600_000 } }
}
