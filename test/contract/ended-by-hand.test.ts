import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { TwoTierAuthCache } from '../../src/index.ts'
import type { AuthSession } from '../../src/index.ts'
import { secret } from '../support/app.ts'
import { sqlKinds, watchedDatabase } from '../support/consoles.ts'
import type { SqlKind, WatchedDatabase } from '../support/consoles.ts'
import { whyNotOn } from '../support/databases.ts'

const maxStalenessMs = 600

/** Those of the documentation, to the letter. */
const statements = (/^BEGIN;\nDELETE [^`]*COMMIT;$/m.exec(readFileSync('docs/stores.md', 'utf8'))?.[0] ?? '')
  .split(';')
  .map((statement) => statement.trim())
  .filter((statement) => statement !== '')

const session: AuthSession = { accessToken: 'a', tokenType: 'Bearer', claims: { sub: 'alice', iss: 'x' }, data: {} }

async function openCache(
  t: TestContext,
  kind: SqlKind,
): Promise<{ cache: TwoTierAuthCache; run: WatchedDatabase['run'] }> {
  const { store, run, leave } = await watchedDatabase(kind)
  const cache = new TwoTierAuthCache({ store, secret, maxStalenessMs })
  t.after(async () => {
    await cache.close()
    await leave()
  })
  return { cache, run }
}

// Most of the time is waiting.
describe('sessions ended by the documented SQL', { concurrency: true }, () => {
  for (const kind of sqlKinds) {
    const skip = whyNotOn(kind)
    test(
      `are served by nobody after maxStalenessMs, each time: ${kind}`,
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
})
