import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Write } from '../../src/cache/store.ts'
import { hasCode } from '../../src/shared/errors.ts'
import { systemClock } from '../../src/shared/clock.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import { applicationPool } from '../support/application-pool.ts'
import { freshDatabase } from '../support/servers/shared.ts'
import type { FreshDatabase } from '../support/servers/shared.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'
import { silentLogger } from '../support/silent-logger.ts'

describe('writes made one by one because one of them was refused', { skip: whyNotTested('postgres') }, () => {
  let database: FreshDatabase
  before(async () => {
    database = await freshDatabase('postgres')
  })
  after(() => database.drop())

  /** What a batch with a key that is too long answers, if the server takes `tookMs` to refuse it. */
  async function answered(tableName: string, tookMs: number): Promise<string[]> {
    let lateBy = 0
    const pool = applicationPool(database.url)
    pool.on('connect', (client) => {
      const query = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>
      const slowToRefuse = (...args: unknown[]): Promise<unknown> =>
        query(...args).catch((error: unknown) => {
          lateBy = tookMs
          throw error
        })
      Object.assign(client, { query: slowToRefuse })
    })
    const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + lateBy }
    const store = postgresStore({
      pool,
      tableName,
      clock,
      operationTimeoutMs: 10_000,
      push: false,
      logger: silentLogger,
    })
    try {
      await store.init({ maxStalenessMs: 1_000 })
      lateBy = 0
      const create = (key: string): Write => ({
        operation: 'create',
        entry: { key, value: Buffer.from('value'), lifetime: { idleMs: 60_000 } },
      })
      const outcomes = await store.writeMany!([create('fits'), create('k'.repeat(256))])
      return outcomes.map((each) => {
        if ('reply' in each) return each.reply.outcome
        return hasCode(each.error, 'ERR_STORE_UNAVAILABLE') ? 'no time left' : 'refused'
      })
    } finally {
      await store.close()
      await pool.end()
    }
  }

  test('are each answered for themselves', async () => {
    assert.deepEqual(await answered('in_time', 0), ['created', 'refused'])
  })

  test('get no time of their own: all together end when the request does', async () => {
    assert.deepEqual(await answered('too_late', 9_999.5), ['no time left', 'no time left'])
  })
})
