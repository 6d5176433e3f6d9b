import assert from 'node:assert/strict'
import { after, afterEach, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Pool as CallbackPool } from 'mysql2'
import { createConnection, createPool } from 'mysql2/promise'
import type { Connection, Pool, PoolOptions, RowDataPacket } from 'mysql2/promise'
import type { NewEntry, Store } from '../../src/cache/store.ts'
import { hasCode, isSallyportError } from '../../src/shared/errors.ts'
import { mysqlStore } from '../../src/stores/mysql.ts'
import type { MysqlStoreOptions } from '../../src/stores/mysql.ts'
import { faultProxy } from '../../src/testing.ts'
import { eventually } from '../support/eventually.ts'
import { freshDatabase } from '../support/servers/shared.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'

const logger = { debug() {}, info() {}, warn() {}, error() {} }
const hour = 3_600_000

const stores: Store[] = []
const pools: Pool[] = []
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close()
  for (const pool of pools.splice(0)) await pool.end()
})

function opened(options: MysqlStoreOptions): Store {
  const store = mysqlStore({ logger, ...options })
  stores.push(store)
  return store
}

function poolWith(options: PoolOptions): Pool {
  const pool = createPool(options)
  pools.push(pool)
  return pool
}

/** A pool each of whose connections is set so. */
function settingPool(uri: string, setting: string): Pool {
  const pool = poolWith({ uri, connectionLimit: 4 })
  pool.on('connection', (connection) => void connection.query(`SET SESSION ${setting}`))
  return pool
}

function entry(key: string, rest: Partial<NewEntry> = {}): NewEntry {
  return { key, value: Buffer.from(`value of ${key}`), lifetime: { idleMs: hour }, ...rest }
}

function answers(operation: () => Promise<unknown>): Promise<boolean> {
  return operation().then(
    () => true,
    () => false,
  )
}

async function connectionsOf(admin: Connection): Promise<number> {
  const [rows] = await admin.query<RowDataPacket[]>(
    'SELECT COUNT(*) AS n FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()',
  )
  return Number(rows[0]?.n)
}

/** How many wait for a lock of a row. */
async function waitingFor(admin: Connection): Promise<number> {
  const [rows] = await admin.query<RowDataPacket[]>(
    "SELECT COUNT(*) AS n FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
  )
  return Number(rows[0]?.n)
}

/** A connection of a pool, which has it only if nobody else does. */
function lentBy(pool: Pool | CallbackPool): Promise<{ release(): void }> {
  const core = 'pool' in pool ? pool.pool : pool
  return new Promise((resolve, reject) => {
    core.getConnection((error, connection) => (error ? reject(error) : resolve(connection)))
  })
}

for (const kind of ['mariadb', 'mysql'] as const) {
  describe(kind, { skip: whyNotTested(kind) }, async () => {
    const { url: connectionString, drop } = await freshDatabase(kind)
    const admin = await createConnection(connectionString)
    after(async () => {
      await admin.end()
      await drop()
    })

    test('32 writers who lock the same rows in every order all succeed, whatever the database makes of it', async () => {
      const store = opened({ connectionString, tableName: 'storm', maxConnections: 32, operationTimeoutMs: 20_000 })
      const subjects = Array.from({ length: 4 }, (_, i) => `s${i}`)
      let serial = 0
      const rounds = Array.from({ length: 32 }, async (_, writer) => {
        for (let round = 0; round < 12; round++) {
          const subject = subjects[(writer + round) % 4]!
          const keys = Array.from({ length: 4 }, () => `key-${serial++ % 97}`)
          const indexes = { subject, sid: `sid${(writer * round) % 5}` }
          const made = await store.writeMany!(
            keys.map((key) => ({ operation: 'create', entry: entry(key, { indexes }) })),
          )
          const change = { value: Buffer.of(round), bump: true }
          const changed = await store.writeMany!(
            keys.reverse().map((key) => ({ operation: 'replace', key, version: 1, change })),
          )
          assert.ok([...made, ...changed].every((outcome) => 'reply' in outcome))
          await store.extend(keys[0]!, 2 * hour)
          await store.remove(
            round % 2 === 0 ? { index: 'subject', values: [subject] } : { index: 'sid', values: [indexes.sid] },
          )
          await store.remove({ key: keys[1]! })
        }
      })
      await Promise.all(rounds)
      const { numbers } = await store.epochs([])
      assert.ok(numbers.some((n) => n > 0))
    })

    for (const [what, statement, wanted] of [
      [
        'gone',
        "DELETE FROM overtaken WHERE cache_key = 'a'",
        { extend: 'absent', replace: 'absent', 'replace and bump': 'absent', take: undefined, create: 'created' },
      ],
      [
        'changed',
        "UPDATE overtaken SET version = 2, last_accessed_at = last_accessed_at + 1 WHERE cache_key = 'a'",
        { extend: 'extended', replace: 'conflict', 'replace and bump': 'conflict', take: 2, create: 'present' },
      ],
    ] as const) {
      test(`whoever finds the entry ${what} when its turn comes is told so`, async () => {
        const store = opened({ connectionString, tableName: 'overtaken', operationTimeoutMs: 10_000 })
        const change = { value: Buffer.of(1), bump: false }
        const operations: Record<keyof typeof wanted, () => Promise<unknown>> = {
          extend: async () => (await store.extend('a', 2 * hour)).outcome,
          replace: async () => (await store.replace('a', 1, change)).outcome,
          'replace and bump': async () => (await store.replace('a', 1, { ...change, bump: true })).outcome,
          take: async () => (await store.take('a'))?.version,
          create: async () => (await store.create(entry('a'))).outcome,
        }
        for (const [name, operation] of Object.entries(operations)) {
          await store.remove({ key: 'a' })
          await store.create(entry('a'))
          await admin.query('START TRANSACTION')
          await admin.query(statement)
          const answer = operation()
          // More often the server would answer from memory.
          await eventually(
            () => waitingFor(admin),
            (count) => count === 1,
            { everyMs: 150 },
          )
          await admin.query('COMMIT')
          assert.equal(await answer, wanted[name as keyof typeof wanted], name)
        }
      })
    }

    test('200 requests on a pool of two are all answered, or told so in time, and then all is well', async () => {
      const limitMs = 500
      const store = opened({ connectionString, tableName: 'narrow', maxConnections: 2, operationTimeoutMs: limitMs })
      await store.create(entry('a'))
      await admin.query('START TRANSACTION')
      await admin.query('SELECT * FROM narrow FOR UPDATE')
      const outcomes = await Promise.allSettled(
        Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? store.extend('a', hour) : store.read(['a']))),
      )
      await admin.query('ROLLBACK')
      const errors = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []))
      assert.ok(errors.length > 0)
      for (const error of errors) assert.ok(isSallyportError(error) && error.code === 'ERR_STORE_UNAVAILABLE')
      const after200 = await Promise.all(Array.from({ length: 50 }, () => store.read(['a'])))
      assert.ok(after200.every(({ entries }) => entries[0] !== undefined))
      const { pool } = await store.stats()
      assert.ok(pool !== undefined && pool.max === 2 && pool.inUse <= 1 && pool.waiting === 0)
      assert.ok(pool.acquireTimeouts > 0)
      await eventually(
        () => connectionsOf(admin),
        (count) => count <= 3,
      )
    })

    test('10,000 operations leave no connection behind, and close leaves none at all', async () => {
      const store = opened({ connectionString, tableName: 'cycles', maxConnections: 4, minConnections: 2 })
      await store.create(entry('a'))
      for (let round = 0; round < 100; round++) await Promise.all(Array.from({ length: 100 }, () => store.read(['a'])))
      assert.ok((await connectionsOf(admin)) <= 5)
      const { pool } = await store.stats()
      assert.ok(pool !== undefined && pool.open <= 4 && pool.discarded === 0)
      await store.close()
      await eventually(
        () => connectionsOf(admin),
        (count) => count === 0,
      )
    })

    test('a connection that falls silent while it is made keeps no place in the pool', async () => {
      const proxy = await faultProxy({ target: { port: Number(new URL(connectionString).port) } })
      try {
        for (const afterMs of [30, 70, 110, 150]) {
          proxy.latency(20)
          const options = { tableName: 'silent', maxConnections: 1, operationTimeoutMs: 300 }
          const store = opened({ connectionString: proxy.via(connectionString), ...options })
          const first = answers(() => store.read(['a']))
          await pause(afterMs)
          proxy.blackHole({ held: 'lost' })
          await first
          await proxy.heal()
          await eventually(
            () => answers(() => store.read(['a'])),
            (isAnswered) => isAnswered,
          )
          await store.close()
        }
      } finally {
        await proxy.close()
      }
    })

    test('close ends in time although the database fell silent while its tables were looked at', async () => {
      const proxy = await faultProxy({ target: { port: Number(new URL(connectionString).port) } })
      try {
        for (const afterMs of [30, 70, 150, 200]) {
          proxy.latency(20)
          const store = opened({ connectionString: proxy.via(connectionString), operationTimeoutMs: 300 })
          const first = answers(() => store.read(['a']))
          await pause(afterMs)
          proxy.blackHole({ held: 'lost' })
          await first
          // Not only after the 30 seconds that making tables may take.
          assert.equal(await Promise.race([store.close(), pause(10_000, 'late', { ref: false })]), undefined)
          await proxy.heal()
        }
      } finally {
        await proxy.close()
      }
    })

    test('close does not wait for background work as long as that may take', async () => {
      const store = opened({ connectionString, tableName: 'held', operationTimeoutMs: 300 })
      await store.create(entry('old', { lifetime: { idleMs: 0 } }))
      await admin.query('START TRANSACTION')
      await admin.query('SELECT * FROM held FOR UPDATE')
      const sweeping = assert.rejects(store.sweep(10), (error) => hasCode(error, 'ERR_CLOSED'))
      await eventually(
        () => waitingFor(admin),
        (count) => count === 1,
        { everyMs: 150 },
      )
      // Not only after the 30 seconds of background work.
      assert.equal(await Promise.race([store.close(), pause(10_000, 'late', { ref: false })]), undefined)
      await sweeping
      await admin.query('ROLLBACK')
    })

    test('the least number of connections is opened ahead of the first requests', async () => {
      const store = opened({ connectionString, tableName: 'ahead', minConnections: 3 })
      await store.ping()
      await eventually(
        () => store.stats(),
        ({ pool }) => (pool?.open ?? 0) >= 3,
      )
    })

    test('connections that were cut while they were idle are replaced', async () => {
      const store = opened({ connectionString, tableName: 'cut', minConnections: 0 })
      await store.ping()
      await store.epochs([])
      const [rows] = await admin.query<RowDataPacket[]>(
        'SELECT id AS id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()',
      )
      for (const { id } of rows) await admin.query(`KILL ${id}`)
      await eventually(
        () => connectionsOf(admin),
        (count) => count === 0,
      )
      for (const operation of [() => store.ping(), () => store.epochs([])])
        await eventually(
          () => answers(operation),
          (isAnswered) => isAnswered,
        )
    })

    for (const [what, poolOf] of [
      ['promises', () => poolWith({ uri: connectionString, connectionLimit: 4 })],
      ['callbacks', () => poolWith({ uri: connectionString, connectionLimit: 4 }).pool],
      [
        'large numbers as texts',
        () => poolWith({ uri: connectionString, connectionLimit: 4, supportBigNumbers: true, bigNumberStrings: true }),
      ],
      ['rows as arrays', () => poolWith({ uri: connectionString, connectionLimit: 4, rowsAsArray: true })],
      ['another time zone', () => settingPool(connectionString, "time_zone = '+07:00'")],
      ['no values of its own types', () => poolWith({ uri: connectionString, connectionLimit: 4, typeCast: false })],
    ] as const) {
      test(`a pool of the application is used and stays open: one of ${what}`, async () => {
        const pool = poolOf()
        const store = opened({ pool, tableName: what.replaceAll(' ', '_') })
        const reply = await store.create(entry(what, { indexes: { subject: what } }))
        assert.ok(reply.outcome === 'created')
        const replaced = await store.replace(what, 1, { value: Buffer.of(1), bump: true })
        assert.equal(replaced.outcome, 'replaced')
        const { entries } = await store.read([what])
        assert.deepEqual(entries[0]?.times, reply.times)
        assert.ok(Math.abs(reply.storeNow - Date.now()) < 60_000)
        assert.equal((await store.epochs([])).recent.at(-1)?.keys[0], what)
        assert.equal((await store.remove({ index: 'subject', values: [what] })).removed, 1)
        await store.close()
        for (const connection of await Promise.all([1, 2, 3, 4].map(() => lentBy(pool)))) connection.release()
      })
    }

    test('a store that would leave the requests of a shared pool no connection is refused, until another is closed', async () => {
      const pool = poolWith({ uri: connectionString, connectionLimit: 2 })
      const [first, second] = ['first', 'second'].map((tableName) => opened({ pool, tableName }))
      await first!.epochs([])
      await assert.rejects(second!.epochs([]), /at least 3 connections: 2 stores/)
      assert.deepEqual((await first!.read(['a'])).entries, [undefined])
      await first!.close()
      await second!.epochs([])
      assert.deepEqual((await second!.read(['a'])).entries, [undefined])
    })

    test('a pool of the application may be SERIALIZABLE', async () => {
      const store = opened({
        pool: settingPool(connectionString, 'TRANSACTION ISOLATION LEVEL SERIALIZABLE'),
        tableName: 'serializable',
      })
      await store.create(entry('a'))
      const change = { value: Buffer.of(1), bump: true }
      await Promise.all([1, 2, 3, 4].map(() => store.extend('a', hour)))
      assert.equal((await store.replace('a', 1, change)).outcome, 'replaced')
      const removals = await Promise.all([1, 2, 3, 4].map(() => store.remove({ key: 'a' })))
      assert.equal(removals.filter(({ removed }) => removed === 1).length, 1)
    })

    for (const [what, poolOf, said] of [
      ['has autocommit off', () => settingPool(connectionString, 'autocommit = 0'), /autocommit/],
      ['counts changed rows', () => poolWith({ uri: connectionString, flags: ['-FOUND_ROWS'] }), /FOUND_ROWS/],
      ['has a lax SQL mode', () => settingPool(connectionString, "sql_mode = ''"), /strict/],
      ['has another character set', () => poolWith({ uri: connectionString, charset: 'latin1' }), /utf8mb4/],
      [
        'reads what is not committed',
        () => settingPool(connectionString, 'TRANSACTION ISOLATION LEVEL READ UNCOMMITTED'),
        /READ UNCOMMITTED/,
      ],
      ['selects no database', () => poolWith({ uri: connectionString.replace(/[^/]*$/, '') }), /selects no database/],
    ] as const) {
      test(`a pool of the application is refused if it ${what}`, async () => {
        await assert.rejects(opened({ pool: poolOf(), tableName: 'refused' }).ping(), said)
      })
    }
  })
}
