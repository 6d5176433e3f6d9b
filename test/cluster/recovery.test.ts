import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import type { Bump, NewEntry, Store } from '../../src/cache/store.ts'
import { isSallyportError } from '../../src/shared/errors.ts'
import { redisStore } from '../../src/stores/redis.ts'
import type { RedisStoreOptions } from '../../src/stores/redis.ts'
import { eventually } from '../support/eventually.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import { startServer } from '../support/servers/server.ts'
import type { TestServer } from '../support/servers/server.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'

type Way = (url: string) => RedisStoreOptions

const ways: Record<string, Way> = {
  'a URL': (url) => ({ url }),
  'a client of redis': (url) => ({ client: createClient({ url }) }),
  'a client of ioredis': (url) => ({ client: new Redis(url, { lazyConnect: true }) }),
}

for (const [name, way] of Object.entries(ways)) {
  describe(`Redis in trouble, through ${name}`, { skip: whyNotTested('redis', 'own') }, async () => {
    const server = await startServer('redis')
    const stores = new OpenStores(way, server)
    after(async () => {
      await stores.close()
      await server.stop()
    })

    test('a server that hangs is unavailable in time, and there again when it goes on', async () => {
      const store = await stores.open({ operationTimeoutMs: 500 })
      await store.create(entry('a', 'value of a'))
      await store.epochs([])
      await server.suspend()
      await assert.rejects(store.read(['a']), isUnavailable)
      await assert.rejects(store.epochs([]), isUnavailable)
      await assert.rejects(store.remove({ key: 'a' }), isUnavailable)
      await server.resume()
      await store.epochs([])
      assert.equal((await store.create(entry('b'))).outcome, 'created')
    })

    test('nobody gets the reply to what somebody else gave up', async () => {
      const store = await stores.open({ operationTimeoutMs: 300 })
      for (const key of ['a', 'b']) await store.create(entry(key, `value of ${key}`))
      for (let round = 0; round < 5; round++) {
        await server.suspend()
        await assert.rejects(store.read(['a']), isUnavailable)
        const next = store.read(['b']).catch(() => undefined)
        await server.resume()
        await next
        const { entries } = await store.read(['b'])
        assert.equal(Buffer.from(entries[0]?.value ?? []).toString(), 'value of b')
      }
    })

    test('a server that died and came back is another store, whose pushes arrive', async () => {
      const store = await stores.open()
      const heard: Bump[] = []
      store.subscribe?.((bump) => heard.push(bump))
      const { incarnation, numbers } = await store.epochs([])
      await server.kill()
      await assert.rejects(store.ping(), isUnavailable)
      await assert.rejects(store.epochs(numbers), isUnavailable)
      await server.restart()
      const later = await store.epochs(numbers)
      assert.notEqual(later.incarnation, incarnation)
      const { bumps } = await eventually(
        () => store.remove({ key: 'a' }),
        () => heard.length > 0,
      )
      assert.equal(bumps[0]?.incarnation, later.incarnation)
    })

    test('a server that kept its data through a restart is another store too', async () => {
      const durable = await startServer('redis', { config: ['appendonly yes'] })
      const others = new OpenStores(way, durable)
      const store = await others.open()
      await store.create(entry('a'))
      const { incarnation } = await store.epochs([])
      await durable.restart()
      assert.notEqual((await store.epochs([])).incarnation, incarnation)
      assert.notEqual((await store.read(['a'])).entries[0], undefined)
      await others.close()
      await durable.stop()
    })

    test('a primary that becomes a replica is unavailable until it is one again', async () => {
      const store = await stores.open()
      await store.create(entry('a'))
      const { incarnation, numbers } = await store.epochs([])
      const admin = createClient({ url: server.url })
      await admin.connect()
      await admin.sendCommand(['REPLICAOF', '127.0.0.1', '1'])
      await assert.rejects(store.epochs(numbers), isUnavailable)
      await assert.rejects(store.read(['a']), isUnavailable)
      await assert.rejects(store.create(entry('b')), isUnavailable)
      await admin.sendCommand(['REPLICAOF', 'NO', 'ONE'])
      admin.destroy()
      assert.equal((await store.create(entry('b'))).outcome, 'created')
      assert.equal((await store.epochs(numbers)).incarnation, incarnation)
    })

    test('a full server refuses to create and still removes', async () => {
      const full = await startServer('redis', { config: ['maxmemory-policy noeviction'] })
      const others = new OpenStores(way, full)
      const store = await others.open()
      await store.create(entry('a'))
      const admin = createClient({ url: full.url })
      await admin.connect()
      await admin.configSet('maxmemory', '1')
      await assert.rejects(store.create(entry('b')), isUnavailable)
      assert.equal((await store.remove({ key: 'nothing' })).bumps.length, 1)
      assert.equal((await store.remove({ key: 'a' })).removed, 1)
      admin.destroy()
      await others.close()
      await full.stop()
    })

    test('a server that is not there is unavailable at the start, and needs no second store later', async () => {
      const late = await startServer('redis')
      await late.kill()
      const others = new OpenStores(way, late)
      const store = others.make()
      await assert.rejects(store.init({ maxStalenessMs: 1_000 }), isUnavailable)
      await late.restart()
      await store.init({ maxStalenessMs: 1_000 })
      await store.ping()
      await others.close()
      await late.stop()
    })
  })
}

/** Stores on a server, each with a prefix of its own. */
class OpenStores {
  readonly #way: Way
  readonly #server: TestServer
  readonly #opened: Store[] = []

  constructor(way: Way, server: TestServer) {
    this.#way = way
    this.#server = server
  }

  make(options: Omit<RedisStoreOptions, 'url' | 'client'> = {}): Store {
    const { logger } = recordingLogger()
    const keyPrefix = `store${this.#opened.length}:`
    const store = redisStore({ keyPrefix, logger, ...this.#way(this.#server.url), ...options })
    this.#opened.push(store)
    return store
  }

  async open(options: Omit<RedisStoreOptions, 'url' | 'client'> = {}): Promise<Store> {
    const store = this.make(options)
    await store.init({ maxStalenessMs: 1_000 })
    return store
  }

  async close(): Promise<void> {
    for (const store of this.#opened) await store.close()
  }
}

function entry(key: string, value: string = 'value'): NewEntry {
  return { key, value: Buffer.from(value), lifetime: { idleMs: 3_600_000 } }
}

function isUnavailable(error: unknown): boolean {
  return isSallyportError(error) && error.code === 'ERR_STORE_UNAVAILABLE'
}
