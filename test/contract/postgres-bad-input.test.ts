import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { inspect } from 'node:util'
import { Client } from 'pg'
import type { PoolConfig } from 'pg'
import type { Store } from '../../src/cache/store.ts'
import { isSallyportError } from '../../src/shared/errors.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import type { PostgresStoreOptions } from '../../src/stores/postgres.ts'
import { freePort } from '../support/servers/ports.ts'
import { applicationPool } from '../support/application-pool.ts'
import { freshDatabase } from '../support/servers/shared.ts'
import type { FreshDatabase } from '../support/servers/shared.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'

const lifetime = { idleMs: 60_000 }

describe('bad input', { skip: whyNotTested('postgres') }, () => {
  let database: FreshDatabase
  before(async () => {
    database = await freshDatabase('postgres')
  })
  after(() => database.drop())

  async function using<T>(options: Omit<PostgresStoreOptions, 'pool'>, work: (store: Store) => Promise<T>): Promise<T> {
    const store = postgresStore({ connectionString: database.url, maxConnections: 3, ...options })
    try {
      return await work(store)
    } finally {
      await store.close()
    }
  }

  function urlWith(change: Partial<Record<'username' | 'password' | 'pathname' | 'port', string>>): string {
    return Object.assign(new URL(database.url), change).href
  }

  async function refusal(connectionString: string): Promise<Error> {
    const error = await using({ connectionString }, (store) => store.read(['a'])).catch((thrown: unknown) => thrown)
    assert.ok(isSallyportError(error) && error.code === 'ERR_STORE_UNAVAILABLE')
    return error
  }

  test('a database that does not exist is named as the problem', async () => {
    assert.match((await refusal(urlWith({ pathname: '/nowhere' }))).message, /database does not exist/)
  })

  test('a port where nothing listens is named as the problem', async () => {
    assert.match((await refusal(urlWith({ port: String(await freePort()) }))).message, /nothing listens/)
  })

  test('a certificate that is not there is named as the problem, not a socket', async () => {
    const { message } = await refusal(`${database.url}?sslrootcert=/nowhere/ca.pem`)
    assert.match(message, /a file that `connectionString` names/)
    assert.doesNotMatch(message, /socket/)
  })

  test('a socket where nothing listens is named as the problem', async () => {
    assert.match((await refusal('postgres://app@%2Fnowhere/app')).message, /nothing listens at the socket/)
  })

  test('a pool that answers in binary is refused', async () => {
    const pool = applicationPool(database.url, { binary: true } as PoolConfig)
    const store = postgresStore({ pool })
    await assert.rejects(store.read(['a']), /answer in binary.*leave out `binary`/)
    await store.close()
    await pool.end()
  })

  test('a user who does not exist is named as the problem, and the password is nowhere', async () => {
    const error = await refusal(urlWith({ username: 'nobody-we-know', password: 'hunter2' }))
    assert.match(error.message, /user or the password/)
    assert.doesNotMatch(inspect(error, { depth: 9 }), /hunter2/)
  })

  test('a database of another encoding is refused', async () => {
    const client = new Client({ connectionString: database.url })
    await client.connect()
    const name = `${database.prefix.slice(0, -1)}_latin`
    await client.query(`CREATE DATABASE ${name} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`)
    try {
      await using({ connectionString: urlWith({ pathname: `/${name}` }) }, (store) =>
        assert.rejects(store.read(['a']), /encoding UTF8/),
      )
    } finally {
      await client.query(`DROP DATABASE ${name} WITH (FORCE)`)
      await client.end()
    }
  })

  test('a key that is too long is refused, alone, and the store goes on', async () => {
    await using({ tableName: 'keys' }, async (store) => {
      const tooLong = { key: 'k'.repeat(256), value: Buffer.alloc(1), lifetime }
      const isInvalid = (error: unknown): boolean => isSallyportError(error) && error.code === 'ERR_ARGUMENT_INVALID'
      await assert.rejects(store.create(tooLong), isInvalid)
      const outcomes = await store.writeMany!([
        { operation: 'create', entry: { ...tooLong, key: 'a' } },
        { operation: 'create', entry: tooLong },
        { operation: 'create', entry: { ...tooLong, key: 'b' } },
      ])
      assert.deepEqual(
        outcomes.map((outcome) => 'error' in outcome),
        [false, true, false],
      )
      assert.deepEqual((await store.read(['a', 'b'])).entries.map(Boolean), [true, true])
    })
  })

  test('a value over the limit is refused before it is sent', async () => {
    await using({ tableName: 'large' }, (store) =>
      assert.rejects(
        store.create({ key: 'a', value: new Uint8Array(2 ** 28 + 1), lifetime }),
        (error) => isSallyportError(error) && error.code === 'ERR_STORE_VALUE_TOO_LARGE',
      ),
    )
  })

  test('a JSONB table gives JSON back and refuses what is none, alone', async () => {
    await using({ tableName: 'json', jsonb: true }, async (store) => {
      assert.equal(store.capabilities.values, 'json')
      const json = Buffer.from('{ "a": [1, "ü"] }')
      await store.create({ key: 'a', value: json, lifetime })
      const back = (await store.read(['a'])).entries[0]?.value
      assert.deepEqual(JSON.parse(Buffer.from(back ?? []).toString()), { a: [1, 'ü'] })
      const broken = store.create({ key: 'b', value: Buffer.from('hunter2'), lifetime })
      await assert.rejects(broken, (error) => {
        assert.ok(isSallyportError(error) && error.code === 'ERR_ARGUMENT_INVALID')
        assert.doesNotMatch(inspect(error, { depth: 9 }), /hunter2/)
        return true
      })
      const outcomes = await store.writeMany!([
        { operation: 'replace', key: 'a', version: 1, change: { value: Buffer.from('[2]'), bump: true } },
        { operation: 'create', entry: { key: 'c', value: Buffer.from('{"c": 1}'), lifetime } },
        { operation: 'create', entry: { key: 'd', value: Buffer.from('not json'), lifetime } },
      ])
      assert.deepEqual(
        outcomes.map((outcome) => 'error' in outcome),
        [false, false, true],
      )
      assert.deepEqual(JSON.parse(Buffer.from((await store.take('a'))?.value ?? []).toString()), [2])
    })
  })

  test('no connection is made before the first operation, and none is needed to close', async () => {
    await postgresStore({ connectionString: urlWith({ port: '1' }) }).close()
  })
})
