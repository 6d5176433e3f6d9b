import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Store } from '../../src/cache/store.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import { storeContract } from '../../src/testing.ts'
import type { StoreContext } from '../../src/testing.ts'
import { freshDatabase } from '../support/servers/shared.ts'
import type { FreshDatabase } from '../support/servers/shared.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'

for (const kind of ['postgres', 'postgres18'] as const) {
  describe(kind, { skip: whyNotTested(kind), concurrency: 4 }, () => {
    let database: FreshDatabase
    before(async () => {
      database = await freshDatabase(kind)
    })
    after(() => database.drop())

    const open = ({ id }: StoreContext): Store => {
      const verifierTableName = `${id}_verifiers`
      return postgresStore({
        connectionString: database.url,
        tableName: id,
        verifierTableName,
        maxConnections: 8,
        operationTimeoutMs: 10_000,
      })
    }
    storeContract({ test, createStore: open, reopenStore: open, advance: (ms) => sleep(ms) })
  })
}
