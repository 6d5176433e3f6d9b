import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Store } from '../../src/cache/store.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import type { PostgresStoreOptions } from '../../src/stores/postgres.ts'
import { storeContract } from '../../src/testing.ts'
import type { StoreContext } from '../../src/testing.ts'
import { freshDatabase } from '../support/servers/shared.ts'
import type { FreshDatabase } from '../support/servers/shared.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'

const kinds: Record<string, Omit<PostgresStoreOptions, 'connectionString' | 'pool'>> = {
  'values as JSONB': { jsonb: true },
  'an UNLOGGED table': { unlogged: true },
}

for (const [what, options] of Object.entries(kinds)) {
  describe(`postgres, ${what}, one table for everything`, { skip: whyNotTested('postgres'), concurrency: 4 }, () => {
    let database: FreshDatabase
    before(async () => {
      database = await freshDatabase('postgres')
    })
    after(() => database.drop())

    const open = ({ id }: StoreContext): Store =>
      postgresStore({
        connectionString: database.url,
        tableName: id,
        maxConnections: 8,
        operationTimeoutMs: 10_000,
        ...options,
      })
    storeContract({ test, createStore: open, reopenStore: open, advance: (ms) => sleep(ms) })
  })
}
