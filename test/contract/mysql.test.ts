import { after, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createPool } from 'mysql2/promise'
import type { Store } from '../../src/cache/store.ts'
import { mysqlStore } from '../../src/stores/mysql.ts'
import { storeContract } from '../../src/testing.ts'
import type { StoreContext } from '../../src/testing.ts'
import { freshDatabase } from '../support/servers/shared.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'

// That a server for tests keeps less than a production one is known.
const logger = { debug() {}, info() {}, warn() {}, error() {} }

for (const kind of ['mariadb', 'mysql'] as const) {
  describe(kind, { skip: whyNotTested(kind), concurrency: 4 }, async () => {
    const { url: connectionString, drop } = await freshDatabase(kind)
    after(drop)
    const open = ({ id: tableName }: StoreContext): Store =>
      mysqlStore({ connectionString, tableName, minConnections: 0, operationTimeoutMs: 10_000, logger })
    // The server's clock is not exactly that of the timers here.
    storeContract({ test, createStore: open, reopenStore: open, advance: (ms) => pause(ms + 1) })
  })

  describe(
    `${kind}, through a pool of the application, verifiers in a table of their own`,
    { skip: whyNotTested(kind), concurrency: 4 },
    async () => {
      const { url, drop } = await freshDatabase(kind)
      const pool = createPool({ uri: url, connectionLimit: 16 })
      after(async () => {
        await pool.end()
        await drop()
      })
      const open = ({ id: tableName }: StoreContext): Store =>
        mysqlStore({ pool, tableName, verifierTableName: `${tableName}_verifiers`, operationTimeoutMs: 10_000, logger })
      storeContract({ test, createStore: open, reopenStore: open, advance: (ms) => pause(ms + 1) })
    },
  )
}
