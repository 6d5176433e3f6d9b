import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createConnection } from 'mysql2/promise'
import { Client } from 'pg'
import type { Store, Write } from '../../src/cache/store.ts'
import { mysqlStore } from '../../src/stores/mysql.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import { eventually } from '../support/eventually.ts'
import { freshDatabase } from '../support/servers/shared.ts'
import type { FreshDatabase } from '../support/servers/shared.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'
import { silentLogger } from '../support/silent-logger.ts'

/*
 * A write may wait for somebody else's lock on its entry until the entry's time is over. Meanwhile others read that it
 * is absent, and so it has to stay.
 */

const kinds = ['postgres', 'mariadb', 'mysql'] as const
const value = Buffer.from('value')
const lifetime = { idleMs: 60_000 }
const absent = { outcome: 'absent' }
const companion = (key: string): string => `${key} extended`

/** Another user of the database, with a transaction of its own. */
interface Other {
  run(sql: string): Promise<void>
  /** How many units wait for a lock of the transaction. */
  waiting(): Promise<number>
  end(): Promise<void>
}

async function otherOn({ kind, url }: FreshDatabase): Promise<Other> {
  if (kind === 'postgres') {
    const client = new Client({ connectionString: url })
    await client.connect()
    const blocked =
      'SELECT count(*)::int AS n FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))'
    return {
      run: async (sql) => void (await client.query(sql)),
      waiting: async () => (await client.query<{ n: number }>(blocked)).rows[0]?.n ?? 0,
      end: () => client.end(),
    }
  }
  const [connection, watching] = await Promise.all([createConnection(url), createConnection(url)])
  const busy = `SELECT COUNT(*) AS n FROM information_schema.processlist
    WHERE db = DATABASE() AND id <> CONNECTION_ID() AND command <> 'Sleep' AND info IS NOT NULL`
  return {
    run: async (sql) => void (await connection.query(sql)),
    waiting: async () => Number(((await watching.query(busy))[0] as { n: number }[])[0]?.n),
    end: async () => {
      await Promise.all([connection.end(), watching.end()])
    },
  }
}

function storeOn({ kind, url }: FreshDatabase): Store {
  const options = { connectionString: url, tableName: 'entries', logger: silentLogger, operationTimeoutMs: 20_000 }
  return kind === 'postgres' ? postgresStore(options) : mysqlStore(options)
}

const operations: Record<string, (store: Store, key: string) => Promise<unknown>> = {
  extend: async (store, key) => assert.deepEqual(await store.extend(key, 60_000), absent),
  replace: async (store, key) => assert.deepEqual(await store.replace(key, 1, { value, bump: false }), absent),
  'replace with a bump': async (store, key) =>
    assert.deepEqual(await store.replace(key, 1, { value, bump: true, lifetime }), absent),
  take: async (store, key) => assert.equal(await store.take(key), undefined),
  remove: async (store, key) => assert.equal((await store.remove({ key })).removed, 0),
  'remove by version': async (store, key) => assert.equal((await store.remove({ key, ifVersion: 1 })).removed, 0),
  'remove by subject': async (store, key) => {
    const { removed } = await store.remove({ index: 'subject', values: [`subject of ${key}`] })
    assert.equal(removed, 0)
  },
  writeMany: async (store, key) => {
    const writes: Write[] = [
      { operation: 'extend', key: companion(key), idleMs: 60_000 },
      { operation: 'replace', key, version: 1, change: { value, bump: false } },
    ]
    assert.deepEqual(await store.writeMany!(writes), [{ reply: absent }, { reply: absent }])
  },
}

// Most of the time is waiting.
describe('a write that had to wait', { concurrency: true }, () => {
  for (const kind of kinds) {
    describe(kind, { skip: whyNotTested(kind), concurrency: 1 }, () => {
      let database: FreshDatabase
      let store: Store
      let other: Other
      before(async () => {
        database = await freshDatabase(kind)
        store = storeOn(database)
        await store.init({ maxStalenessMs: 1_000 })
        other = await otherOn(database)
      })
      after(async () => {
        await other.end()
        await store.close()
        await database.drop()
      })

      /** Of the entries of one test, both of which have to be gone before anybody may call them absent. */
      async function present(key: string): Promise<number> {
        const { entries } = await store.read([key, companion(key)])
        return entries.filter((entry) => entry !== undefined).length
      }

      async function waitedFor(
        operation: (key: string) => Promise<unknown>,
        key: string,
        touch: string,
      ): Promise<void> {
        for (const each of [key, companion(key)])
          await store.create({
            key: each,
            value,
            lifetime: { idleMs: 500 },
            indexes: { subject: `subject of ${each}` },
          })
        await other.run('BEGIN')
        try {
          await other.run(touch)
          const done = operation(key)
          done.catch(() => {})
          await eventually(other.waiting, (count) => count > 0, { everyMs: 5 })
          assert.equal(await present(key), 2, 'it waits while the entry is there')
          await eventually(
            () => present(key),
            (count) => count === 0,
          )
          await other.run('COMMIT')
          await done
        } finally {
          await other.run('ROLLBACK')
        }
        assert.equal(await present(key), 0)
      }

      for (const [name, operation] of Object.entries(operations)) {
        test(`never revives what others have read as absent, nor counts it as there: ${name}`, async () => {
          const keys = `cache_key IN ('${name}', '${companion(name)}')`
          await waitedFor((key) => operation(store, key), name, `SELECT 1 FROM entries WHERE ${keys} FOR UPDATE`)
        })

        test(`the same where whoever held it also wrote: ${name}`, async () => {
          const key = `${name} of a written one`
          const touch = `UPDATE entries SET label = 'touched' WHERE cache_key IN ('${key}', '${companion(key)}')`
          await waitedFor((each) => operation(store, each), key, touch)
        })
      }
    })
  }
})
