import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Client } from 'pg'
import type { NewEntry, Store, Write } from '../../src/cache/store.ts'
import { hasCode, isSallyportError } from '../../src/shared/errors.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import type { PostgresStoreOptions } from '../../src/stores/postgres.ts'
import { eventually } from '../support/eventually.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { applicationPool } from '../support/application-pool.ts'
import { freshDatabase } from '../support/servers/shared.ts'
import type { FreshDatabase } from '../support/servers/shared.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'

const lifetime = { idleMs: 60_000 }

describe('load', { skip: whyNotTested('postgres') }, () => {
  let database: FreshDatabase
  let admin: Client
  before(async () => {
    database = await freshDatabase('postgres')
    admin = new Client({ connectionString: database.url })
    await admin.connect()
  })
  after(async () => {
    await admin.end()
    await database.drop()
  })

  async function using<T>(options: Partial<PostgresStoreOptions>, work: (store: Store) => Promise<T>): Promise<T> {
    const where = options.pool === undefined ? { connectionString: database.url } : {}
    const store = postgresStore({ ...where, ...options } as PostgresStoreOptions)
    try {
      await store.init({ maxStalenessMs: 1_000 })
      return await work(store)
    } finally {
      await store.close()
    }
  }

  async function connections(): Promise<number> {
    const { rows } = await admin.query<{ count: number }>(
      'SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    )
    return rows[0]?.count ?? -1
  }

  test('32 writers on the same few entries never stand in each other’s way for good', async () => {
    const seed = 20_260_101
    const random = seededRandom(seed)
    const pick = (count: number): number => random.below(count)
    const key = (): string => `key-${pick(40)}`
    const value = Buffer.alloc(500)
    const newEntry = (): NewEntry => ({ key: key(), value, lifetime, indexes: { subject: `u${pick(3)}` } })
    const write = (): Write => {
      if (pick(3) === 0) return { operation: 'extend', key: key(), idleMs: 60_000 }
      if (pick(2) === 0) return { operation: 'create', entry: newEntry() }
      return { operation: 'replace', key: key(), version: 1 + pick(3), change: { value, bump: pick(2) === 0 } }
    }
    const writes = (): Write[] => Array.from({ length: 12 }, write)
    await using({ tableName: 'storm', maxConnections: 32, operationTimeoutMs: 10_000 }, async (store) => {
      const steps: (() => Promise<unknown>)[] = [
        () => store.remove({ key: key() }),
        () => store.remove({ index: 'subject', values: [`u${pick(3)}`] }),
        () => store.remove({ index: 'subject', values: ['u2', 'u0', 'u1'], except: key() }),
        () => store.replace(key(), 1 + pick(3), { value, bump: true }),
        () => store.writeMany!(writes()),
        () => store.writeMany!(writes()),
        () => store.create(newEntry()),
      ]
      await Promise.all(
        Array.from({ length: 32 }, async () => {
          for (let i = 0; i < 60; i++) await steps[pick(steps.length)]!()
        }),
      )
    })
    const { rows } = await admin.query('SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()')
    assert.equal(Number(rows[0].deadlocks), 0, `seed ${seed}`)
  })

  test('200 concurrent requests on a pool of 2 all end, in time, and the store goes on', async () => {
    await using({ tableName: 'narrow', maxConnections: 2 }, async (store) => {
      await admin.query('BEGIN; LOCK TABLE narrow')
      const settled = Promise.allSettled(Array.from({ length: 200 }, (_, i) => store.read([`key-${i}`])))
      for (const each of await settled) {
        assert.ok(each.status === 'rejected' && isSallyportError(each.reason))
        assert.equal(each.reason.code, 'ERR_STORE_UNAVAILABLE')
      }
      await admin.query('COMMIT')
      const replies = await Promise.all(Array.from({ length: 200 }, (_, i) => store.read([`key-${i}`])))
      assert.equal(replies.length, 200)
      const { pool } = await store.stats()
      assert.ok((pool?.acquireTimeouts ?? 0) > 0)
      assert.deepEqual([pool?.max, pool?.inUse, pool?.waiting], [2, 0, 0])
    })
  })

  test('what nobody waits for any more ends on the server too', async () => {
    await using({ tableName: 'abandoned', operationTimeoutMs: 200 }, async (store) => {
      await admin.query('BEGIN; LOCK TABLE abandoned')
      await assert.rejects(store.read(['a']))
      const waiting = async (): Promise<number> => {
        const { rows } = await admin.query(
          `SELECT count(*)::int FROM pg_locks JOIN pg_database d ON d.oid = database
            WHERE NOT granted AND datname = current_database()`,
        )
        return rows[0].count
      }
      await eventually(waiting, (count) => count === 0)
      await admin.query('COMMIT')
    })
  })

  test('10,000 cycles of lending leave as many connections as the pool may have, and close leaves none', async () => {
    await eventually(connections, (count) => count === 0)
    const tooLong = { key: 'x'.repeat(300), value: Buffer.alloc(1), lifetime }
    await using({ tableName: 'cycles', maxConnections: 4, minConnections: 1, push: false }, async (store) => {
      for (let i = 0; i < 100; i++) {
        await Promise.all(
          Array.from({ length: 100 }, (_, j) => (j % 25 === 0 ? store.epochs([]) : store.read([`${j}`]))),
        )
        await assert.rejects(store.create(tooLong))
      }
      const { pool } = await store.stats()
      assert.ok((pool?.acquired ?? 0) >= 9_600)
      assert.equal(pool?.discarded, 0)
      assert.ok((await connections()) <= 5)
    })
    await eventually(connections, (count) => count === 0)
  })

  test('a ready pool stays open and whole', async () => {
    const pool = applicationPool(database.url, { max: 3 })
    await using({ tableName: 'lent', pool, push: false }, async (store) => {
      await Promise.all(Array.from({ length: 50 }, () => store.read(['a'])))
      await assert.rejects(store.create({ key: 'x'.repeat(300), value: Buffer.alloc(1), lifetime }))
      assert.equal((await store.stats()).pool?.max, 3)
    })
    assert.equal(pool.totalCount, pool.idleCount)
    assert.equal((await pool.query('SELECT 1 AS one')).rows[0].one, 1)
    for (const client of await Promise.all([pool.connect(), pool.connect(), pool.connect()])) {
      assert.equal(client.listenerCount('error'), 0)
      client.release()
    }
    await pool.end()
  })

  test('two stores share a pool although their statements differ', async () => {
    const pool = applicationPool(database.url, { max: 1 })
    await using({ tableName: 'first', pool, push: false }, (first) =>
      using({ tableName: 'second', pool, push: false }, async (second) => {
        await first.create({ key: 'a', value: Buffer.from('1'), lifetime })
        await second.create({ key: 'a', value: Buffer.from('2'), lifetime })
        assert.equal(Buffer.from((await first.read(['a'])).entries[0]?.value ?? []).toString(), '1')
        assert.equal(Buffer.from((await second.read(['a'])).entries[0]?.value ?? []).toString(), '2')
      }),
    )
    await pool.end()
  })

  test('a table that grows quickly is read by its keys, though the statements were prepared when it was empty', async () => {
    await using({ tableName: 'grown', maxConnections: 1, push: false }, async (store) => {
      for (let i = 0; i < 20; i++) {
        await store.read(['a', 'b'])
        await store.writeMany!([{ operation: 'extend', key: 'a', idleMs: 1 }])
        await store.remove({ index: 'subject', values: ['nobody'] })
      }
      const fill = (from: number): Write[] =>
        Array.from({ length: 100 }, (_, i) => {
          const key = `key-${from + i}`
          return {
            operation: 'create',
            entry: { key, value: Buffer.alloc(3_000), lifetime, indexes: { subject: key } },
          }
        })
      for (let from = 0; from < 1_000; from += 100) await store.writeMany!(fill(from))
      await store.read(['key-1', 'key-2'])
      await store.writeMany!([{ operation: 'extend', key: 'key-3', idleMs: 1 }])
      await store.remove({ index: 'subject', values: ['key-4'] })
    })
    const read = `SELECT seq_tup_read::int AS rows FROM pg_stat_user_tables WHERE relname = 'grown'`
    const { rows } = await eventually(
      () =>
        admin.query(
          `SELECT pg_stat_clear_snapshot(), (SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'grown') AS made`,
        ),
      (answer) => Number(answer.rows[0].made) === 1_000,
    ).then(() => admin.query<{ rows: number }>(read))
    assert.equal(rows[0]?.rows, 0)
  })

  test('of several instances only one sweeps at a time', async () => {
    await using({ tableName: 'swept' }, async (store) => {
      const oid = `'swept'::regclass::oid::int`
      await store.create({ key: 'old', value: Buffer.alloc(1), lifetime: { idleMs: 0 } })
      await admin.query(`SELECT pg_advisory_lock(hashtext('sallyport sweep'), ${oid})`)
      assert.equal(await store.sweep(10), 0)
      await admin.query(`SELECT pg_advisory_unlock(hashtext('sallyport sweep'), ${oid})`)
      assert.equal(await store.sweep(10), 1)
    })
  })

  test('a sweep steps over rows that others work with', async () => {
    await using({ tableName: 'busy' }, async (store) => {
      for (const key of ['held', 'free']) await store.create({ key, value: Buffer.alloc(1), lifetime: { idleMs: 0 } })
      await admin.query(`BEGIN; SELECT FROM busy WHERE cache_key = 'held' FOR UPDATE`)
      assert.equal(await store.sweep(10), 1)
      await admin.query('COMMIT')
      assert.equal(await store.sweep(10), 1)
    })
  })

  for (const setting of ['off', 'local']) {
    test(`a removal is durable although synchronous_commit is ${setting}, and other writes keep the setting`, async () => {
      // A trigger is the only witness of what the setting is when the transaction commits.
      const url = new URL(database.url)
      url.searchParams.set('options', `-c synchronous_commit=${setting}`)
      const tableName = `commit_${setting}`
      await using({ tableName, connectionString: url.href }, async (store) => {
        await admin.query(`CREATE TABLE ${tableName}_seen (setting TEXT);
          CREATE FUNCTION ${tableName}_see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO ${tableName}_seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
          CREATE CONSTRAINT TRIGGER see AFTER INSERT OR UPDATE OR DELETE ON ${tableName} DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION ${tableName}_see()`)
        const value = Buffer.alloc(1)
        const settings = async (work: () => Promise<unknown>): Promise<string[]> => {
          await admin.query(`TRUNCATE ${tableName}_seen`)
          await work()
          const { rows } = await admin.query<{ setting: string }>(`SELECT DISTINCT setting FROM ${tableName}_seen`)
          return rows.map((row) => row.setting)
        }
        const entry = (key: string): NewEntry => ({ key, value, lifetime, indexes: { subject: 'alice' } })
        const replace = (key: string, bump: boolean): Write[] => [
          { operation: 'replace', key, version: 1, change: { value, bump } },
        ]
        assert.deepEqual(await settings(() => store.create(entry('a'))), [setting])
        assert.deepEqual(await settings(() => store.extend('a', 70_000)), [setting])
        assert.deepEqual(await settings(() => store.replace('a', 1, { value, bump: false })), [setting])
        assert.deepEqual(await settings(() => store.replace('a', 2, { value, bump: true })), ['on'])
        assert.deepEqual(await settings(() => store.remove({ key: 'a' })), ['on'])
        for (const key of ['b', 'c', 'd']) await store.create(entry(key))
        assert.deepEqual(await settings(() => store.writeMany!(replace('b', false))), [setting])
        assert.deepEqual(await settings(() => store.writeMany!(replace('c', true))), ['on'])
        assert.deepEqual(await settings(() => store.remove({ key: 'c', ifVersion: 2 })), ['on'])
        assert.deepEqual(await settings(() => store.remove({ index: 'subject', values: ['alice'] })), ['on'])
      })
    })
  }

  test('close does not wait for background work as long as that may take', async () => {
    const store = postgresStore({ connectionString: database.url, tableName: 'held', operationTimeoutMs: 300 })
    await store.create({ key: 'old', value: Buffer.alloc(1), lifetime: { idleMs: 0 } })
    await admin.query('BEGIN; LOCK TABLE held')
    const sweeping = assert.rejects(store.sweep(10), (error) => hasCode(error, 'ERR_CLOSED'))
    await eventually(
      () => admin.query("SELECT count(*)::int AS held FROM pg_locks WHERE relation = 'held'::regclass AND NOT granted"),
      ({ rows }) => rows[0].held === 1,
    )
    // Not only after the 30 seconds of background work.
    assert.equal(await Promise.race([store.close(), pause(10_000, 'late', { ref: false })]), undefined)
    await sweeping
    await admin.query('COMMIT')
  })

  for (const [what, given] of [
    ['kept beside those of the store', { work_mem: '5MB' }],
    ['overruled where the store cannot do without its own', { work_mem: '5MB', enable_seqscan: 'on', jit: 'on' }],
  ] as const) {
    test(`settings in the URL are ${what}`, async () => {
      const url = new URL(database.url)
      const options = Object.entries(given).map(([name, value]) => `-c ${name}=${value}`)
      url.searchParams.set('options', options.join(' '))
      await using({ tableName: 'settings', connectionString: url.href }, async (store) => {
        // A trigger sees what they are where the store's statements run.
        await admin.query(`DROP TABLE IF EXISTS seen; CREATE TABLE seen (work_mem TEXT, enable_seqscan TEXT, jit TEXT);
          CREATE OR REPLACE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO seen SELECT current_setting('work_mem'), current_setting('enable_seqscan'), current_setting('jit');
            RETURN NULL; END $$;
          CREATE OR REPLACE TRIGGER see AFTER INSERT ON settings FOR EACH ROW EXECUTE FUNCTION see()`)
        await store.create({ key: JSON.stringify(given), value: Buffer.alloc(1), lifetime })
        const { rows } = await admin.query('SELECT * FROM seen')
        assert.deepEqual(rows, [{ work_mem: '5MB', enable_seqscan: 'off', jit: 'off' }])
      })
    })
  }

  test('deadlines are those of the server’s clock, however wrong ours is', async (t) => {
    await using({ tableName: 'clocks' }, async (store) => {
      t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 3_600_000 })
      const reply = await store.create({ key: 'a', value: Buffer.alloc(1), lifetime })
      const { storeNow, entries } = await store.read(['a'])
      assert.ok(reply.outcome === 'created' && reply.storeNow < Date.now() - 3_500_000)
      assert.ok(storeNow >= reply.storeNow && entries[0] !== undefined)
      assert.equal(entries[0].times.expiresAt, reply.storeNow + 60_000)
    })
  })
})
