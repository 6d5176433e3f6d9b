import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { createClient } from 'redis'
import type {
  Bump,
  CreateReply,
  EntryTimes,
  ExtendReply,
  NewEntry,
  ReplaceReply,
  Store,
} from '../../src/cache/store.ts'
import { isSallyportError } from '../../src/shared/errors.ts'
import * as clusterScripts from '../../src/stores/redis/cluster-scripts.ts'
import * as entryScripts from '../../src/stores/redis/entry-scripts.ts'
import * as bulkScript from '../../src/stores/redis/bulk-script.ts'
import * as epochScripts from '../../src/stores/redis/epoch-scripts.ts'
import * as writeScripts from '../../src/stores/redis/write-scripts.ts'
import type { Script } from '../../src/stores/redis/script.ts'
import { redisStore } from '../../src/stores/redis.ts'
import type { RedisStoreOptions } from '../../src/stores/redis.ts'
import { eventually } from '../support/eventually.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import { startServer } from '../support/servers/server.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'

const hour = 3_600_000

for (const kind of ['redis', 'valkey'] as const) {
  describe(`what only a look at the server shows, on ${kind}`, { skip: whyNotTested(kind, 'own') }, async () => {
    const server = await startServer(kind)
    const client = createClient({ url: server.url })
    client.on('error', () => {})
    await client.connect()
    const opened: Store[] = []
    let stores = 0
    after(async () => {
      for (const store of opened) await store.close()
      client.destroy()
      await server.stop()
    })

    const open = async (
      options: Omit<RedisStoreOptions, 'url' | 'client'> = {},
    ): Promise<{ store: Store; prefix: string }> => {
      const prefix = options.keyPrefix ?? `store${++stores}:`
      const { logger } = recordingLogger()
      const store = redisStore({ url: server.url, keyPrefix: prefix, logger, ...options })
      opened.push(store)
      await store.init({ maxStalenessMs: 1_000 })
      return { store, prefix }
    }

    test('every script compiles there, under the name we call it by', async () => {
      const all = [entryScripts, epochScripts, clusterScripts, writeScripts, bulkScript].flatMap((scripts) =>
        Object.values<unknown>(scripts),
      )
      const scripts = all.filter(isScript)
      assert.ok(scripts.length >= 12)
      for (const { lua, sha } of scripts) assert.equal(await client.scriptLoad(lua), sha)
    })

    test('a server that has forgotten the scripts is told again', async () => {
      const { store } = await open()
      await client.scriptFlush()
      assert.equal((await store.create(entry('a'))).outcome, 'created')
      assert.equal((await store.remove({ key: 'a' })).removed, 1)
    })

    test('the server expires an entry at its deadline, to the millisecond', async () => {
      const { store, prefix } = await open()
      const created = await store.create(entry('a', { lifetime: { idleMs: 12_345 } }))
      assert.equal(await client.pExpireTime(`${prefix}entry:a`), timesOf(created).expiresAt)
      const extended = await store.extend('a', hour)
      assert.equal(await client.pExpireTime(`${prefix}entry:a`), timesOf(extended).expiresAt)
    })

    test('a list lives as long as any of its entries may, and not for ever', async () => {
      const { store, prefix } = await open()
      const indexes = { subject: 'alice', sid: 's1' }
      const lists = [`${prefix}list:subject:alice`, `${prefix}list:sid:s1`]
      const assertKeptFor = async ({ expiresAt }: EntryTimes, idleMs: number): Promise<void> => {
        for (const list of lists) {
          const end = await client.pExpireTime(list)
          assert.ok(end >= expiresAt && end <= expiresAt + idleMs, `${list} ends ${end - expiresAt} ms after the entry`)
        }
      }
      const short = { indexes, lifetime: { idleMs: 60_000 } }
      const first = await store.create(entry('short', short))
      await assertKeptFor(timesOf(first), 60_000)
      const long = await store.create(entry('long', { indexes }))
      await store.create(entry('another short', short))
      await assertKeptFor(timesOf(long), hour)
      await assertKeptFor(timesOf(await store.extend('short', 4 * hour)), 4 * hour)
      const lifetime = { idleMs: 12 * hour }
      await assertKeptFor(timesOf(await store.replace('long', 1, { value: bytes, bump: false, lifetime })), 12 * hour)
    })

    test('a list ends with the ceiling of its entry at the latest', async () => {
      const { store, prefix } = await open()
      const lifetime = { idleMs: hour, absoluteMs: 1.5 * hour }
      const created = await store.create(entry('a', { indexes: { subject: 'alice' }, lifetime }))
      const end = async (): Promise<number> => client.pExpireTime(`${prefix}list:subject:alice`)
      assert.equal(await end(), timesOf(created).absoluteExpiresAt)
      await store.extend('a', 9 * hour)
      assert.equal(await end(), timesOf(created).absoluteExpiresAt)
    })

    for (const length of [0, 200, 255, 256, 257, 5_000]) {
      test(`a label of ${length} bytes stays with its entry when that is replaced and extended`, async () => {
        const { store } = await open()
        const label = 'x'.repeat(length)
        await store.create(entry('a', { indexes: { subject: 's', sid: 't' }, label }))
        for (const [version, value] of ['short', 'l'.repeat(4_000), ''].entries()) {
          await store.replace('a', version + 1, { value: Buffer.from(value), bump: version === 1 })
          await store.extend('a', hour + version)
          const { entries } = await store.read(['a'])
          assert.equal(Buffer.from(entries[0]?.value ?? []).toString(), value)
          const [listed] = (await store.list({ index: 'sid', values: ['t'] })).entries
          assert.deepEqual([listed?.label ?? '', listed?.version], [label, version + 2])
        }
        assert.equal((await store.remove({ index: 'subject', values: ['s'] })).removed, 1)
      })
    }

    test('nothing but the epochs is left of entries that were removed, taken or expired', async () => {
      const { store, prefix } = await open()
      for (const key of ['removed', 'taken', 'expired']) {
        const indexes = { subject: `subject of ${key}`, sid: 'shared' }
        await store.create(entry(key, { indexes, lifetime: { idleMs: key === 'expired' ? 100 : hour } }))
      }
      await store.remove({ key: 'removed' })
      await store.take('taken')
      const left = await eventually(
        () => client.keys(`${prefix}*`),
        (keys) =>
          !keys.includes(`${prefix}entry:expired`) && !keys.includes(`${prefix}list:subject:subject of expired`),
      )
      assert.deepEqual(left.sort(), [`${prefix}list:sid:shared`, `${prefix}state`])
    })

    test('an expired entry leaves its list when others come', async () => {
      const { store, prefix } = await open()
      const indexes = { subject: 'alice' }
      await store.create(entry('short', { indexes, lifetime: { idleMs: 50 } }))
      await eventually(
        () => client.exists(`${prefix}entry:short`),
        (there) => there === 0,
      )
      await store.create(entry('next', { indexes }))
      assert.deepEqual(await client.zRange(`${prefix}list:subject:alice`, 0, -1), ['next'])
    })

    test('a bump reaches another process at once, with the identity that the poll tells', async () => {
      const { store, prefix } = await open()
      const { store: listener } = await open({ keyPrefix: prefix })
      const heard: Bump[] = []
      listener.subscribe?.((bump) => heard.push(bump))
      await untilListening(`${prefix}bumps:0`)
      await client.publish(`${prefix}bumps:0`, 'what no store says')
      const { bumps } = await store.remove({ key: 'a' })
      await eventually(
        () => heard.length,
        (count) => count > 0,
      )
      assert.deepEqual(heard, bumps)
      assert.equal(heard[0]?.incarnation, (await listener.epochs([])).incarnation)
    })

    test('who no longer listens leaves no connection behind', async () => {
      const { store, prefix } = await open()
      const stop = store.subscribe?.(() => {})
      await untilListening(`${prefix}bumps:0`)
      stop?.()
      await eventually(
        () => client.pubSubChannels(`${prefix}bumps:0`),
        (channels) => channels.length === 0,
      )
    })

    test('without push nobody is told', async () => {
      const { store, prefix } = await open({ push: false })
      const said: string[] = []
      const other = client.duplicate()
      await other.connect()
      await other.subscribe(`${prefix}bumps:0`, (message) => said.push(message))
      await store.remove({ key: 'a' })
      await other.ping()
      other.destroy()
      assert.deepEqual(said, [])
    })

    test('a poll that knows everything gets one integer', async () => {
      const { store } = await open()
      await store.remove({ key: 'a' })
      const { numbers } = await store.epochs([])
      const before = await bytesSent()
      const again = await store.epochs(numbers)
      assert.deepEqual(again.numbers, numbers)
      const sent = (await bytesSent()) - before - (await bytesSentByAsking())
      assert.ok(sent < 60, `${sent} bytes`)
    })

    test('numbers of the same sum are not taken for the same numbers', async () => {
      const { store } = await open()
      for (const key of ['a', 'b']) await store.remove({ key })
      const { numbers } = await store.epochs([])
      const bumped = numbers.flatMap((n, bucket) => (n > 0 ? [bucket] : []))
      assert.equal(bumped.length, 2)
      const others = numbers.map((n, bucket) => n + [5, -5, 0].at(bumped.indexOf(bucket))!)
      assert.deepEqual((await store.epochs(others)).numbers, numbers)
    })

    test('a store of another number of buckets is refused', async () => {
      const { prefix } = await open()
      await client.hSet(`${prefix}state`, 'buckets', '16')
      await assert.rejects(open({ keyPrefix: prefix }), isError('ERR_STORE_MISMATCH'))
    })

    test('a key that holds something else is neither an entry nor absent', async () => {
      const { store, prefix } = await open()
      await client.set(`${prefix}entry:a`, 'something else')
      await assert.rejects(store.read(['a']), isError('ERR_STORE_CORRUPT'))
      await assert.rejects(store.create(entry('a')), isError('ERR_STORE_CORRUPT'))
      assert.equal((await store.remove({ key: 'a' })).removed, 0)
      assert.equal(await client.exists(`${prefix}entry:a`), 0)
    })

    test('a store that was emptied by hand is another one', async () => {
      const { store, prefix } = await open()
      const { incarnation, numbers } = await store.epochs([])
      await client.del(`${prefix}state`)
      const later = await store.epochs(numbers)
      assert.notEqual(later.incarnation, incarnation)
      assert.equal(later.maxStalenessMs, 1_000)
    })

    async function untilListening(channel: string): Promise<void> {
      await eventually(
        () => client.pubSubChannels(channel),
        (channels) => channels.length === 1,
      )
    }

    async function bytesSent(): Promise<number> {
      const info = await client.info('stats')
      return Number(/total_net_output_bytes:(\d+)/.exec(info)?.[1])
    }

    async function bytesSentByAsking(): Promise<number> {
      const before = await bytesSent()
      return (await bytesSent()) - before
    }
  })
}

const bytes = Buffer.from('value')

function entry(key: string, rest: Partial<NewEntry> = {}): NewEntry {
  return { key, value: bytes, lifetime: { idleMs: hour }, ...rest }
}

function timesOf(reply: CreateReply | ExtendReply | ReplaceReply): EntryTimes {
  assert.ok('times' in reply)
  return reply.times
}

function isScript(value: unknown): value is Script {
  return typeof value === 'object' && value !== null && 'lua' in value
}

function isError(code: string): (error: unknown) => boolean {
  return (error) => isSallyportError(error) && error.code === code
}
