import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { createClient, createCluster } from 'redis'
import type { NewEntry, Store } from '../../src/cache/store.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import { asked, startCluster } from '../support/redis-cluster.ts'
import { startServer } from '../support/servers/server.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'

const hour = 3_600_000
const families = ['lru', 'lfu', 'random']
const evicting = [...families.flatMap((one) => [`allkeys-${one}`, `volatile-${one}`]), 'volatile-ttl']

for (const kind of ['redis', 'valkey'] as const) {
  describe(`${kind} that may evict`, { skip: whyNotTested(kind, 'own') }, async () => {
    const server = await startServer(kind)
    const admin = await createClient({ url: server.url }).connect()
    const opened: Store[] = []
    after(async () => {
      for (const store of opened) await store.close()
      admin.destroy()
      await server.stop()
    })
    const open = async (keyPrefix: string) => {
      const { logger, lines } = recordingLogger()
      const store = redisStore({ url: server.url, keyPrefix, logger })
      opened.push(store)
      await store.init({ maxStalenessMs: 1_000 })
      return { store, lines }
    }

    for (const policy of evicting) {
      test(`${policy} puts logout at risk, which is said once, and what to set`, async () => {
        await admin.configSet('maxmemory-policy', policy)
        const { store, lines } = await open(`${policy}:`)
        await store.init({ maxStalenessMs: 2_000 })
        assert.deepEqual(
          lines.map(({ level }) => level),
          ['warn'],
        )
        assert.match(lines[0]!.message, new RegExp(`is ${policy}: .*may miss some.*; set noeviction`))
      })
    }

    test('noeviction puts nothing at risk', async () => {
      await admin.configSet('maxmemory-policy', 'noeviction')
      assert.deepEqual((await open('noeviction:')).lines, [])
    })

    for (const [what, use] of [
      ['extended', (store: Store) => store.extend('a', 9 * hour)],
      [
        'replaced with another lifetime',
        (store: Store) =>
          store.replace('a', 1, {
            value: Buffer.of(2),
            bump: false,
            lifetime: { idleMs: 9 * hour, absoluteMs: 10 * hour },
          }),
      ],
      [
        'extended with others',
        (store: Store) =>
          store.writeMany!([
            { operation: 'extend', key: 'b', idleMs: 9 * hour },
            { operation: 'extend', key: 'a', idleMs: 9 * hour },
          ]),
      ],
    ] as const) {
      test(`a session is found by user again after its list was evicted, when it is ${what}`, async () => {
        const prefix = `${what}:`.replaceAll(' ', '-')
        const { store } = await open(prefix)
        await store.create(entry('a'))
        await admin.del([`${prefix}list:subject:alice`, `${prefix}list:sid:s1`])
        await use(store)
        const { entries } = await store.list({ index: 'sid', values: ['s1'] })
        assert.deepEqual(
          entries.map(({ key }) => key),
          ['a'],
        )
        assert.ok((await admin.pExpireTime(`${prefix}list:subject:alice`)) >= entries[0]!.times.expiresAt)
        assert.equal((await store.remove({ index: 'subject', values: ['alice'] })).removed, 1)
      })
    }
  })
}

describe('Redis Cluster that may evict', { skip: whyNotTested('redis', 'own') }, async () => {
  const servers = await startCluster()
  after(() => Promise.all(servers.map((server) => server.stop())))

  test('is warned of once, not once for each server', async () => {
    for (const server of servers) await asked(server, ['CONFIG', 'SET', 'maxmemory-policy', 'volatile-lru'])
    const { logger, lines } = recordingLogger()
    const client = createCluster({ rootNodes: servers.map(({ url }) => ({ url })) })
    const store = redisStore({ client, logger, operationTimeoutMs: 5_000 })
    await store.init({ maxStalenessMs: 1_000 })
    await store.close()
    assert.equal(lines.length, 1)
  })
})

function entry(key: string): NewEntry {
  return { key, value: Buffer.of(1), lifetime: { idleMs: hour }, indexes: { subject: 'alice', sid: 's1' } }
}
