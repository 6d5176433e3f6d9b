import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isSallyportError, TwoTierAuthCache } from '../../src/index.ts'
import { mysqlStore } from '../../src/stores/mysql.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import { secret } from '../support/app.ts'
import { fakeMysql, fakePostgres } from '../support/old-servers.ts'
import { silentLogger } from '../support/silent-logger.ts'

// Redis: redis-version.test.ts.
const servers = {
  PostgreSQL: async (scope: Parameters<typeof fakePostgres>[0], version: string) => {
    const [major = 0, minor = 0] = version.split('.').map(Number)
    return postgresStore({ connectionString: await fakePostgres(scope, major * 10_000 + minor), push: false, logger })
  },
  MySQL: async (scope: Parameters<typeof fakeMysql>[0], version: string) =>
    mysqlStore({ connectionString: await fakeMysql(scope, version), logger }),
}
const logger = silentLogger

describe('a server that is too old', () => {
  for (const [kind, version, says] of [
    ['PostgreSQL', '9.6', /this is PostgreSQL 9, sallyport needs 13 or later/],
    ['PostgreSQL', '12.22', /this is PostgreSQL 12, sallyport needs 13 or later/],
    ['MySQL', '5.7.44', /is MySQL 5\.7; MySQL 8\.0 or MariaDB 10\.11 is the oldest/],
    ['MySQL', '5.7.44-log', /is MySQL 5\.7; MySQL 8\.0 or MariaDB 10\.11 is the oldest/],
    ['MySQL', '10.5.27-MariaDB', /is MariaDB 10\.5; MySQL 8\.0 or MariaDB 10\.11 is the oldest/],
    ['MySQL', '10.10.7-MariaDB-1:10.10.7+maria~ubu2204', /is MariaDB 10\.10; .*MariaDB 10\.11 is the oldest/],
  ] as const) {
    it(`is refused with its version and the one that is needed: ${kind}, ${version}`, async (t) => {
      const cache = new TwoTierAuthCache({ store: await servers[kind](t, version), secret, logger })
      t.after(() => cache.close())
      for (const operation of [() => cache.ready(), () => cache.getAuthSession('anybody')]) {
        await assert.rejects(operation(), (error) => {
          assert.ok(isSallyportError(error))
          assert.equal(error.code, 'ERR_STORE_MISMATCH')
          assert.match(error.message, says)
          return true
        })
      }
    })
  }

  for (const [kind, version] of [
    ['PostgreSQL', '13.0'],
    ['PostgreSQL', '18.1'],
    ['MySQL', '8.0.11'],
    ['MySQL', '9.5.0'],
    ['MySQL', '10.11.1-MariaDB'],
    ['MySQL', '11.4.2-MariaDB'],
  ] as const) {
    it(`is not what one is that is just new enough: ${kind}, ${version}`, async (t) => {
      const store = await servers[kind](t, version)
      t.after(() => store.close())
      // It answers everything with its version: what comes of that does not matter.
      const said = await store.ping().catch((error: Error) => error.message)
      assert.doesNotMatch(String(said), /oldest|or later/)
    })
  }
})
