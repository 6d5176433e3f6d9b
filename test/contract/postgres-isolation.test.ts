import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import pg from 'pg'
import type { Store } from '../../src/cache/store.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import type { PostgresStoreOptions } from '../../src/stores/postgres.ts'
import { applicationPool } from '../support/application-pool.ts'
import { freshDatabase } from '../support/servers/shared.ts'
import type { FreshDatabase } from '../support/servers/shared.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'
import { silentLogger as logger } from '../support/silent-logger.ts'

for (const isolation of ['repeatable read', 'serializable'])
  describe(`a database whose default is ${isolation}`, { skip: whyNotTested('postgres') }, () => {
    let database: FreshDatabase
    let pool: pg.Pool
    before(async () => {
      database = await freshDatabase('postgres')
      const client = new pg.Client({ connectionString: database.url })
      await client.connect()
      const name = new URL(database.url).pathname.slice(1)
      await client.query(`ALTER DATABASE ${name} SET default_transaction_isolation = '${isolation}'`)
      await client.end()
      pool = applicationPool(database.url, { max: 10 })
    })
    after(async () => {
      await pool.end()
      await database.drop()
    })

    const ways: [what: string, options: () => PostgresStoreOptions][] = [
      ['on connections of their own', () => ({ connectionString: database.url, maxConnections: 3, minConnections: 0 })],
      ['on a pool of the application', () => ({ pool })],
    ]

    async function using<T>(
      options: PostgresStoreOptions,
      count: number,
      work: (stores: Store[]) => Promise<T>,
    ): Promise<T> {
      const open = (): Store => postgresStore({ push: false, operationTimeoutMs: 10_000, logger, ...options })
      const stores = Array.from({ length: count }, open)
      try {
        return await work(stores)
      } finally {
        for (const store of stores) await store.close()
      }
    }

    for (const [what, options] of ways) {
      const letter = what.at(-1)
      test(`ten instances that start together all get ready, ${what}`, async () => {
        for (let round = 0; round < 3; round++)
          await using({ ...options(), tableName: `start_${letter}${round}` }, 10, async (stores) => {
            await Promise.all(stores.map((store) => store.init({ maxStalenessMs: 1_000 })))
          })
      })

      test(`those who remove and bump the same at once are all answered, and one of them removed it, ${what}`, async () => {
        await using({ ...options(), tableName: `remove_${letter}` }, 2, async (stores) => {
          const [first] = stores
          const lifetime = { idleMs: 60_000 }
          for (let round = 0; round < 10; round++) {
            await first!.create({ key: 'a', value: Buffer.of(1), lifetime, indexes: { subject: 'alice' } })
            const removals = stores.flatMap((store) => [
              store.remove({ key: 'a' }),
              store.remove({ key: 'a' }),
              store.remove({ index: 'subject', values: ['alice'] }),
            ])
            const replies = await Promise.all(removals)
            assert.equal(
              replies.reduce((sum, reply) => sum + reply.removed, 0),
              1,
            )
            const numbers = replies.flatMap((reply) => reply.bumps.map((bump) => bump.n))
            assert.equal(new Set(numbers).size, numbers.length)
          }
        })
      })
    }

    test('connections of the store itself are READ COMMITTED', async () => {
      await using({ connectionString: database.url, tableName: 'seen' }, 1, async ([store]) => {
        await store!.ping()
        await pool.query(`CREATE TABLE told (isolation TEXT)`)
        await pool.query(`CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          INSERT INTO told VALUES (current_setting('transaction_isolation')); RETURN NEW; END $$`)
        await pool.query('CREATE TRIGGER tell BEFORE INSERT ON seen FOR EACH ROW EXECUTE FUNCTION tell()')
        await store!.create({ key: 'a', value: Buffer.of(1), lifetime: { idleMs: 1_000 } })
        assert.deepEqual((await pool.query('SELECT isolation FROM told')).rows, [{ isolation: 'read committed' }])
      })
    })
  })
