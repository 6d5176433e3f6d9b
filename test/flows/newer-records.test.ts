import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { TwoTierAuthCache } from '../../src/index.ts'
import type { Auth, AuthSession, Store, StoredEntry } from '../../src/index.ts'
import type { CacheEntry } from '../../src/cache/entry.ts'
import { createKeyRing } from '../../src/session/key-ring.ts'
import type { SessionRecord } from '../../src/session/record.ts'
import { secret, storeKinds, storesOf } from '../support/app.ts'
import type { Notes, StoreKind } from '../support/app.ts'
import { startDeployment } from '../support/deployment.ts'
import type { Deployment } from '../support/deployment.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import type { LogLine } from '../support/recording-logger.ts'
import { minute, startProcess, tokenLifeMs } from '../support/session-process.ts'
import type { SessionProcess } from '../support/session-process.ts'
import { askMe, browserWith, directRequest, reachCallback, sessionCookie, signIn } from '../support/sign-in.ts'
import { createUserAgent } from '../support/user-agent.ts'

/** As a later release might write it. */
const newer = Uint8Array.of(8, ...Buffer.from('what this release does not know'))

interface Started extends Deployment {
  auth: Auth<Notes>
  /** Of a session that a later release has rewritten. */
  cookie: string
  key: string
  /** What is in the store under its key. */
  row(): Promise<StoredEntry | undefined>
  lines: LogLine[]
}

/** What is in the store, but for the deadline: that moves with use. */
function lasting(row: StoredEntry | undefined): object | undefined {
  return row && { key: row.key, value: [...row.value], version: row.version }
}

async function start(t: TestContext, kind: StoreKind): Promise<Started> {
  const deployment = await startDeployment(t, kind)
  const { store, deploy, signIn: signInAt, rowOf } = deployment
  const { logger, lines } = recordingLogger()
  const earlier = await deploy()
  const cookie = await signInAt()
  const { key, version } = await rowOf(earlier, cookie)
  await store.replace(key, version, { value: newer, bump: true })
  return { ...deployment, auth: await deploy({ logger }), cookie, key, lines, row: () => rowUnder(store, key) }
}

async function rowUnder(store: Store, key: string): Promise<StoredEntry | undefined> {
  return (await store.read([key])).entries[0]
}

/** What was said of records that do not open. */
const warnings = (lines: readonly LogLine[]): LogLine[] =>
  lines.filter(({ level, message }) => level === 'warn' && message.includes('do not open'))

for (const kind of storeKinds) {
  describe(`a session that a later release wrote, in ${kind}`, () => {
    it('is nobody, with a line in the log; its cookie and its row stay', async (t) => {
      const { auth, cookie, row, lines } = await start(t, kind)
      const before = await row()
      const answer = await auth.guard(directRequest('/me', { cookie: `sallyport=${cookie}` }), () =>
        assert.fail('the cookie must not be cleared'),
      )
      assert.equal(answer.reply?.status, 401)
      assert.deepEqual(lasting(await row()), lasting(before))
      assert.deepEqual(
        warnings(lines).map(({ fields }) => fields),
        [{ count: 1 }],
      )
    })

    it('is said for the first, the tenth, the hundredth reading, and never with its key', async (t) => {
      const { auth, cookie, key, lines } = await start(t, kind)
      for (let i = 0; i < 99; i++) assert.equal(await auth.authenticate(`sallyport=${cookie}`), undefined)
      assert.deepEqual(
        warnings(lines).map(({ fields }) => fields),
        [{ count: 1 }, { count: 10 }],
      )
      assert.equal(JSON.stringify(lines).includes(key.slice('session:'.length)), false)
    })

    it('is neither updated nor refreshed over by whoever held it before it was rewritten', async (t) => {
      const { store, deploy, signIn: signInAt, rowOf } = await startDeployment(t, kind)
      const auth = await deploy({ cache: { enableL1: false } })
      const cookie = await signInAt()
      const session = (await auth.authenticate(`sallyport=${cookie}`))!
      const { key, version } = await rowOf(auth, cookie)
      await store.replace(key, version, { value: newer, bump: true })
      const before = lasting(await rowUnder(store, key))
      await assert.rejects(
        session.update((draft) => void draft.notes.push('lost')),
        { code: 'ERR_SESSION_ENDED' },
      )
      await session.accessToken().catch(() => {})
      assert.deepEqual(lasting(await rowUnder(store, key)), before)
    })

    it('is still listed, and ended by its handle', async (t) => {
      const { auth, row } = await start(t, kind)
      const [info, ...others] = await auth.sessions.list({ subject: 'alice' })
      assert.equal(others.length, 0)
      assert.equal(await auth.sessions.revoke(info!.id), true)
      assert.equal(await row(), undefined)
    })

    it('is ended with all others of its user', async (t) => {
      const { auth, row } = await start(t, kind)
      assert.equal(await auth.sessions.revokeAll({ subject: 'alice' }), 1)
      assert.equal(await row(), undefined)
    })

    it('is ended by a logout of its browser', async (t) => {
      const { baseUrl, cookie, row } = await start(t, kind)
      const browser = browserWith({ baseUrl }, cookie)
      await browser.post(`${baseUrl}/auth/logout`, {})
      assert.equal(await row(), undefined)
      assert.equal(browser.cookies(baseUrl).get('sallyport'), undefined)
    })

    it('is ended by a sign-in in its browser, which begins a session of its own', async (t) => {
      const { baseUrl, cookie, row } = await start(t, kind)
      const browser = browserWith({ baseUrl }, cookie)
      await signIn(browser, { baseUrl })
      assert.equal(await row(), undefined)
      assert.notEqual(sessionCookie(browser, { baseUrl }), cookie)
      assert.equal((await askMe(browser, { baseUrl })).status, 200)
    })
  })

  describe(`a sign-in that began at a later release, in ${kind}`, () => {
    it('is used up when it comes back, said in the log, and begins anew', async (t) => {
      const { store, baseUrl, deploy } = await startDeployment(t, kind)
      const { logger, lines } = recordingLogger()
      const auth = await deploy({ logger })
      const browser = createUserAgent()
      const callback = await reachCallback(browser, { baseUrl })
      const state = new URL(callback).searchParams.get('state')!
      const key = `cv:${createKeyRing([secret]).primary.hash('key', 'cv:', state)}`
      assert.notEqual(await store.take(key), undefined)
      await store.create({ key, value: newer, lifetime: { idleMs: 600_000 } })
      const page = await browser.followRedirects(callback)
      assert.equal(page.url, `${baseUrl}/`)
      assert.equal((await auth.authenticate(`sallyport=${sessionCookie(browser, { baseUrl })}`))?.claims.sub, 'alice')
      assert.equal(await rowUnder(store, key), undefined)
      assert.equal(warnings(lines).length, 1)
    })
  })

  describe(`the seven operations on what a later release wrote, in ${kind}`, () => {
    const session: AuthSession = {
      accessToken: 'access',
      tokenType: 'Bearer',
      claims: { sub: 'alice', iss: 'https://login.example' },
      data: {},
    }

    async function startCache(
      t: TestContext,
    ): Promise<{ cache: TwoTierAuthCache; row(): Promise<StoredEntry | undefined>; lines: LogLine[] }> {
      const store = (await storesOf(t, kind))()
      const { logger, lines } = recordingLogger()
      const cache = new TwoTierAuthCache({ store, secret, logger })
      t.after(() => cache.close())
      await cache.ready()
      const key = `session:${createKeyRing([secret]).primary.hash('key', 'session:', 'id')}`
      await store.create({ key, value: newer, lifetime: { idleMs: 600_000 } })
      return { cache, lines, row: () => rowUnder(store, key) }
    }

    it('getAuthSession has none, and says so in the log', async (t) => {
      const { cache, row, lines } = await startCache(t)
      const before = await row()
      assert.equal(await cache.getAuthSession('id'), undefined)
      assert.deepEqual(await row(), before)
      assert.equal(warnings(lines).length, 1)
    })

    it('setAuthSession overwrites nothing: it rejects with ERR_SESSION_CONFLICT', async (t) => {
      const { cache, row } = await startCache(t)
      const before = await row()
      await assert.rejects(cache.setAuthSession('id', session), { code: 'ERR_SESSION_CONFLICT' })
      assert.deepEqual(await row(), before)
    })

    it('extendAuthSession moves the deadline, and touches no value', async (t) => {
      const { cache, row } = await startCache(t)
      const before = (await row())!
      await cache.extendAuthSession('id', 3_600)
      const after = (await row())!
      assert.deepEqual(lasting(after), lasting(before))
      assert.ok(after.times.expiresAt > before.times.expiresAt)
    })

    it('invalidateAuthSession makes room', async (t) => {
      const { cache, row } = await startCache(t)
      await cache.invalidateAuthSession('id')
      assert.equal(await row(), undefined)
      await cache.setAuthSession('id', session)
      assert.deepEqual(await cache.getAuthSession('id'), session)
    })
  })
}

describe('a session that is in memory when a later release rewrites it', () => {
  async function startHolding(t: TestContext): Promise<SessionProcess & { entry: CacheEntry<SessionRecord> }> {
    const started = await startProcess(t)
    const entry = await started.signIn()
    await started.held.store.replace(entry.key, entry.version, { value: newer, bump: false })
    return { ...started, entry }
  }

  it('is not refreshed: its refresh token is not even sent', async (t) => {
    const { clock, held, parts, endpoint, entry } = await startHolding(t)
    const before = lasting(await rowUnder(held.store, entry.key))
    await clock.advance(tokenLifeMs)
    await assert.rejects(parts.refresher.current(entry), { code: 'ERR_SESSION_ENDED' })
    assert.deepEqual(endpoint.sent, [])
    assert.deepEqual(lasting(await rowUnder(held.store, entry.key)), before)
  })

  it('is touched without being written: its deadline moves, its value stays', async (t) => {
    const { clock, held, parts, entry } = await startHolding(t)
    const before = (await rowUnder(held.store, entry.key))!
    await clock.advance(8 * minute)
    parts.caretaker.attend(entry, clock.monotonic())
    await clock.advance(0)
    const after = (await rowUnder(held.store, entry.key))!
    assert.deepEqual(lasting(after), lasting(before))
    assert.ok(after.times.expiresAt > before.times.expiresAt)
  })
})
