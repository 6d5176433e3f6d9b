import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { createCluster } from 'redis'
import type { NewEntry, Store } from '../../src/cache/store.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { ClusterKeys } from '../../src/stores/redis/cluster-keys.ts'
import { eventually } from '../support/eventually.ts'
import { asked, startCluster } from '../support/redis-cluster.ts'
import { silentLogger as logger } from '../support/silent-logger.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'

const hour = 3_600_000

describe('lists of a Redis Cluster', { skip: whyNotTested('redis', 'own') }, async () => {
  const servers = await startCluster()
  const client = createCluster({ rootNodes: servers.map(({ url }) => ({ url })) })
  await client.connect()
  const opened: Store[] = []
  after(async () => {
    for (const store of opened) await store.close()
    client.destroy()
    await Promise.all(servers.map((server) => server.stop()))
  })
  const open = async (name: string) => {
    const keyPrefix = `${name}:`
    const store = redisStore({ client, keyPrefix, logger, operationTimeoutMs: 2_000 })
    opened.push(store)
    await store.init({ maxStalenessMs: 1_000 })
    return { store, list: new ClusterKeys(keyPrefix).list('subject', 'bot').key }
  }
  /** Puts names without an entry on a list, as of then. */
  const fill = async (list: string, count: number, since: number): Promise<void> => {
    const members = Array.from({ length: count }, (_, i) => ({ score: since, value: `nobody-${String(i).padEnd(50)}` }))
    await client.zAdd(list, members)
  }
  const createMany = async (store: Store, count: number): Promise<void> => {
    for (let from = 0; from < count; from += 500) {
      const some = Array.from({ length: Math.min(500, count - from) }, (_, i) => entry(from + i))
      await Promise.all(some.map((each) => store.create(each)))
    }
  }

  test('a sign-in costs as much however many there are of that user', async () => {
    const { store, list } = await open('long')
    await fill(list, 10_000, Date.now())
    const before = await bytesSent()
    await createMany(store, 64)
    await store.ping()
    // Whatever is done in the background is asked for by now, on the same connections.
    const perSignIn = ((await bytesSent()) - before) / 64
    assert.ok(perSignIn < 2_000, `${perSignIn} bytes`)
  })

  test('a list forgets who has gone when others come, but nobody who may be on the way', async () => {
    const { store, list } = await open('tidy')
    await fill(list, 300, 1)
    await client.zAdd(list, { score: Date.now(), value: 'on the way' })
    await eventually(
      async () => {
        await store.create(entry(0))
        await createMany(store, 64)
        await store.remove({ index: 'subject', values: ['bot'] })
        return client.zRange(list, 0, -1)
      },
      (names) => !names.some((name) => name.startsWith('nobody')),
    )
    assert.notEqual(await client.zScore(list, 'on the way'), null)
  })

  test('everybody under a user is signed out in time, however many there are, and each is told of', async () => {
    const { store, list } = await open('many')
    const count = 20_000
    await createMany(store, count)
    const { removed, bumps } = await store.remove({ index: 'subject', values: ['bot'] })
    assert.equal(removed, count)
    assert.equal(new Set(bumps.flatMap(({ keys }) => keys)).size, count)
    assert.equal(await client.zCard(list), 0)
    assert.equal((await store.list({ index: 'subject', values: ['bot'] })).entries.length, 0)
  })

  test('a value that is too large leaves nothing on the lists', async () => {
    const { store, list } = await open('large')
    await assert.rejects(store.create({ ...entry(0), value: new Uint8Array(2 ** 29) }), {
      code: 'ERR_STORE_VALUE_TOO_LARGE',
    })
    assert.equal(await client.exists(list), 0)
  })

  test('a session in use gets back on a list that was evicted', async () => {
    const { store, list } = await open('evicted')
    await store.create(entry(0))
    await client.del(list)
    await store.extend(keyOf(0), 9 * hour)
    assert.equal((await store.remove({ index: 'subject', values: ['bot'] })).removed, 1)
  })

  async function bytesSent(): Promise<number> {
    const infos = await Promise.all(servers.map((server) => asked(server, ['INFO', 'stats'])))
    return infos.reduce((sum, info) => sum + Number(/total_net_output_bytes:(\d+)/.exec(info)?.[1]), 0)
  }
})

function keyOf(i: number): string {
  return `session:${String(i).padStart(43, 'k')}`
}

function entry(i: number): NewEntry {
  const indexes = { subject: 'bot', sid: `sid${i}` }
  return { key: keyOf(i), value: Buffer.alloc(300, 1), lifetime: { idleMs: hour }, indexes }
}
