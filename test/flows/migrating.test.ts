import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { TwoTierAuthCache } from '../../src/index.ts'
import type { AuthSession, Store } from '../../src/index.ts'
import { mysqlStore } from '../../src/stores/mysql.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { silentLogger as logger, startWorld } from '../support/app.ts'
import type { World } from '../support/app.ts'
import { eventually } from '../support/eventually.ts'
import { startServer } from '../support/servers/server.ts'
import { freshDatabase } from '../support/servers/shared.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'
import { askMe, me, script, signedIn } from '../support/sign-in.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

type Kind = 'sqlite' | 'postgres' | 'mysql' | 'redis'

interface Place {
  url: string
  open(): Store
}

async function newPlace(t: TestContext, kind: Kind): Promise<Place> {
  if (kind === 'sqlite') {
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-'))
    t.after(() => rm(folder, { recursive: true, force: true }))
    const url = `sqlite://${join(folder, 'sessions.db')}`
    return { url, open: () => sqliteStore({ connectionString: url, logger }) }
  }
  if (kind === 'redis') {
    // Its own: what the script copies begins as the keys of any application.
    const server = await startServer('redis')
    t.after(() => server.stop())
    return { url: server.url, open: () => redisStore({ url: server.url, logger }) }
  }
  const { url, drop } = await freshDatabase(kind === 'mysql' ? 'mariadb' : 'postgres')
  t.after(drop)
  return { url, open: () => (kind === 'mysql' ? mysqlStore : postgresStore)({ connectionString: url, logger }) }
}

async function runCopy(from: Place, to: Place): Promise<string> {
  const env = { ...process.env, NODE_NO_WARNINGS: '1', OLD_STORE: from.url, NEW_STORE: to.url }
  const { stdout } = await promisify(execFile)(process.execPath, ['examples/migrate/copy.ts'], { cwd: root, env })
  return stdout.trim()
}

const skipped = whyNotTested('postgres') || whyNotTested('mariadb') || whyNotTested('redis', 'own')

describe('sessions copied by examples/migrate', { skip: skipped }, () => {
  const ways: [from: Kind, to: Kind][] = [
    ['postgres', 'redis'],
    ['redis', 'mysql'],
    ['mysql', 'sqlite'],
    ['sqlite', 'postgres'],
  ]
  for (const [from, to] of ways) {
    it(`from ${from} to ${to} go on, with their data, and are found by user`, async (t) => {
      const [source, target] = [await newPlace(t, from), await newPlace(t, to)]
      let place = source
      const { app } = await startWorld(t, { store: () => place.open() })
      const browsers = [await signedIn(app), await signedIn(app), await signedIn(app, 'bob')] as const
      await browsers[0].post(`${app.baseUrl}/note`, { text: 'kept' }, script)
      await browsers[1].post(`${app.baseUrl}/end`, {}, script)
      const before = await me(browsers[0], app)
      await app.auth.close()

      assert.equal(await runCopy(source, target), '2 sessions copied')
      assert.equal(await runCopy(source, target), '0 sessions copied')

      place = target
      await app.restart()
      const after = await me(browsers[0], app)
      assert.deepEqual([after.id, after.sub, after.notes, after.device], [before.id, 'alice', ['kept'], before.device])
      assert.ok(Math.abs(after.absoluteExpiresAt - before.absoluteExpiresAt) < 60_000)
      assert.equal((await askMe(browsers[1], app)).status, 401)
      const listed = await app.auth.sessions.list({ subject: 'alice' })
      assert.deepEqual(
        listed.map(({ id, device }) => [id, device]),
        [[before.id, before.device]],
      )
      assert.equal(await app.auth.sessions.revokeAll({ subject: 'alice' }), 1)
      assert.equal((await askMe(browsers[0], app)).status, 401)
      assert.equal((await askMe(browsers[2], app)).status, 200)
    })
  }

  for (const from of ['redis', 'mysql', 'postgres', 'sqlite'] as const) {
    it(`from ${from}: also those that belong to nobody, as the seven operations make them`, async (t) => {
      const [source, target] = [await newPlace(t, from), await newPlace(t, from === 'redis' ? 'sqlite' : 'redis')]
      const secret = 'a secret of thirty-two characters, at least'
      const open = (place: Place): TwoTierAuthCache => {
        const cache = new TwoTierAuthCache({ store: place.open(), secret, logger })
        t.after(() => cache.close())
        return cache
      }
      const [old, fresh] = [open(source), open(target)]
      const sessionOf = (text: string): AuthSession => {
        return {
          accessToken: 'token',
          tokenType: 'Bearer',
          claims: { sub: 'alice', iss: 'https://a.example' },
          data: { text },
        }
      }
      for (const id of ['a', 'b', 'c']) await old.setAuthSession(id, sessionOf(id))
      assert.equal(await runCopy(source, target), '3 sessions copied')
      for (const id of ['a', 'b', 'c']) assert.deepEqual((await fresh.getAuthSession(id))?.data, { text: id })
    })
  }

  for (const [from, to] of [
    ['redis', 'sqlite'],
    ['mysql', 'sqlite'],
  ] as const) {
    it(`from ${from}: as many as there are, without those that expired`, async (t) => {
      const [source, target] = [await newPlace(t, from), await newPlace(t, to)]
      const [old, fresh] = [source.open(), target.open()]
      t.after(() => Promise.all([old.close(), fresh.close()]))
      await old.init({ maxStalenessMs: 1_000 })
      const create = (i: number, idleMs: number): Promise<unknown> => {
        const indexes = { subject: `user${i % 2}`, sid: `sid${i}` }
        return old.create({ key: `session:${i}`, value: Buffer.from(`${i}`), lifetime: { idleMs }, indexes })
      }
      await Promise.all(Array.from({ length: 450 }, (_, i) => create(i, 60_000)))
      await create(1_000, 1)
      await eventually(
        () => old.read(['session:1000']),
        ({ entries }) => entries[0] === undefined,
      )
      assert.equal(await runCopy(source, target), '450 sessions copied')
      const { entries } = await fresh.read(Array.from({ length: 450 }, (_, i) => `session:${i}`))
      assert.deepEqual(
        entries.map((entry) => entry && Buffer.from(entry.value).toString()),
        Array.from({ length: 450 }, (_, i) => String(i)),
      )
      assert.equal((await fresh.remove({ index: 'sid', values: ['sid449'] })).removed, 1)
      assert.equal((await fresh.remove({ index: 'subject', values: ['user0', 'user1'] })).removed, 449)
    })
  }
})

describe('an instance with memory beside one without', () => {
  const maxStalenessMs = 300
  const start = (t: TestContext): Promise<World> =>
    startWorld(t, {
      store: 'sqlite',
      instances: 2,
      optionsOf: (instance) => ({ cache: { maxStalenessMs, enableL1: instance === 0 } }),
    })

  it('shows a change made there on the very next request, and the other way round', async (t) => {
    const { app: two, other: one } = await start(t)
    const browser = await signedIn(one)
    for (const [writer, reader] of [
      [one, two],
      [two, one],
      [one, two],
    ] as const) {
      const { notes } = await me(browser, reader)
      await browser.post(`${writer.baseUrl}/note`, { text: 'x' }, script)
      assert.equal((await me(browser, reader)).notes.length, notes.length + 1)
    }
  })

  it('ends what was ended there within maxStalenessMs, and what it ends is ended there at once', async (t) => {
    const { app: two, other: one } = await start(t)
    const [endedThere, endedHere] = [await signedIn(two), await signedIn(two)]
    for (const browser of [endedThere, endedHere]) for (const app of [two, one]) await me(browser, app)
    await one.auth.sessions.revoke((await me(endedThere, one)).id)
    await pause(maxStalenessMs)
    assert.equal((await askMe(endedThere, two)).status, 401)
    await two.auth.sessions.revoke((await me(endedHere, two)).id)
    assert.equal((await askMe(endedHere, one)).status, 401)
  })
})
