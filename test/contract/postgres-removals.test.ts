import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Pool } from 'pg'
import type { Store } from '../../src/cache/store.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import { applicationPool } from '../support/application-pool.ts'
import { freshDatabase } from '../support/servers/shared.ts'
import type { FreshDatabase } from '../support/servers/shared.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'
import { silentLogger } from '../support/silent-logger.ts'

const lifetime = { idleMs: 60_000 }
const [index, values] = ['subject' as const, ['tireless']]

describe('a removal by subject while that subject signs in', { skip: whyNotTested('postgres') }, () => {
  let database: FreshDatabase
  let pool: Pool
  let store: Store
  let other: Store
  before(async () => {
    database = await freshDatabase('postgres')
    pool = applicationPool(database.url, { max: 1 })
    const options = { tableName: 'entries', logger: silentLogger, push: false, operationTimeoutMs: 10_000 }
    store = postgresStore({ pool, ...options })
    other = postgresStore({ connectionString: database.url, ...options })
    await Promise.all([store, other].map((each) => each.init({ maxStalenessMs: 1_000 })))
  })
  after(async () => {
    await Promise.all([store.close(), other.close()])
    await pool.end()
    await database.drop()
  })

  async function keysLeft(): Promise<string[]> {
    return (await other.list({ index, values })).entries.map(({ key }) => key)
  }

  /** `whenLooked` is awaited after each look at the keys there are, before the removal of them. */
  async function removeWhile(whenLooked: (looks: number) => Promise<unknown>): ReturnType<Store['remove']> {
    let looks = 0
    const client = await pool.connect()
    const query = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>
    const watched = async (...args: unknown[]): Promise<unknown> => {
      const answer = await query(...args)
      if ((args[0] as { text?: string }).text?.startsWith('SELECT cache_key')) await whenLooked(++looks)
      return answer
    }
    Object.assign(client, { query: watched })
    client.release()
    return await store.remove({ index, values })
  }

  const signIn = (key: string): Promise<unknown> =>
    other.create({ key, value: Buffer.from('value'), lifetime, indexes: { subject: 'tireless' } })

  test('takes one who signed in while it looked, too', async () => {
    await signIn('before')
    const { removed, bumps } = await removeWhile((looks) => (looks === 1 ? signIn('meanwhile') : Promise.resolve()))
    assert.equal(removed, 2)
    assert.deepEqual(bumps.flatMap(({ keys }) => keys).sort(), ['before', 'meanwhile'])
    assert.deepEqual(await keysLeft(), [])
  })

  test('ends although there is another one after every look, with all that were there when it began', async () => {
    await signIn('first')
    await signIn('second')
    const { removed, bumps } = await removeWhile((looks) => signIn(`look ${looks}`))
    assert.equal(removed, 3)
    assert.deepEqual(bumps.flatMap(({ keys }) => keys).sort(), ['first', 'look 1', 'second'])
    assert.deepEqual(await keysLeft(), ['look 2'])
  })
})
