import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { inspect } from 'node:util'
import { Client } from 'pg'
import { bucketOf } from '../../src/cache/bucket.ts'
import type { Bump, Store } from '../../src/cache/store.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import type { PostgresStoreOptions } from '../../src/stores/postgres.ts'
import { faultProxy } from '../../src/testing/fault-proxy.ts'
import { startNode } from '../support/child-process.ts'
import { eventually } from '../support/eventually.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import { applicationPool } from '../support/application-pool.ts'
import { freshDatabase } from '../support/servers/shared.ts'
import type { FreshDatabase } from '../support/servers/shared.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'

describe('push', { skip: whyNotTested('postgres') }, () => {
  let database: FreshDatabase
  let admin: Client
  const opened: Store[] = []
  before(async () => {
    database = await freshDatabase('postgres')
    admin = new Client({ connectionString: database.url })
    await admin.connect()
  })
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close()
  })
  after(async () => {
    await admin.end()
    await database.drop()
  })

  async function open(options: Partial<PostgresStoreOptions> = {}): Promise<Store> {
    const where = options.pool === undefined ? { connectionString: database.url, maxConnections: 3 } : {}
    const store = postgresStore({ ...where, ...options } as PostgresStoreOptions)
    opened.push(store)
    await store.init({ maxStalenessMs: 1_000 })
    return store
  }

  /** Resolves once the store listens: a bump of another one is heard. */
  async function listening(store: Store, other: Store): Promise<Bump[]> {
    const heard: Bump[] = []
    store.subscribe?.((bump) => void heard.push(bump))
    await eventually(
      async () => {
        await other.remove({ key: 'warm-up' })
        return heard.length
      },
      (count) => count > 0,
    )
    return heard
  }

  const isOf = (key: string) => (bump: Bump) => bump.keys.includes(key)
  const isTrue = (answer: boolean): boolean => answer

  test('a removal, by key or by index, and a replacement that bumps are heard by another store, exactly', async () => {
    const [one, other] = [await open(), await open()]
    const heard = await listening(other, one)
    for (const key of ['a', 'b', 'c'])
      await one.create({ key, value: Buffer.from('x'), lifetime: { idleMs: 60_000 }, indexes: { subject: 'alice' } })
    const replaced = await one.replace('a', 1, { value: Buffer.from('y'), bump: true })
    const [many] = await one.writeMany!([
      { operation: 'replace', key: 'a', version: 2, change: { value: Buffer.from('z'), bump: true } },
    ])
    const made = [
      ...(replaced.outcome === 'replaced' ? replaced.bumps : []),
      ...(many && 'reply' in many && many.reply.outcome === 'replaced' ? many.reply.bumps : []),
      ...(await one.remove({ key: 'a' })).bumps,
      ...(await one.remove({ index: 'subject', values: ['alice'] })).bumps,
    ]
    assert.equal(made.length, 5)
    await eventually(() => heard.some(isOf('c')) && heard.some(isOf('b')), isTrue)
    const told = heard.filter((bump) => !isOf('warm-up')(bump))
    const byNumber = (a: Bump, b: Bump): number => a.bucket - b.bucket || a.n - b.n
    assert.deepEqual(told.sort(byNumber), made.sort(byNumber))
  })

  test('neither a touch nor a replacement that does not bump is announced', async () => {
    const [one, other] = [await open(), await open()]
    const heard = await listening(other, one)
    await one.create({ key: 'quiet', value: Buffer.from('x'), lifetime: { idleMs: 60_000 } })
    await one.replace('quiet', 1, { value: Buffer.from('y'), bump: false })
    await one.extend('quiet', 90_000)
    await one.remove({ key: 'loud' })
    await eventually(() => heard.some(isOf('loud')), isTrue)
    assert.ok(!heard.some(isOf('quiet')))
  })

  test('keys too long for one notification are announced as a whole bucket', async () => {
    const [one, other] = [await open(), await open()]
    const heard = await listening(other, one)
    const long = 'ключ'.repeat(60)
    const keys: string[] = []
    for (let i = 0; keys.length < 40; i++) if (bucketOf(`${long}${i}`, 256) === 7) keys.push(`${long}${i}`)
    for (const key of keys)
      await one.create({ key, value: Buffer.from('x'), lifetime: { idleMs: 60_000 }, indexes: { sid: 'many' } })
    const { bumps } = await one.remove({ index: 'sid', values: ['many'] })
    assert.equal(bumps[0]?.keys.length, 40)
    const [told] = await eventually(
      () => heard.filter((bump) => bump.n === bumps[0]?.n),
      (found) => found.length > 0,
    )
    assert.equal(told?.keys, '*')
  })

  test('a listener whose connection is killed listens again', async () => {
    const [one, other] = [await open(), await open()]
    const heard = await listening(other, one)
    await admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`,
    )
    heard.length = 0
    await eventually(async () => {
      await one.remove({ key: 'again' })
      return heard.some(isOf('again'))
    }, isTrue)
  })

  test('where notifications do not arrive there is one warning, and nothing else is different', async () => {
    const { logger, lines } = recordingLogger()
    const other = await freshDatabase('postgres')
    try {
      // Another database takes LISTEN and hears nothing, as a pooler between would.
      const store = await open({ logger, listenUrl: other.url })
      store.subscribe?.(() => {})
      const warnings = await eventually(
        () => lines.filter(({ level }) => level === 'warn'),
        (found) => found.length > 0,
        { tries: 400 },
      )
      assert.equal(warnings.length, 1)
      assert.match(inspect(warnings[0], { depth: 9 }), /listenUrl/)
      assert.equal((await store.remove({ key: 'a' })).bumps.length, 1)
    } finally {
      await other.drop()
    }
  })

  test('a process that closes a store, whatever it is at, ends by itself', async () => {
    const deaf = await freshDatabase('postgres')
    try {
      const options = { connectionString: database.url, listenUrl: deaf.url }
      const child = startNode(`
        import { postgresStore } from '${import.meta.resolve('../../src/stores/postgres.ts')}'
        const options = ${JSON.stringify(options)}
        const [testing, fresh, unused] = [postgresStore(options), postgresStore(options), postgresStore(options)]
        await testing.init({ maxStalenessMs: 1000 })
        testing.subscribe(() => {})
        await new Promise((resolve) => setTimeout(resolve, 200))
        fresh.subscribe(() => {})
        void fresh.read(['a']).catch(() => {})
        unused.subscribe(() => {})()
        for (const store of [testing, fresh, unused]) await store.close()
        console.log('closed')`)
      assert.equal(await child.line(), 'closed')
      assert.deepEqual(await child.ended, { code: 0, stderr: '' })
    } finally {
      await deaf.drop()
    }
  })

  test('with push off nothing is announced and nothing listens', async () => {
    const [quiet, other] = [await open({ push: false }), await open()]
    assert.equal(quiet.subscribe, undefined)
    const heard = await listening(other, other)
    await quiet.remove({ key: 'silent' })
    await other.remove({ key: 'after' })
    await eventually(() => heard.some(isOf('after')), isTrue)
    assert.ok(!heard.some(isOf('silent')))
  })

  test('nobody listens any more after the last one has stopped', async () => {
    const store = await open()
    const stop = store.subscribe?.(() => {})
    const listeners = async (): Promise<number> => {
      const { rows } = await admin.query<{ count: number }>(
        `SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`,
      )
      return rows[0]?.count ?? -1
    }
    await eventually(listeners, (count) => count === 1)
    stop?.()
    await eventually(listeners, (count) => count === 0)
  })

  test('a store with a ready pool listens on a connection made like those of the pool', async () => {
    const pool = applicationPool(database.url, { max: 2 })
    const [one, other] = [await open(), await open({ pool })]
    await listening(other, one)
    await other.close()
    assert.equal((await pool.query('SELECT 1 AS one')).rows[0].one, 1)
    await pool.end()
  })

  test('the way to the listener may be another than that to the pool', async () => {
    const { port, hostname } = new URL(database.url)
    const proxy = await faultProxy({ target: { host: hostname, port: Number(port) } })
    try {
      const [one, other] = [await open(), await open({ listenUrl: proxy.via(database.url) })]
      await listening(other, one)
      assert.equal(proxy.connections, 1)
      await other.close()
    } finally {
      await proxy.close()
    }
  })
})
