import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { createCluster } from 'redis'
import { bucketOf } from '../../src/cache/bucket.ts'
import type { Store } from '../../src/cache/store.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { eventually } from '../support/eventually.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import { asked, clusterClients, moveSlotOf, startCluster } from '../support/redis-cluster.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'

const buckets = 16
const keyOf = Array.from({ length: buckets }, (_, bucket) => {
  for (let i = 0; ; i++) if (bucketOf(`key-${i}`, buckets) === bucket) return `key-${i}`
})

describe('what is announced in a Redis Cluster', { skip: whyNotTested('redis', 'own') }, async () => {
  const servers = await startCluster({ replicas: true })
  const opened: Store[] = []
  after(async () => {
    for (const store of opened) await store.close()
    await Promise.all(servers.map((server) => server.stop()))
  })

  const clients = clusterClients(servers)
  const open = async (driver: keyof typeof clients, keyPrefix: string): Promise<Store> => {
    const store = redisStore({ client: clients[driver](), keyPrefix, logger: recordingLogger().logger })
    opened.push(store)
    await store.init({ maxStalenessMs: 1_000 })
    return store
  }
  /** A store that speaks and the buckets that another one hears of. */
  const pair = async (driver: keyof typeof clients, keyPrefix: string) => {
    const [speaker, listener] = [await open('redis', keyPrefix), await open(driver, keyPrefix)]
    const heard: number[] = []
    listener.subscribe!(({ bucket }) => heard.push(bucket))
    return { speaker, heard }
  }

  for (const driver of ['redis', 'ioredis'] as const) {
    test(`every bucket of the three primaries reaches another instance, through ${driver}`, async () => {
      const { speaker, heard } = await pair(driver, `all-${driver}:`)
      await untilAllHeard(speaker, heard)
      const owners = await ownersOf(`all-${driver}:`)
      assert.deepEqual(
        owners.map((channels) => channels.length > 0),
        [true, true, true],
      )
      assert.equal(new Set(owners.flat()).size, buckets)
    })

    test(`a bucket is heard again after its slot has moved, through ${driver}`, async () => {
      const { speaker, heard } = await pair(driver, `moved-${driver}:`)
      await untilAllHeard(speaker, heard)
      for (const tag of ['3', '9']) await moveSlotOf(tag, servers.slice(0, 3))
      heard.length = 0
      await untilAllHeard(speaker, heard)
      assert.equal((await ownersOf(`moved-${driver}:`)).flat().length, buckets)
    })
  }

  test('nobody is told but the servers that hold the slot', async () => {
    const { speaker, heard } = await pair('redis', 'quiet:')
    await untilAllHeard(speaker, heard)
    const owners = await ownersOf('quiet:')
    const before = await Promise.all(servers.slice(0, 3).map(messagesReceived))
    const [channel] = owners[0]!
    const bucket = Number(/\{(\d+)\}/.exec(channel!)![1])
    heard.length = 0
    for (let i = 0; i < 20; i++) await speaker.remove({ key: keyOf[bucket]! })
    await eventually(
      () => heard.length,
      (count) => count === 20,
    )
    assert.deepEqual(await Promise.all(servers.slice(0, 3).map(messagesReceived)), before)
  })

  test('a user who may not use the channels of the buckets is warned of, once', async () => {
    const rights = ['~*', '+@all', 'resetchannels']
    for (const server of servers) await asked(server, ['ACL', 'SETUSER', 'silent', 'on', '>password', ...rights])
    const defaults = { username: 'silent', password: 'password' }
    const client = createCluster({ rootNodes: [{ url: servers[0]!.url }], defaults })
    const { logger, lines } = recordingLogger()
    const store = redisStore({ client, keyPrefix: 'silent:', logger })
    opened.push(store)
    await store.init({ maxStalenessMs: 1_000 })
    const warnings = lines.map(({ message }) => message).filter((message) => message.includes('polling only'))
    assert.equal(warnings.length, 1)
    assert.match(warnings.join(), /may not use the channels &silent:\{\*/)
  })

  for (const driver of ['redis', 'ioredis'] as const) {
    test(`buckets are heard again after a failover of their server, through ${driver}`, async () => {
      const { speaker, heard } = await pair(driver, `failover-${driver}:`)
      await untilAllHeard(speaker, heard)
      const [primary, replica] = driver === 'redis' ? [servers[1]!, servers[4]!] : [servers[2]!, servers[5]!]
      await asked(replica, ['CLUSTER', 'FAILOVER'])
      await eventually(
        async () => [await asked(primary, ['ROLE']), await asked(replica, ['ROLE'])].map((role) => role.split(',')[0]),
        ([old, next]) => old === 'slave' && next === 'master',
        { tries: 500 },
      )
      heard.length = 0
      await untilAllHeard(speaker, heard)
    })
  }

  test('buckets are heard again after the death of their server', async () => {
    const { speaker, heard } = await pair('redis', 'death:')
    await untilAllHeard(speaker, heard)
    await servers[0]!.kill()
    heard.length = 0
    await untilAllHeard(speaker, heard)
  })

  async function untilAllHeard(speaker: Store, heard: readonly number[]): Promise<void> {
    await eventually(
      () => Promise.all(keyOf.map((key) => speaker.remove({ key }).catch(() => undefined))),
      () => new Set(heard).size === buckets,
      { tries: 500 },
    )
  }

  /** The channels of a store that somebody listens to on each of the first three servers. */
  async function ownersOf(prefix: string): Promise<string[][]> {
    const lists = servers.slice(0, 3).map((server) => asked(server, ['PUBSUB', 'SHARDCHANNELS', `${prefix}*`]))
    return (await Promise.all(lists)).map((list) => (list === '' ? [] : list.split(',')))
  }
})

/** Messages on channels, of shards or not, that a server was sent by the others. */
async function messagesReceived(server: Parameters<typeof asked>[0]): Promise<string[]> {
  const info = await asked(server, ['CLUSTER', 'INFO'])
  return info.split('\r\n').filter((line) => /^cluster_stats_messages_publish(shard)?_received/.test(line))
}
