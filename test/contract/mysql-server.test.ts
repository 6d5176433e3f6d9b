import assert from 'node:assert/strict'
import { after, afterEach, describe, test } from 'node:test'
import { inspect } from 'node:util'
import { createConnection } from 'mysql2/promise'
import type { NewEntry, Store } from '../../src/cache/store.ts'
import { isSallyportError } from '../../src/shared/errors.ts'
import { mysqlStore } from '../../src/stores/mysql.ts'
import type { MysqlStoreOptions } from '../../src/stores/mysql.ts'
import { eventually } from '../support/eventually.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import { startServer } from '../support/servers/server.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'

const hour = 3_600_000
const silent = recordingLogger().logger

const stores: Store[] = []
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close()
})

function opened(options: MysqlStoreOptions): Store {
  const store = mysqlStore({ logger: silent, minConnections: 0, ...options })
  stores.push(store)
  return store
}

function entry(key: string, rest: Partial<NewEntry> = {}): NewEntry {
  return { key, value: Buffer.from('a secret value'), lifetime: { idleMs: hour }, ...rest }
}

/** Whether the rejection says this, and nothing that must not be in a log. */
function saying(code: string, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isSallyportError(error), String(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    assert.doesNotMatch(inspect(error, { depth: 9 }), /secret|hidden-key|INSERT|UPDATE|SELECT/)
    return true
  }
}

function keyRead(store: Store): Promise<string | undefined> {
  return store.read(['a']).then(
    ({ entries }) => entries[0]?.key,
    () => undefined,
  )
}

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === 'TCPSocketWrap').length
}

for (const kind of ['mariadb', 'mysql'] as const) {
  describe(`${kind}, a server of its own`, { skip: whyNotTested(kind, 'own') }, async () => {
    const server = await startServer(kind, { config: ['max_allowed_packet = 2M'] })
    const admin = await createConnection(server.url)
    after(async () => {
      admin.destroy()
      await server.stop()
    })
    const at = (change: (url: URL) => void): string => {
      const url = new URL(server.url)
      change(url)
      return url.href
    }

    for (const [what, connectionString, said] of [
      ['a wrong password', at((url) => (url.password = 'secret')), /refused the user or the password/],
      ['an unknown user', at((url) => (url.username = 'secret')), /refused the user or the password/],
      ['a port where nothing listens', at((url) => (url.port = '1')), /nothing listens/],
      ['a host without an address', at((url) => (url.hostname = 'secret.invalid')), /has no address|could not be made/],
      ['a server without TLS that is asked for it', at((url) => (url.search = '?ssl=true')), /TLS/],
    ] as const) {
      test(`${what} is said to be that, and no more`, async () => {
        await assert.rejects(opened({ connectionString }).read(['a']), saying('ERR_STORE_UNAVAILABLE', said))
      })
    }

    test('a database that does not exist is said to be missing', async () => {
      const connectionString = at((url) => (url.pathname = '/secret'))
      const said = /database (does not exist|user may not)/
      await assert.rejects(opened({ connectionString }).ping(), saying('ERR_STORE_UNAVAILABLE', said))
    })

    test('a value larger than the server takes is refused, and those beside it are written', async () => {
      const store = opened({ connectionString: server.url, tableName: 'large' })
      const tooMuch = Buffer.alloc(2_097_152, 'secret')
      const tooLarge = saying('ERR_STORE_VALUE_TOO_LARGE', /larger than the database takes/)
      await assert.rejects(store.create(entry('hidden-key', { value: tooMuch })), tooLarge)
      const writes = [entry('a'), entry('hidden-key', { value: tooMuch }), entry('b')]
      const outcomes = await store.writeMany!(writes.map((each) => ({ operation: 'create', entry: each })))
      assert.deepEqual(
        outcomes.map((outcome) => ('error' in outcome ? 'failed' : outcome.reply.outcome)),
        ['created', 'failed', 'created'],
      )
      assert.deepEqual(
        (await store.read(['a', 'hidden-key', 'b'])).entries.map((found) => found?.key),
        ['a', undefined, 'b'],
      )
    })

    test('so is a key that is longer than its column, and it is not cut', async () => {
      const store = opened({ connectionString: server.url, tableName: 'large' })
      const key = `hidden-key${'x'.repeat(1_020)}`
      await assert.rejects(store.create(entry(key)), saying('ERR_STORE_VALUE_TOO_LARGE', /larger than/))
      const writes = [entry('c'), entry(key)]
      const outcomes = await store.writeMany!(writes.map((each) => ({ operation: 'create', entry: each })))
      assert.deepEqual(
        outcomes.map((outcome) => 'error' in outcome),
        [false, true],
      )
      assert.equal((await store.read([key.slice(0, 1_020)])).entries[0], undefined)
    })

    test('many values that are too large for one statement are written all the same', async () => {
      const store = opened({ connectionString: server.url, tableName: 'large', operationTimeoutMs: 10_000 })
      const entries = Array.from({ length: 8 }, (_, i) => entry(`part-${i}`, { value: Buffer.alloc(700_000, i) }))
      const outcomes = await store.writeMany!(entries.map((each) => ({ operation: 'create', entry: each })))
      assert.ok(outcomes.every((outcome) => 'reply' in outcome && outcome.reply.outcome === 'created'))
    })

    test('a server that keeps less than it acknowledges is told of once, and is not called durable', async () => {
      await admin.query('SET GLOBAL innodb_flush_log_at_trx_commit = 0')
      const { logger, lines } = recordingLogger()
      const store = opened({ connectionString: server.url, logger })
      await store.init({ maxStalenessMs: 1_000 })
      await store.init({ maxStalenessMs: 1_000 })
      assert.equal(store.capabilities.durable, false)
      const warnings = lines.filter(({ level }) => level === 'warn')
      assert.equal(warnings.length, 1)
      assert.match(warnings[0]?.message ?? '', /innodb_flush_log_at_trx_commit is 0/)
      await admin.query('SET GLOBAL innodb_flush_log_at_trx_commit = 1')
      const again = opened({ connectionString: server.url })
      await again.ping()
      assert.equal(again.capabilities.durable, true)
    })

    test('a replica, or a primary that became one, is no place to poll', async () => {
      const store = opened({ connectionString: server.url, tableName: 'replica' })
      await store.epochs([])
      await admin.query('SET GLOBAL read_only = 1')
      await assert.rejects(store.epochs([]), saying('ERR_STORE_UNAVAILABLE', /replica or read-only/))
      await admin.query('SET GLOBAL read_only = 0')
      await store.epochs([])
    })

    test('a server that has no connection left says so', async () => {
      await admin.query('SET GLOBAL max_connections = 10')
      const store = opened({ connectionString: server.url, tableName: 'crowded', maxConnections: 30 })
      await store.create(entry('a'))
      const outcomes = await Promise.allSettled(Array.from({ length: 30 }, () => store.read(['a'])))
      const errors = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []))
      assert.ok(errors.length > 0)
      for (const error of errors) saying('ERR_STORE_UNAVAILABLE', /no connection left/)(error)
      await store.read(['a'])
      await admin.query('SET GLOBAL max_connections = 100')
    })

    test('a server that stands still costs each operation its time and no more, and answers again afterwards', async () => {
      const store = opened({ connectionString: server.url, tableName: 'still', operationTimeoutMs: 300 })
      await store.create(entry('a'))
      await store.epochs([])
      await server.suspend()
      for (const operation of [
        () => store.read(['a']),
        () => store.remove({ key: 'b' }),
        () => store.epochs([]),
        () => store.extend('a', hour),
      ])
        await assert.rejects(operation, saying('ERR_STORE_UNAVAILABLE', /./))
      await server.resume()
      await eventually(
        () => keyRead(store),
        (key) => key === 'a',
      )
      await eventually(
        () => store.epochs([]).catch(() => undefined),
        (reply) => reply !== undefined,
      )
    })

    test('close ends in time while the server stands still, and leaves no socket open', async () => {
      const before = openSockets()
      const options = { tableName: 'still', operationTimeoutMs: 300, minConnections: 3 }
      const store = opened({ connectionString: server.url, ...options })
      await store.epochs([])
      await eventually(
        () => store.stats(),
        ({ pool }) => (pool?.open ?? 0) >= 3,
      )
      await server.suspend()
      await store.close()
      assert.equal(openSockets(), before)
      await server.resume()
    })

    test('a store that was made while the server was down works once it is up, and again after it was killed', async () => {
      await server.kill()
      const store = opened({ connectionString: server.url, tableName: 'late' })
      await assert.rejects(store.create(entry('a')), saying('ERR_STORE_UNAVAILABLE', /nothing listens/))
      await server.restart()
      await store.create(entry('a'))
      await store.remove({ key: 'b' })
      const before = await store.epochs([])
      await server.kill()
      await assert.rejects(store.read(['a']), saying('ERR_STORE_UNAVAILABLE', /./))
      await server.restart()
      await eventually(
        () => keyRead(store),
        (key) => key === 'a',
      )
      const again = await eventually(
        () => store.epochs([]).catch(() => undefined),
        (reply) => reply !== undefined,
      )
      assert.deepEqual(again?.numbers, before.numbers)
      assert.equal(again?.incarnation, before.incarnation)
    })
  })
}
