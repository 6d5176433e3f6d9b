import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Client } from 'pg'
import type { Store } from '../../src/cache/store.ts'
import { isSallyportError } from '../../src/shared/errors.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import type { PostgresStoreOptions } from '../../src/stores/postgres.ts'
import { freshDatabase } from '../support/servers/shared.ts'
import type { FreshDatabase } from '../support/servers/shared.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'

for (const kind of ['postgres', 'postgres18'] as const) {
  describe(`tables on ${kind}`, { skip: whyNotTested(kind) }, () => {
    let database: FreshDatabase
    let client: Client
    let tables = 0
    before(async () => {
      database = await freshDatabase(kind)
      client = new Client({ connectionString: database.url })
      await client.connect()
    })
    after(async () => {
      await client.end()
      await database.drop()
    })

    const nextTable = (): string => `t${++tables}`

    async function using<T>(
      options: Omit<PostgresStoreOptions, 'pool'>,
      work: (store: Store) => Promise<T>,
    ): Promise<T> {
      const store = postgresStore({ connectionString: database.url, maxConnections: 3, push: false, ...options })
      try {
        await store.init({ maxStalenessMs: 1_000 })
        return await work(store)
      } finally {
        await store.close()
      }
    }

    async function assertMismatch(options: Omit<PostgresStoreOptions, 'pool'>, message: RegExp): Promise<void> {
      await assert.rejects(
        using(options, async () => {}),
        (error) => isSallyportError(error) && error.code === 'ERR_STORE_MISMATCH' && message.test(error.message),
      )
    }

    async function value(text: string): Promise<unknown> {
      const { rows } = await client.query({ text, rowMode: 'array' })
      return rows[0]?.[0]
    }

    for (const [type, literal] of [
      ['TEXT', `'kept'`],
      ['VARCHAR(4000)', `'kept'`],
      ['BYTEA', `convert_to('kept', 'UTF8')`],
    ] as const) {
      test(`a plain table with ${type} values is upgraded in place, and its rows stay`, async () => {
        const tableName = nextTable()
        const expiresAt = Math.floor(Date.now() / 1_000) + 3_600
        await client.query(
          `CREATE TABLE ${tableName} (cache_key VARCHAR(255) PRIMARY KEY, cache_value ${type} NOT NULL, expires_at INTEGER NOT NULL)`,
        )
        await client.query(`INSERT INTO ${tableName} VALUES ('a', ${literal}, ${expiresAt}), ('old', ${literal}, 1)`)
        await using({ tableName }, async (store) => {
          const { entries } = await store.read(['a', 'old'])
          assert.equal(Buffer.from(entries[0]?.value ?? []).toString(), 'kept')
          assert.equal(entries[0]?.times.expiresAt, expiresAt * 1_000)
          assert.equal(entries[1], undefined)
          assert.equal((await store.replace('a', 1, { value: Buffer.from('new'), bump: true })).outcome, 'replaced')
          assert.equal(await store.sweep(10), 1)
        })
      })
    }

    for (const jsonb of [false, true])
      test(`a plain table with rows without a value or a deadline, or with one at the end of time, is upgraded (jsonb: ${jsonb})`, async () => {
        const tableName = nextTable()
        await client.query(
          `CREATE TABLE ${tableName} (cache_key TEXT PRIMARY KEY, cache_value TEXT, expires_at BIGINT)`,
        )
        await client.query(`INSERT INTO ${tableName} VALUES ('never', '1', 9223372036854775807),
          ('past', '2', -9223372036854775808), ('none', '3', NULL), ('empty', NULL, 99999999999)`)
        await using({ tableName, jsonb }, async (store) => {
          const { entries } = await store.read(['never', 'past', 'none', 'empty'])
          assert.equal(entries[0]?.times.expiresAt, 8_640_000_000_000_000)
          assert.deepEqual([entries[1], entries[2]], [undefined, undefined])
          assert.equal(Buffer.from(entries[3]?.value ?? [9]).toString(), jsonb ? 'null' : '')
          assert.equal(await store.sweep(10), 2)
        })
      })

    test('an upgraded table has the columns, types and indexes of a new one', async () => {
      const [plain, fresh] = [nextTable(), nextTable()]
      await client.query(
        `CREATE TABLE ${plain} (cache_key VARCHAR(255) PRIMARY KEY, cache_value TEXT, expires_at BIGINT)`,
      )
      for (const tableName of [plain, fresh]) await using({ tableName }, async () => {})
      const shapeOf = async (table: string): Promise<unknown[]> => {
        const { rows } = await client.query(
          `SELECT (SELECT string_agg(concat(attname, format_type(atttypid, atttypmod), attnotnull, attstorage), ',' ORDER BY attname)
              FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS columns, c.reloptions,
            (SELECT string_agg(replace(pg_get_indexdef(indexrelid), '${table}', 'x'), ',' ORDER BY indexrelid::regclass::text)
              FROM pg_index WHERE indrelid = c.oid) AS indexes, c.relpersistence
          FROM pg_class c WHERE c.oid = '${table}'::regclass`,
        )
        return rows
      }
      assert.deepEqual(await shapeOf(plain), await shapeOf(fresh))
    })

    test('a plain table becomes UNLOGGED with JSONB values if the options say so', async () => {
      const tableName = nextTable()
      await client.query(`CREATE TABLE ${tableName} (cache_key TEXT PRIMARY KEY, cache_value TEXT, expires_at BIGINT)`)
      await client.query(`INSERT INTO ${tableName} VALUES ('a', '{"b": 1}', 99999999999)`)
      await using({ tableName, unlogged: true, jsonb: true }, async (store) => {
        const { entries } = await store.read(['a'])
        assert.deepEqual(JSON.parse(Buffer.from(entries[0]?.value ?? []).toString()), { b: 1 })
      })
      assert.equal(await value(`SELECT relpersistence FROM pg_class WHERE oid = '${tableName}'::regclass`), 'u')
    })

    for (const [what, columns] of [
      ['other columns', 'id INTEGER PRIMARY KEY, name TEXT'],
      ['a fourth column', 'cache_key TEXT PRIMARY KEY, cache_value TEXT, expires_at BIGINT, owner TEXT'],
      ['no key', 'cache_key TEXT, cache_value TEXT, expires_at BIGINT'],
      ['a deadline that is no number', 'cache_key TEXT PRIMARY KEY, cache_value TEXT, expires_at TIMESTAMPTZ'],
      ['values that are numbers', 'cache_key TEXT PRIMARY KEY, cache_value INTEGER, expires_at BIGINT'],
    ] as const) {
      test(`a table with ${what} is refused and left alone`, async () => {
        const tableName = nextTable()
        await client.query(`CREATE TABLE ${tableName} (${columns})`)
        await assertMismatch({ tableName }, new RegExp(tableName))
        const made = `SELECT count(*)::int FROM pg_attribute WHERE attrelid = '${tableName}'::regclass AND attnum > 0`
        assert.equal(await value(made), columns.split(',').length)
      })
    }

    test('a view of that name is refused', async () => {
      const tableName = nextTable()
      await client.query(`CREATE VIEW ${tableName} AS SELECT 'a' AS cache_key, 'b' AS cache_value, 1 AS expires_at`)
      await assertMismatch({ tableName }, /primary key/)
    })

    test('tables of a newer release, or with other buckets, are refused', async () => {
      const tableName = nextTable()
      await using({ tableName }, async () => {})
      await client.query(`UPDATE ${tableName}_meta SET schema_version = 99`)
      await assertMismatch({ tableName }, /schema version 99/)
      await client.query(`UPDATE ${tableName}_meta SET schema_version = 1, buckets = 16`)
      await assertMismatch({ tableName }, /16 epoch buckets/)
    })

    test('a table of another kind than the options say is refused, with what to do', async () => {
      const [logged, unlogged, jsonb] = [nextTable(), nextTable(), nextTable()]
      await using({ tableName: logged }, async () => {})
      await using({ tableName: unlogged, unlogged: true }, async () => {})
      await using({ tableName: jsonb, jsonb: true }, async () => {})
      await assertMismatch({ tableName: logged, unlogged: true }, /ALTER TABLE .* SET UNLOGGED/)
      await assertMismatch({ tableName: unlogged }, /ALTER TABLE .* SET LOGGED/)
      await assertMismatch({ tableName: logged, jsonb: true }, /bytea/)
      await assertMismatch({ tableName: jsonb }, /jsonb/)
    })

    test('only the entries are UNLOGGED: epochs survive a crash', async () => {
      const tableName = nextTable()
      await using({ tableName, unlogged: true }, async () => {})
      const persistence = `SELECT string_agg(relpersistence, '' ORDER BY relname) FROM pg_class
        WHERE relname IN ('${tableName}', '${tableName}_epoch', '${tableName}_meta')`
      assert.equal(await value(persistence), 'upp')
    })

    test('without autoMigrate missing tables are an error that names the command, and nothing is made', async () => {
      const tableName = nextTable()
      await assertMismatch({ tableName, autoMigrate: false }, /schema apply/)
      assert.equal(await value(`SELECT to_regclass('${tableName}')`), null)
      await using({ tableName }, async () => {})
      await using({ tableName, autoMigrate: false }, (store) => store.ping())
    })

    test('a user who may make no tables is told the statements, which work', async () => {
      const tableName = nextTable()
      const role = `${database.prefix.slice(0, -1)}_reader`
      await client.query(`CREATE ROLE ${role} LOGIN PASSWORD 'secret'; REVOKE CREATE ON SCHEMA public FROM PUBLIC`)
      const url = new URL(database.url)
      Object.assign(url, { username: role, password: 'secret' })
      const connectionString = url.href
      try {
        const refused = await using({ connectionString, tableName }, async () => '').catch(
          (error: Error) => error.message,
        )
        await client.query(refused.slice(refused.indexOf('CREATE')))
        await client.query(`GRANT SELECT ON ${tableName}, ${tableName}_epoch TO ${role}`)
        await client.query(`GRANT SELECT, UPDATE ON ${tableName}_meta TO ${role}`)
        await using({ connectionString, tableName }, async (store) => {
          assert.deepEqual((await store.read(['a'])).entries, [undefined])
          await assert.rejects(store.remove({ key: 'a' }), /grant SELECT, INSERT, UPDATE and DELETE/)
        })
      } finally {
        await client.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
      }
    })

    test('twenty instances that start together make the tables once', async () => {
      const tableName = nextTable()
      const incarnations = await Promise.all(
        Array.from({ length: 20 }, () =>
          using({ tableName, maxConnections: 1 }, async (store) => (await store.epochs([])).incarnation),
        ),
      )
      assert.equal(new Set(incarnations).size, 1)
    })

    test('tables that were dropped are made again, with the staleness that was promised', async () => {
      const tableName = nextTable()
      await using({ tableName }, async (store) => {
        const first = await store.epochs([])
        await client.query(`DROP TABLE ${tableName}, ${tableName}_epoch, ${tableName}_meta`)
        await assert.rejects(
          store.read(['a']),
          (error) => isSallyportError(error) && error.code === 'ERR_STORE_MISMATCH',
        )
        assert.deepEqual((await store.read(['a'])).entries, [undefined])
        const again = await store.epochs([])
        assert.notEqual(again.incarnation, first.incarnation)
        assert.equal(again.maxStalenessMs, 1_000)
      })
    })

    test('code verifiers have a table of their own if it is named, and everything works across both', async () => {
      const [tableName, verifierTableName] = [nextTable(), nextTable()]
      await using({ tableName, verifierTableName }, async (store) => {
        const lifetime = { idleMs: 60_000 }
        for (const key of ['cv:a', 'session:a']) await store.create({ key, value: Buffer.from(key), lifetime })
        await store.create({ key: 'cv:old', value: Buffer.from('old'), lifetime: { idleMs: 0 } })
        assert.equal(await value(`SELECT string_agg(cache_key, ',') FROM ${tableName}`), 'session:a')
        const { entries } = await store.read(['cv:a', 'session:a', 'cv:b', 'cv:a'])
        assert.deepEqual(
          entries.map((entry) => entry?.key),
          ['cv:a', 'session:a', undefined, 'cv:a'],
        )
        const outcomes = await store.writeMany!([
          { operation: 'create', entry: { key: 'cv:c', value: Buffer.from('c'), lifetime } },
          { operation: 'create', entry: { key: 'session:c', value: Buffer.from('c'), lifetime } },
          { operation: 'extend', key: 'cv:a', idleMs: 90_000 },
          { operation: 'extend', key: 'session:a', idleMs: 90_000 },
        ])
        assert.deepEqual(
          outcomes.map((outcome) => 'reply' in outcome && outcome.reply.outcome),
          ['created', 'created', 'extended', 'extended'],
        )
        assert.equal((await store.stats()).entries, 5)
        assert.equal(await store.sweep(10), 1)
        assert.equal((await store.take('cv:a'))?.key, 'cv:a')
        assert.equal((await store.remove({ key: 'cv:c' })).removed, 1)
        assert.equal(await value(`SELECT count(*)::int FROM ${verifierTableName}`), 0)
      })
    })

    test('values of 3 KB stay in their page; those of 1 MB move out', async () => {
      const tableName = nextTable()
      await using({ tableName }, async (store) => {
        const lifetime = { idleMs: 60_000 }
        await store.create({ key: 'small', value: Buffer.alloc(3_000, 7), lifetime })
        const moved = `SELECT pg_relation_size(reltoastrelid)::int FROM pg_class WHERE oid = '${tableName}'::regclass`
        assert.equal(await value(moved), 0)
        await store.create({ key: 'large', value: Buffer.alloc(2 ** 20, 7), lifetime })
        assert.ok(Number(await value(moved)) > 2 ** 20)
      })
    })
  })
}
