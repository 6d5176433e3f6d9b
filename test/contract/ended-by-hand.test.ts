import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createConnection } from 'mysql2/promise'
import { Client } from 'pg'
import { TwoTierAuthCache } from '../../src/index.ts'
import type { AuthSession, Store } from '../../src/index.ts'
import { mysqlStore } from '../../src/stores/mysql.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { secret } from '../support/app.ts'
import { whyNotOn } from '../support/databases.ts'
import { freshDatabase } from '../support/servers/shared.ts'

interface Place {
  store: Store
  /** Sends a statement as somebody at a console would. */
  run(statement: string): Promise<unknown>
  leave(): Promise<unknown>
}

const maxStalenessMs = 600

/** Those of the documentation, to the letter. */
const statements = (/^BEGIN;\nDELETE [^`]*COMMIT;$/m.exec(readFileSync('docs/stores.md', 'utf8'))?.[0] ?? '')
  .split(';')
  .map((statement) => statement.trim())
  .filter((statement) => statement !== '')

const places: Record<'sqlite' | 'postgres' | 'mariadb', () => Promise<Place>> = {
  sqlite: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-'))
    const path = join(folder, 'sessions.db')
    const store = sqliteStore({ path })
    await store.init({ maxStalenessMs })
    const console = new DatabaseSync(path)
    const leave = async (): Promise<void> => {
      console.close()
      rmSync(folder, { recursive: true })
    }
    return { store, run: async (statement) => console.exec(statement), leave }
  },
  postgres: async () => {
    const { url, drop } = await freshDatabase('postgres')
    const console = new Client({ connectionString: url })
    await console.connect()
    const leave = (): Promise<void> => console.end().then(drop)
    return { store: postgresStore({ connectionString: url }), run: (text) => console.query(text), leave }
  },
  mariadb: async () => {
    const { url, drop } = await freshDatabase('mariadb')
    const console = await createConnection(url)
    const leave = (): Promise<void> => console.end().then(drop)
    return { store: mysqlStore({ connectionString: url }), run: (text) => console.query(text), leave }
  },
}

const session: AuthSession = { accessToken: 'a', tokenType: 'Bearer', claims: { sub: 'alice', iss: 'x' }, data: {} }

async function openCache(
  t: TestContext,
  kind: keyof typeof places,
): Promise<{ cache: TwoTierAuthCache; run: Place['run'] }> {
  const { store, run, leave } = await places[kind]()
  const cache = new TwoTierAuthCache({ store, secret, maxStalenessMs })
  t.after(async () => {
    await cache.close()
    await store.close()
    await leave()
  })
  return { cache, run }
}

for (const kind of Object.keys(places) as (keyof typeof places)[]) {
  const skip = whyNotOn(kind)
  test(
    `sessions ended by the documented SQL are served by nobody after maxStalenessMs, each time: ${kind}`,
    {
      skip,
    },
    async (t) => {
      const { cache, run } = await openCache(t, kind)
      assert.equal(statements.length, 4)
      for (const time of ['first', 'second']) {
        await cache.setAuthSession(time, session)
        assert.ok(await cache.getAuthSession(time))
        for (const statement of statements) await run(statement)
        await pause(2 * maxStalenessMs)
        assert.equal(await cache.getAuthSession(time), undefined, `the ${time} time`)
      }
    },
  )
}
