import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import type { Store } from '../../src/cache/store.ts'
import { isSallyportError } from '../../src/shared/errors.ts'
import { redisStore } from '../../src/stores/redis.ts'
import type { RedisStoreOptions } from '../../src/stores/redis.ts'
import { eventually } from '../support/eventually.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import { startServer } from '../support/servers/server.ts'
import { isRedis5 } from '../support/redis-driver.ts'
import { freshDatabase } from '../support/servers/shared.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'

const secret = 'p%C3%A4ss%2Fword'
const enough = '~app:* &app:* +@read +@write +@pubsub +@scripting +@connection +info +time +cluster|slots'

describe('Redis with users', { skip: whyNotTested('redis', 'own') }, async () => {
  const server = await startServer('redis', {
    config: [
      'user default off',
      'user admin on >admin-password ~* &* +@all',
      `user app on >päss/word ${enough}`,
      `user silent on >password ${enough.replace('&app:*', 'resetchannels')}`,
      'user reader on >password ~app:* &app:* +@read +@connection +info +time',
      'user stranger on >password ~other:* &other:* +@all',
    ],
  })
  const opened: Store[] = []
  after(async () => {
    for (const store of opened) await store.close()
    await server.stop()
  })
  const at = (credentials: string, database = 0): string =>
    `redis://${credentials}${credentials === '' ? '' : '@'}127.0.0.1:${server.port}/${database}`
  const make = (options: RedisStoreOptions): Store => {
    const { logger } = recordingLogger()
    const store = redisStore({ keyPrefix: 'app:', logger, operationTimeoutMs: 2_000, ...options })
    opened.push(store)
    return store
  }

  test('a user with the permissions asked for can do everything', async () => {
    const { logger, lines } = recordingLogger()
    const store = make({ url: at(`app:${secret}`), logger })
    await store.init({ maxStalenessMs: 1_000 })
    const [lifetime, indexes] = [{ idleMs: 60_000 }, { subject: 'alice', sid: 's1' }]
    for (const key of ['a', 'b', 'c']) await store.create({ key, value: Buffer.from(key), lifetime, indexes })
    await store.read(['a', 'b'])
    await store.replace('a', 1, { value: Buffer.from('b'), bump: true, lifetime })
    await store.extend('a', 90_000)
    await store.take('b')
    await store.remove({ key: 'a' })
    await store.list({ index: 'sid', values: ['s1'] })
    await store.remove({ index: 'subject', values: ['alice'] })
    const { numbers } = await store.epochs([])
    await store.epochs(numbers)
    assert.equal((await store.stats()).entries, 0)
    await store.sweep(1)
    const heard: unknown[] = []
    store.subscribe?.((bump) => heard.push(bump))
    await eventually(
      () => store.remove({ key: 'a' }),
      () => heard.length > 0,
    )
    assert.deepEqual(lines, [])
  })

  for (const [name, url, says] of [
    ['a wrong password', at('app:wrong-password'), /refused the user name or the password/],
    ['an unknown user', at('nobody:wrong-password'), /refused the user name or the password/],
    ['no password', at(''), /asks for a password/],
    ['no permission to write', at('reader:password'), /lacks a permission.*~app:\* &app:\*/],
    ['no permission for these keys', at('stranger:password'), /lacks a permission/],
    ['a database that is not there', at(`app:${secret}`, 99), /has no database of this number/],
  ] as const) {
    for (const [way, options] of [
      ['a URL', { url }],
      ['a client of redis', { client: createClient({ url }) }],
      ['a client of ioredis', { client: new Redis(url, { lazyConnect: true }) }],
    ] as const) {
      test(`${name}, through ${way}, is told without the password`, async () => {
        const store = make(options)
        await assert.rejects(store.init({ maxStalenessMs: 1_000 }), (error) => {
          assert.ok(isSallyportError(error))
          assert.equal(error.code, 'ERR_STORE_UNAVAILABLE')
          assert.match(error.message, says)
          assert.doesNotMatch(deepText(error), /password@|wrong-password|p.*ss.word/)
          return true
        })
      })
    }
  }

  test('a user who may not use channels is warned of, and removals still work', async () => {
    const { logger, lines } = recordingLogger()
    const store = make({ url: at('silent:password'), keyPrefix: 'app:silent:', logger })
    await store.init({ maxStalenessMs: 1_000 })
    assert.match(lines.map(({ message }) => message).join(), /may not use the channels &app:silent:.*polling only/)
    assert.equal((await store.remove({ key: 'a' })).bumps.length, 1)
  })
})

for (const kind of ['redis', 'valkey'] as const) {
  const skip = isRedis5 ? 'redis 5 then connects without it' : whyNotTested(kind)
  test(`${kind}: a password where none is set is told, without it`, { skip }, async (t) => {
    const { url, drop } = await freshDatabase(kind)
    const store = redisStore({ url: url.replace('//', '//:a-password@'), logger: recordingLogger().logger })
    t.after(async () => {
      await store.close()
      await drop()
    })
    await assert.rejects(store.ping(), (error) => {
      assert.ok(isSallyportError(error))
      assert.match(error.message, /has no password set, and one was given/)
      assert.doesNotMatch(deepText(error), /a-password/)
      return true
    })
  })
}

function deepText(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return `${error.message} ${error.stack} ${JSON.stringify(error)} ${error.cause === undefined ? '' : deepText(error.cause)}`
}
