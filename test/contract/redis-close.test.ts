import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster, createSentinel } from 'redis'
import { redisStore } from '../../src/stores/redis.ts'
import type { RedisStoreOptions } from '../../src/stores/redis.ts'
import { eventually } from '../support/eventually.ts'
import { asked, startCluster } from '../support/redis-cluster.ts'
import { isRedis5 } from '../support/redis-driver.ts'
import { silentLogger as logger } from '../support/silent-logger.ts'
import { startServer } from '../support/servers/server.ts'
import type { TestServer } from '../support/servers/server.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'

type Ways = Record<string, () => RedisStoreOptions>

/** Each of them is another moment of a connection's making. */
const turns = Array.from({ length: 12 }, (_, i) => i)

describe('close leaves no connection open: Redis', { skip: whyNotTested('redis', 'own') }, async () => {
  const server = await startServer('redis')
  const sentinel = await startServer('redis', {
    sentinel: true,
    config: [`sentinel monitor main 127.0.0.1 ${server.port} 1`],
  })
  after(async () => {
    await sentinel.stop()
    await server.stop()
  })
  const sentinels = [{ host: '127.0.0.1', port: sentinel.port }]
  const ways: Ways = {
    'a URL': () => ({ url: server.url }),
    'a client of redis': () => ({ client: createClient({ url: server.url }) }),
    'a client of ioredis': () => ({ client: new Redis(server.url, { lazyConnect: true }) }),
    'a Sentinel client of ioredis': () => ({ client: new Redis({ name: 'main', sentinels, lazyConnect: true }) }),
  }
  testWays(ways, [server, sentinel])

  const skip = isRedis5 && 'Sentinel clients of redis 5 cannot be copied'
  describe('Sentinel clients of redis', { skip }, () => {
    const options = { name: 'main', sentinelRootNodes: sentinels }
    testWays({ 'a Sentinel client of redis': () => ({ client: createSentinel(options) }) }, [server, sentinel])
  })

  test('not even to a server that does not answer', async () => {
    const store = redisStore({ url: server.url, logger, operationTimeoutMs: 50 })
    await server.suspend()
    await assert.rejects(store.ping(), { code: 'ERR_STORE_UNAVAILABLE' })
    await store.close()
    await server.resume()
    await assertNoneLeft([server])
  })
})

describe('close leaves no connection open: Redis Cluster', { skip: whyNotTested('redis', 'own') }, async () => {
  const servers = await startCluster()
  after(() => Promise.all(servers.map((server) => server.stop())))
  const ways: Ways = {
    'a cluster client of redis': () => ({
      client: createCluster({ rootNodes: servers.map(({ url }) => ({ url })) }),
    }),
    'a cluster client of ioredis': () => ({
      client: new Cluster(
        servers.map(({ port }) => port),
        { lazyConnect: true },
      ),
    }),
  }
  testWays(ways, servers)
})

function testWays(ways: Ways, servers: readonly TestServer[]): void {
  for (const [name, way] of Object.entries(ways)) {
    test(`whichever is being made, through ${name}`, async () => {
      for (const count of turns) {
        const store = redisStore({ ...way(), keyPrefix: 'closing:', logger })
        const asking = Promise.allSettled([store.ping(), store.epochs([])])
        store.subscribe?.(() => {})
        for (let i = 0; i < count; i++) await turn()
        await store.close()
        await asking
      }
      await assertNoneLeft(servers)
    })

    test(`after use, through ${name}`, async () => {
      const store = redisStore({ ...way(), keyPrefix: 'closing:', logger })
      await store.init({ maxStalenessMs: 1_000 })
      await store.epochs([])
      await store.close()
      await assertNoneLeft(servers)
    })
  }
}

/** But that of whoever asks, and those that servers and Sentinels have among themselves. */
async function assertNoneLeft(servers: readonly TestServer[]): Promise<void> {
  for (const server of servers) {
    await eventually(
      async () => {
        const clients = (await asked(server, ['CLIENT', 'LIST', 'TYPE', 'normal'])).trim().split('\n')
        const listening = (await asked(server, ['CLIENT', 'LIST', 'TYPE', 'pubsub'])).trim().split('\n')
        return [...clients, ...listening].filter((line) => line !== '' && !/name=sentinel-|cmd=client/.test(line))
      },
      (lines) => lines.length === 0,
    )
  }
}
