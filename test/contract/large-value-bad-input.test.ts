import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { isSallyportError, TwoTierAuthCache } from '../../src/index.ts'
import type { AuthSession, ErrorCode, Logger, NewEntry, SallyportError, Store } from '../../src/index.ts'
import { mysqlStore } from '../../src/stores/mysql.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { secret } from '../support/app.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import { freshDatabase } from '../support/servers/shared.ts'
import { startServer } from '../support/servers/server.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'
import { hidden, told } from '../support/told.ts'

// PostgreSQL: postgres-bad-input.test.ts. SQLite: sqlite-bad-input.test.ts.
const stores = {
  mariadb: (connectionString: string, logger: Logger): Store => mysqlStore({ connectionString, logger }),
  redis: (url: string, logger: Logger): Store => redisStore({ url, logger }),
  valkey: (url: string, logger: Logger): Store => redisStore({ url, logger }),
}

const tooLarge = 'ERR_STORE_VALUE_TOO_LARGE'
// Redis says so and hangs up with bytes of ours unread, which may cost its last words: then it did not answer.
const tooLargeIfHeard: readonly ErrorCode[] = [tooLarge, 'ERR_STORE_UNAVAILABLE']

for (const [kind, limit, codes] of [
  ['mariadb', 'max_allowed_packet = 1M', [tooLarge] as readonly ErrorCode[]],
  ['redis', 'proto-max-bulk-len 1mb', tooLargeIfHeard],
  ['valkey', 'proto-max-bulk-len 1mb', tooLargeIfHeard],
] as const) {
  describe(`${kind} with ${limit}`, { skip: whyNotTested(kind, 'own') }, () => {
    it('a session that is larger is refused; the one before stays, and so do those of others', async (t) => {
      const server = await startServer(kind, { config: [limit] })
      t.after(() => server.stop())
      const { logger, lines } = recordingLogger()
      const cache = new TwoTierAuthCache({ store: stores[kind](server.url, logger), secret, logger, enableL1: false })
      t.after(() => cache.close())
      for (const id of ['small', hidden.key]) await cache.setAuthSession(id, sessionWith(id))
      const said = told()
      await assert.rejects(cache.setAuthSession(hidden.key, sessionWith(incompressible())), (error) => {
        said.add('set', error)
        assert.ok(isSallyportError(error) && codes.includes(error.code), String(error))
        return true
      })
      assert.deepEqual((await cache.getAuthSession(hidden.key))?.data, { text: hidden.key })
      assert.deepEqual((await cache.getAuthSession('small'))?.data, { text: 'small' })
      said.add('log', lines)
      said.check()
    })
  })
}

for (const kind of ['redis', 'valkey'] as const) {
  describe(`${kind}, values larger than any server takes`, { skip: whyNotTested(kind, 'own') }, () => {
    const lifetime = { idleMs: 60_000 }
    const entryOf = (key: string, value: Uint8Array = Buffer.of(1)): NewEntry => ({ key, value, lifetime })
    const large = new Uint8Array(2 ** 29)
    const open = async (t: TestContext): Promise<Store> => {
      const server = await startServer(kind, { config: ['maxmemory 100mb'] })
      const store = redisStore({ url: server.url })
      t.after(async () => {
        await store.close()
        await server.stop()
      })
      await store.create(entryOf('present'))
      return store
    }

    it('are refused as that, created and replaced', async (t) => {
      const store = await open(t)
      await assert.rejects(store.create(entryOf('large', large)), { code: tooLarge })
      await assert.rejects(store.replace('present', 1, { value: large, bump: true }), { code: tooLarge })
      assert.deepEqual(
        (await store.read(['present', 'large'])).entries.map((entry) => entry?.version),
        [1, undefined],
      )
    })

    it('are refused alone: those beside them are written', async (t) => {
      const store = await open(t)
      const entries = [entryOf('a'), entryOf('large', large), entryOf('b')]
      const outcomes = await store.writeMany!(entries.map((entry) => ({ operation: 'create', entry })))
      assert.deepEqual(
        outcomes.map((outcome) =>
          'error' in outcome ? (outcome.error as SallyportError).code : outcome.reply.outcome,
        ),
        ['created', tooLarge, 'created'],
      )
    })
  })
}

describe('redis, a value larger than any server takes', { skip: whyNotTested('redis') }, () => {
  it('is not sent: what others ask on the same connection is answered', async (t) => {
    const database = await freshDatabase('redis')
    const store = redisStore({ url: database.url, keyPrefix: database.prefix })
    t.after(async () => {
      await store.close()
      await database.drop()
    })
    await store.ping()
    const value = new Uint8Array(2 ** 29)
    const [, read] = await Promise.allSettled([
      store.create({ key: 'large', value, lifetime: { idleMs: 60_000 } }),
      store.read(['a']),
    ])
    assert.equal(read.status, 'fulfilled')
  })
})

function sessionWith(text: string): AuthSession {
  const claims = { sub: 'alice', iss: 'https://login.example' }
  return { accessToken: 'token', tokenType: 'Bearer', claims, data: { text } }
}

/** Nothing that compressing would help. */
function incompressible(): string {
  return hidden.value + randomBytes(2 ** 21).toString('base64')
}
