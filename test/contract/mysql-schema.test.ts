import assert from 'node:assert/strict'
import { after, afterEach, describe, test } from 'node:test'
import { createConnection } from 'mysql2/promise'
import type { Connection, RowDataPacket } from 'mysql2/promise'
import type { NewEntry, Store } from '../../src/cache/store.ts'
import { isSallyportError } from '../../src/shared/errors.ts'
import { mysqlStore } from '../../src/stores/mysql.ts'
import type { MysqlStoreOptions } from '../../src/stores/mysql.ts'
import { freshDatabase } from '../support/servers/shared.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'

const logger = { debug() {}, info() {}, warn() {}, error() {} }
const hour = 3_600_000

const stores: Store[] = []
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close()
})

function opened(options: MysqlStoreOptions): Store {
  const store = mysqlStore({ logger, minConnections: 0, ...options })
  stores.push(store)
  return store
}

function entry(key: string, value: string = 'value'): NewEntry {
  return { key, value: Buffer.from(value), lifetime: { idleMs: hour } }
}

/** Whether the rejection is a refusal of what is in the database, saying this. */
function refusal(...said: readonly RegExp[]): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isSallyportError(error), String(error))
    assert.equal(error.code, 'ERR_STORE_MISMATCH')
    for (const each of said) assert.match(error.message, each)
    return true
  }
}

async function rows(connection: Connection, sql: string): Promise<RowDataPacket[]> {
  const [found] = await connection.query<RowDataPacket[]>(sql)
  return found
}

for (const kind of ['mariadb', 'mysql'] as const) {
  describe(kind, { skip: whyNotTested(kind) }, async () => {
    const { url: connectionString, drop } = await freshDatabase(kind)
    const admin = await createConnection(connectionString)
    after(async () => {
      await admin.end()
      await drop()
    })

    test('tables are made by InnoDB, with utf8mb4 for texts', async () => {
      await opened({ connectionString, tableName: 'made' }).ping()
      const found = await rows(
        admin,
        `SELECT table_name AS name, engine AS engine, row_format AS format, table_collation AS collation
          FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name LIKE 'made%' ORDER BY name`,
      )
      const wanted = { engine: 'InnoDB', format: 'Dynamic', collation: 'utf8mb4_bin' }
      assert.deepEqual(
        found.map((row) => ({ ...row })),
        ['made', 'made_epoch', 'made_meta'].map((name) => ({ name, ...wanted })),
      )
    })

    test('a verifier goes to its own table, and is taken from there', async () => {
      const store = opened({ connectionString, tableName: 'two', verifierTableName: 'two_verifiers' })
      await store.create(entry('cv:state'))
      await store.create(entry('session:a'))
      assert.equal((await rows(admin, 'SELECT 1 FROM two_verifiers')).length, 1)
      assert.equal((await rows(admin, 'SELECT 1 FROM two')).length, 1)
      assert.equal((await store.stats()).entries, 2)
      const { entries } = await store.read(['session:a', 'cv:state', 'cv:other'])
      assert.deepEqual(
        entries.map((found) => found?.key),
        ['session:a', 'cv:state', undefined],
      )
      assert.equal((await store.take('cv:state'))?.key, 'cv:state')
      assert.equal((await store.stats()).entries, 1)
    })

    test('of a unit that fails nothing stays', async () => {
      const store = opened({ connectionString, tableName: 'unit', verifierTableName: 'unit_verifiers' })
      const writes = [entry('a'), entry(`cv:${'x'.repeat(1_020)}`), entry('b')]
      const outcomes = await store.writeMany!(writes.map((each) => ({ operation: 'create', entry: each })))
      // The one with the key that is too long let all three fail, and then each was made alone: again, if it was kept.
      assert.deepEqual(
        outcomes.map((outcome) => ('error' in outcome ? 'failed' : outcome.reply.outcome)),
        ['created', 'failed', 'created'],
      )
    })

    for (const [what, columns] of [
      ['texts in another character set', 'cache_key VARCHAR(255) PRIMARY KEY, cache_value TEXT, expires_at INT'],
      [
        'bytes, and small letters for large ones',
        'cache_key VARCHAR(255) COLLATE utf8mb4_general_ci PRIMARY KEY, cache_value LONGBLOB NOT NULL, expires_at BIGINT',
      ],
    ] as const) {
      test(`a plain table is upgraded where it stands and keeps its rows: ${what}`, async () => {
        const plain = `plain_${columns.length}`
        const charset = columns.includes('TEXT') ? 'latin1' : 'utf8mb4'
        await admin.query(`CREATE TABLE ${plain} (${columns}) DEFAULT CHARSET=${charset}`)
        const expiresAt = Math.floor(Date.now() / 1_000) + 1_000
        const insert = `INSERT INTO ${plain} VALUES (?, ?, ?), (?, ?, ?)`
        await admin.query(insert, ['käy', 'välue', expiresAt, 'old', 'gone', expiresAt - 2_000])
        const store = opened({ connectionString, tableName: plain })
        const { entries, storeNow } = await store.read(['käy', 'old'])
        assert.equal(entries[1], undefined)
        assert.equal(String(entries[0] && Buffer.from(entries[0].value)), 'välue')
        assert.equal(entries[0]?.version, 1)
        assert.equal(entries[0]?.times.expiresAt, expiresAt * 1_000)
        assert.ok(Math.abs((entries[0]?.times.createdAt ?? 0) - storeNow) < 60_000)
        assert.equal((await store.replace('käy', 1, { value: Buffer.of(1), bump: true })).outcome, 'replaced')
      })
    }

    for (const type of ['LONGBLOB', 'TEXT', 'JSON'])
      test(`a plain table with rows without a value or a deadline, or with one at the end of time, is upgraded: ${type}`, async () => {
        const tableName = `odd_${type}`.toLowerCase()
        await admin.query(
          `CREATE TABLE ${tableName} (cache_key VARCHAR(255) PRIMARY KEY, cache_value ${type}, expires_at BIGINT)`,
        )
        await admin.query(`INSERT INTO ${tableName} VALUES ('never', '1', 9223372036854775807),
          ('past', '2', -9223372036854775808), ('none', '3', NULL), ('empty', NULL, 99999999999)`)
        const store = opened({ connectionString, tableName })
        const { entries } = await store.read(['never', 'past', 'none', 'empty'])
        assert.equal(entries[0]?.times.expiresAt, 8_640_000_000_000_000)
        assert.deepEqual([entries[1], entries[2]], [undefined, undefined])
        assert.equal(Buffer.from(entries[3]?.value ?? []).toString(), 'null')
        assert.equal(await store.sweep(10), 2)
      })

    for (const [what, definition] of [
      ['other columns', '(id INT PRIMARY KEY, cache_key VARCHAR(255))'],
      ['another primary key', '(cache_key VARCHAR(255), cache_value TEXT, expires_at INT PRIMARY KEY)'],
      ['no primary key', '(cache_key VARCHAR(255), cache_value TEXT, expires_at INT)'],
      ['another engine', '(cache_key VARCHAR(99) PRIMARY KEY, cache_value TEXT, expires_at INT) ENGINE=MyISAM'],
    ] as const) {
      test(`a table with ${what} is refused and left as it is`, async () => {
        const name = `foreign_${definition.length}`
        await admin.query(`CREATE TABLE ${name} ${definition}`)
        const before = await rows(admin, `SHOW CREATE TABLE ${name}`)
        await assert.rejects(opened({ connectionString, tableName: name }).ping(), refusal(/choose another/))
        assert.deepEqual(await rows(admin, `SHOW CREATE TABLE ${name}`), before)
        assert.equal((await rows(admin, `SHOW TABLES LIKE '${name}%'`)).length, 1)
      })
    }

    test('tables of a newer release are refused', async () => {
      await opened({ connectionString, tableName: 'newer' }).ping()
      await admin.query('UPDATE newer_meta SET schema_version = 99')
      await assert.rejects(opened({ connectionString, tableName: 'newer' }).ping(), refusal(/version 99/))
    })

    test('without autoMigrate nothing is made, and the error says what makes it', async () => {
      const store = opened({ connectionString, tableName: 'manual', autoMigrate: false })
      await assert.rejects(store.ping(), refusal(/sallyport schema apply --table-name manual/))
      assert.deepEqual(await rows(admin, "SHOW TABLES LIKE 'manual%'"), [])
      await opened({ connectionString, tableName: 'manual' }).ping()
      await store.ping()
    })

    test('a user who may not make tables is told which statements somebody else has to run', async () => {
      const name = `u${Date.now().toString(36)}`
      const database = new URL(connectionString).pathname.slice(1)
      await admin.query(`CREATE USER ${name} IDENTIFIED BY 'port'`)
      await admin.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ${database}.* TO ${name}`)
      const url = new URL(connectionString)
      url.username = name
      url.password = 'port'
      const store = opened({ connectionString: url.href, tableName: 'forbidden' })
      let said = ''
      await assert.rejects(store.ping(), (error: Error) => {
        said = error.message
        return refusal(/CREATE TABLE IF NOT EXISTS `forbidden`/, /`forbidden_meta`/)(error)
      })
      for (const statement of said.slice(said.indexOf('\n')).split(';\n')) await admin.query(statement)
      await store.create(entry('a'))
      assert.equal((await store.remove({ key: 'a' })).removed, 1)
      assert.equal(await store.sweep(10), 0)
      await admin.query(`DROP USER ${name}`)
    })

    for (const [what, definition] of [
      ['nothing', undefined],
      ['a plain table', '(cache_key VARCHAR(255) PRIMARY KEY, cache_value TEXT, expires_at INT)'],
    ] as const) {
      test(`ten instances that start at once on ${what} all get ready, with one identity`, async () => {
        const tableName = `together_${what.length}`
        if (definition !== undefined) await admin.query(`CREATE TABLE ${tableName} ${definition}`)
        const instances = Array.from({ length: 10 }, () =>
          opened({ connectionString, tableName, operationTimeoutMs: 10_000 }),
        )
        await Promise.all(instances.map((store) => store.init({ maxStalenessMs: 1_000 })))
        const replies = await Promise.all(instances.map((store) => store.epochs([])))
        assert.equal(new Set(replies.map((reply) => reply.incarnation)).size, 1)
      })
    }

    test('tables that were dropped are made again, with another identity', async () => {
      const store = opened({ connectionString, tableName: 'dropped' })
      await store.init({ maxStalenessMs: 7_000 })
      const { incarnation } = await store.epochs([])
      await admin.query('DROP TABLE dropped, dropped_epoch, dropped_meta')
      await assert.rejects(store.read(['a']), refusal(/missing/))
      await store.read(['a'])
      const again = await store.epochs([])
      assert.notEqual(again.incarnation, incarnation)
      assert.equal(again.maxStalenessMs, 7_000)
    })

    for (const tableName of ['order', 'Mixed_Case', 'x'.repeat(52)]) {
      test(`a table may be called ${tableName}`, async () => {
        const store = opened({ connectionString, tableName })
        await store.create(entry('a'))
        assert.equal((await store.remove({ key: 'a' })).removed, 1)
        await opened({ connectionString, tableName, autoMigrate: false }).ping()
      })
    }
  })
}
