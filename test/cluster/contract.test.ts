import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Bump, NewEntry, Store } from '../../src/cache/store.ts'
import { isSallyportError } from '../../src/shared/errors.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { storeContract } from '../../src/testing.ts'
import { eventually } from '../support/eventually.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import { asked, clusterClients, moveSlotOf, startCluster } from '../support/redis-cluster.ts'
import type { TestServer } from '../support/servers/server.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'

const hour = 3_600_000

describe('Redis Cluster', { skip: whyNotTested('redis', 'own') }, async () => {
  const servers = await startCluster()
  const opened: Store[] = []
  after(async () => {
    for (const store of opened) await store.close()
    await Promise.all(servers.map((server) => server.stop()))
  })

  const clients = clusterClients(servers)
  const make = (way: keyof typeof clients, keyPrefix: string): Store => {
    const { logger } = recordingLogger()
    // To open one takes connections to every server, on machines that have other things to do.
    const store = redisStore({ client: clients[way](), keyPrefix, logger, operationTimeoutMs: 5_000 })
    opened.push(store)
    return store
  }
  const open = async (keyPrefix: string): Promise<Store> => {
    const store = make('redis', keyPrefix)
    await store.init({ maxStalenessMs: 1_000 })
    return store
  }

  // Most of the time is waiting.
  describe('the contract', { concurrency: 4 }, () => {
    storeContract({
      test,
      createStore: ({ id }) => make('redis', `${id}:`),
      reopenStore: ({ id }) => make('redis', `${id}:`),
      // The clocks of the servers are one clock here, but not that of the timers.
      advance: (ms) => pause(ms + 2),
    })
  })

  test('through a client of ioredis it is the same store', async () => {
    const [store, other] = [await open('shared:'), make('ioredis', 'shared:')]
    await store.create(entry('a', { indexes: { subject: 'alice' } }))
    assert.equal((await other.read(['a'])).entries[0]?.version, 1)
    assert.equal((await other.extend('a', 2 * hour)).outcome, 'extended')
    assert.equal((await other.remove({ index: 'subject', values: ['alice'] })).removed, 1)
    assert.deepEqual((await other.epochs([])).numbers, (await store.epochs([])).numbers)
  })

  test('a bump carries the identity that the next poll tells, and reaches others', async () => {
    const [store, listener] = [await open('pair:'), await open('pair:')]
    const heard: Bump[] = []
    listener.subscribe?.((bump) => heard.push(bump))
    const { bumps } = await eventually(
      () => store.remove({ key: 'a' }),
      () => heard.length > 0,
    )
    assert.equal(bumps[0]?.incarnation, (await listener.epochs([])).incarnation)
    assert.equal(heard[0]?.incarnation, bumps[0]?.incarnation)
  })

  test('a bump of a store that was never initialised carries that identity too', async () => {
    const store = make('redis', 'bare:')
    const { bumps } = await store.remove({ key: 'a' })
    assert.equal(bumps[0]?.incarnation, (await store.epochs([])).incarnation)
  })

  test('lists live as long as what is on them, however often that is extended', async () => {
    const store = await open('lists:')
    await store.create(entry('a', { indexes: { subject: 'alice', sid: 's1' }, lifetime: { idleMs: 1_000 } }))
    assert.equal((await store.extend('a', 9 * hour)).outcome, 'extended')
    const replaced = await store.replace('a', 1, { value: bytes, bump: true, lifetime: { idleMs: 30 * hour } })
    assert.ok(replaced.outcome === 'replaced')
    const lists = await keysOn(servers, 'lists:*list:*')
    const ends = await Promise.all(lists.map(([server, key]) => asked(server, ['PEXPIRETIME', key])))
    assert.equal(ends.length, 2)
    for (const end of ends) assert.ok(Number(end) >= replaced.times.expiresAt)
  })

  test('entries stay reachable while their slots move to another server', async () => {
    const store = await open('moving:')
    const keys = Array.from({ length: 50 }, (_, i) => `key-${i}`)
    for (const key of keys) await store.create(entry(key, { indexes: { subject: 'alice' } }))
    await moveSlotOf('5', servers)
    const { entries } = await store.read(keys)
    assert.ok(entries.every((found) => found !== undefined))
    assert.equal((await store.remove({ index: 'subject', values: ['alice'] })).removed, 50)
  })

  test('a server that dies takes its buckets with it, and is another store when it is back', async () => {
    const store = await open('dying:')
    const before = await store.epochs([])
    const [victim] = servers
    await victim!.kill()
    await assert.rejects(store.epochs(before.numbers), isUnavailable)
    await victim!.restart()
    const later = await eventually(
      () => store.epochs(before.numbers).catch(() => undefined),
      (reply) => reply !== undefined,
    )
    assert.notEqual(later?.incarnation, before.incarnation)
  })
})

async function keysOn(servers: readonly TestServer[], pattern: string): Promise<[TestServer, string][]> {
  const found = await Promise.all(
    servers.map(async (server) => {
      const keys = await asked(server, ['KEYS', pattern])
      return keys === '' ? [] : keys.split(',').map((key): [TestServer, string] => [server, key])
    }),
  )
  return found.flat()
}

const bytes = Buffer.from('value')

function entry(key: string, rest: Partial<NewEntry> = {}): NewEntry {
  return { key, value: bytes, lifetime: { idleMs: hour }, ...rest }
}

function isUnavailable(error: unknown): boolean {
  return isSallyportError(error) && error.code === 'ERR_STORE_UNAVAILABLE'
}
