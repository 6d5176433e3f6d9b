import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Cluster } from 'ioredis'
import { createClient, createCluster } from 'redis'
import type { Bump, NewEntry, Store } from '../../src/cache/store.ts'
import { isSallyportError } from '../../src/shared/errors.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { storeContract } from '../../src/testing.ts'
import { eventually } from '../support/eventually.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import { freePort } from '../support/servers/ports.ts'
import { startServer } from '../support/servers/server.ts'
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

  const clients = {
    redis: () => createCluster({ rootNodes: servers.slice(0, 2).map(({ url }) => ({ url })) }),
    ioredis: () => new Cluster([servers[0]!.port], { lazyConnect: true }),
  }
  const make = (way: keyof typeof clients, keyPrefix: string): Store => {
    const store = redisStore({ client: clients[way](), keyPrefix, logger: recordingLogger().logger })
    opened.push(store)
    return store
  }
  const open = async (keyPrefix: string): Promise<Store> => {
    const store = make('redis', keyPrefix)
    await store.init({ maxStalenessMs: 1_000 })
    return store
  }

  storeContract({
    test,
    createStore: ({ id }) => make('redis', `${id}:`),
    reopenStore: ({ id }) => make('redis', `${id}:`),
    // The clocks of the servers are one clock here, but not that of the timers.
    advance: (ms) => pause(ms + 2),
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

/** Three primaries, and nobody behind them. */
async function startCluster(): Promise<TestServer[]> {
  const busPorts = await Promise.all([freePort(), freePort(), freePort()])
  const servers = await Promise.all(
    busPorts.map((busPort) => {
      const config = ['cluster-enabled yes', `cluster-port ${busPort}`, 'cluster-node-timeout 1000', 'appendonly yes']
      return startServer('redis', { config: [...config, 'cluster-require-full-coverage no'] })
    }),
  )
  const ends = [0, 5_461, 10_922, 16_384]
  for (const [i, server] of servers.entries()) {
    await asked(server, ['CLUSTER', 'ADDSLOTSRANGE', String(ends[i]), String(ends[i + 1]! - 1)])
    await asked(server, ['CLUSTER', 'SET-CONFIG-EPOCH', String(i + 1)])
  }
  for (const server of servers.slice(1)) {
    await asked(server, ['CLUSTER', 'MEET', '127.0.0.1', String(servers[0]!.port), String(busPorts[0])])
  }
  for (const server of servers) {
    await eventually(
      () => asked(server, ['CLUSTER', 'INFO']),
      (info) => /cluster_state:ok/.test(info) && /cluster_known_nodes:3/.test(info) && /cluster_size:3/.test(info),
      { tries: 500 },
    )
  }
  return servers
}

/** Moves a slot with all its keys from the server that has it to another. */
async function moveSlotOf(tag: string, servers: readonly TestServer[]): Promise<void> {
  const slot = await asked(servers[0]!, ['CLUSTER', 'KEYSLOT', tag])
  const lines = await Promise.all(
    servers.map(async (server) =>
      (await asked(server, ['CLUSTER', 'NODES'])).split('\n').find((line) => line.includes('myself')),
    ),
  )
  const owner = lines.findIndex((line) => holds(line ?? '', Number(slot)))
  const [from, to] = [servers[owner]!, servers[(owner + 1) % servers.length]!]
  const [fromId, toId] = await Promise.all([from, to].map((server) => asked(server, ['CLUSTER', 'MYID'])))
  await asked(to, ['CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId!])
  await asked(from, ['CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId!])
  const keys = (await asked(from, ['CLUSTER', 'GETKEYSINSLOT', slot, '1000'])).split(',')
  for (const key of keys) await asked(from, ['MIGRATE', '127.0.0.1', String(to.port), key, '0', '1000'])
  for (const server of [to, from]) await asked(server, ['CLUSTER', 'SETSLOT', slot, 'NODE', toId!])
}

function holds(line: string, slot: number): boolean {
  return line
    .split(' ')
    .slice(8)
    .some((range) => {
      const [from, to = from] = range.split('-').map(Number)
      return slot >= from! && slot <= to!
    })
}

async function keysOn(servers: readonly TestServer[], pattern: string): Promise<[TestServer, string][]> {
  const found = await Promise.all(
    servers.map(async (server) => {
      const keys = await asked(server, ['KEYS', pattern])
      return keys === '' ? [] : keys.split(',').map((key): [TestServer, string] => [server, key])
    }),
  )
  return found.flat()
}

async function asked({ url }: TestServer, command: string[]): Promise<string> {
  const client = createClient({ url })
  await client.connect()
  try {
    return String(await client.sendCommand<string | number | string[]>(command))
  } finally {
    client.destroy()
  }
}

const bytes = Buffer.from('value')

function entry(key: string, rest: Partial<NewEntry> = {}): NewEntry {
  return { key, value: bytes, lifetime: { idleMs: hour }, ...rest }
}

function isUnavailable(error: unknown): boolean {
  return isSallyportError(error) && error.code === 'ERR_STORE_UNAVAILABLE'
}
