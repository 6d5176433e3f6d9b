import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import type { TestContext } from 'node:test'
import { createAuth } from '../../src/index.ts'
import type { Answer, Auth } from '../../src/index.ts'
import { manualClock } from '../../src/testing/manual-clock.ts'
import { clientId, secret, silentLogger, startWorld } from '../support/app.ts'
import type { World } from '../support/app.ts'
import { countingStore } from '../support/counting-store.ts'
import type { CountingStore } from '../support/counting-store.ts'
import { failingStore } from '../support/failing-store.ts'
import type { FailingStore } from '../support/failing-store.ts'
import { sessionCookie, signedIn } from '../support/sign-in.ts'

interface Observed {
  world: World
  /** An instance that has answered nobody yet. */
  auth: Auth
  answers: Answer[]
  cookie: string
  ailing: FailingStore
}

async function startObserved(t: TestContext): Promise<Observed> {
  const clock = manualClock({ startAt: Date.now() })
  const world = await startWorld(t, { clock })
  const cookie = `sallyport=${sessionCookie(await signedIn(world.app), world.app)}`
  const answers: Answer[] = []
  const ailing = failingStore(world.app.store)
  const auth = createAuth({
    issuer: world.provider.issuer,
    clientId,
    baseUrl: world.app.baseUrl,
    secret,
    store: ailing.store,
    logger: silentLogger,
    clock,
    hooks: { onAnswer: (answer) => void answers.push(answer) },
  })
  t.after(() => auth.close())
  return { world, auth, answers, cookie, ailing }
}

const told = (answers: readonly Answer[]): string[] =>
  answers.map(({ source, reason }) => (reason === undefined ? source : `${source}: ${reason}`))

describe('onAnswer and the counters tell', () => {
  it('memory from the store, and who joined a read that was under way', async (t) => {
    const { auth, answers, cookie } = await startObserved(t)
    await Promise.all([auth.authenticate(cookie), auth.authenticate(cookie), auth.authenticate(cookie)])
    await auth.authenticate(cookie)
    assert.deepEqual(told(answers).toSorted(), ['joined', 'joined', 'l1', 'l2'])
    const { answers: counted, sessions } = auth.cache.stats()
    assert.deepEqual(counted, { l1: 1, l2: 1, joined: 2, stale: 0, refused: 0 })
    assert.deepEqual([sessions.entries, sessions.hits, sessions.misses, sessions.joined], [1, 1, 3, 2])
  })

  it('why somebody was refused', async (t) => {
    const { world, auth, answers, cookie, ailing } = await startObserved(t)
    await auth.authenticate(undefined)
    await auth.authenticate('other=1')
    await auth.authenticate(`${cookie}x`)
    ailing.throwAlways()
    await assert.rejects(async () => auth.authenticate(cookie))
    ailing.heal()
    await world.app.auth.sessions.revokeAll({ subject: 'alice' })
    await auth.authenticate(cookie)
    assert.deepEqual(told(answers), [
      'refused: anonymous',
      'refused: anonymous',
      'refused: forged',
      'refused: unavailable',
      'refused: absent',
    ])
    assert.equal(auth.cache.stats().answers.refused, 5)
  })

  it('how long each took', async (t) => {
    const { auth, answers, cookie } = await startObserved(t)
    await auth.authenticate(cookie)
    await auth.authenticate(cookie)
    for (const { durationMs } of answers) assert.ok(durationMs >= 0 && Number.isFinite(durationMs))
  })

  it('nothing that goes wrong in the hook', async (t) => {
    const { world, cookie } = await startObserved(t)
    const auth = createAuth({
      issuer: world.provider.issuer,
      clientId,
      baseUrl: world.app.baseUrl,
      secret,
      store: world.app.store,
      logger: silentLogger,
      hooks: {
        onAnswer() {
          throw new Error('mine')
        },
      },
    })
    t.after(() => auth.close())
    assert.equal((await auth.authenticate(cookie))?.claims.sub, 'alice')
    assert.equal((await auth.authenticate(cookie))?.claims.sub, 'alice')
    assert.equal(await auth.authenticate(undefined), undefined)
  })

  it('nothing that goes wrong in an async hook, which the log says', async (t) => {
    const { world } = await startObserved(t)
    const onAnswer = (): unknown => Promise.reject(new Error('mine'))
    let said: (fields: object) => void
    const failure = new Promise<object>((resolve) => (said = resolve))
    const auth = createAuth({
      issuer: world.provider.issuer,
      clientId,
      baseUrl: world.app.baseUrl,
      secret,
      store: world.app.store,
      logger: { ...silentLogger, error: (fields) => said(fields) },
      hooks: { onAnswer },
    })
    t.after(() => auth.close())
    assert.equal(await auth.authenticate(undefined), undefined)
    assert.match(inspect(await failure), /mine/)
  })
})

describe('a warm request', () => {
  it('is answered synchronously', async (t) => {
    const { auth, cookie } = await startObserved(t)
    await auth.authenticate(cookie)
    const answer = auth.authenticate(cookie)
    assert.ok(!(answer instanceof Promise))
    assert.equal(answer?.claims.sub, 'alice')
  })

  it('is never answered with the session of another cookie', async (t) => {
    const { world, auth, cookie } = await startObserved(t)
    const bob = `sallyport=${sessionCookie(await signedIn(world.app, 'bob'), world.app)}`
    for (let turn = 0; turn < 3; turn += 1) {
      assert.equal((await auth.authenticate(cookie))?.claims.sub, 'alice')
      assert.equal((await auth.authenticate(bob))?.claims.sub, 'bob')
    }
  })
})

describe('memory', () => {
  it('holds no more sessions than l1MaxCapacity, and forgotten ones are read again', async (t) => {
    const clock = manualClock({ startAt: Date.now() })
    const { app } = await startWorld(t, { clock, options: { cache: { l1MaxCapacity: 3 } } })
    const cookies: string[] = []
    for (let i = 0; i < 6; i += 1) cookies.push(`sallyport=${sessionCookie(await signedIn(app), app)}`)
    for (const cookie of [...cookies, ...cookies]) {
      assert.equal((await app.auth.authenticate(cookie))?.claims.sub, 'alice')
      assert.ok(app.auth.cache.stats().sessions.entries <= 3)
    }
    assert.ok(app.auth.cache.stats().sessions.evictions.capacity > 0)
  })
})

describe('the log', () => {
  it('says once a minute how often memory had the answer', async (t) => {
    const clock = manualClock({ startAt: Date.now() })
    const said: string[] = []
    const { app } = await startWorld(t, {
      clock,
      options: {
        logger: { ...silentLogger, info: (fields, message) => void said.push(`${message} ${JSON.stringify(fields)}`) },
      },
    })
    const cookie = `sallyport=${sessionCookie(await signedIn(app), app)}`
    said.length = 0
    for (let minute = 1; minute <= 3; minute += 1) {
      for (let ask = 0; ask < 5; ask += 1) await app.auth.authenticate(cookie)
      await clock.advance(60_000)
      assert.equal(said.length, minute, said.join('\n'))
    }
    assert.match(said[0]!, /l1/i)
  })
})

describe('l1TtlSec', () => {
  it('is when a session is read from the store again, however often it is used', async (t) => {
    const clock = manualClock({ startAt: Date.now() })
    let counting: CountingStore | undefined
    const { app } = await startWorld(t, {
      clock,
      options: { cache: { l1TtlSec: 10 }, session: { idleTimeoutSec: 7_200 } },
      wrap: (store) => (counting = countingStore(store)).store,
    })
    const cookie = `sallyport=${sessionCookie(await signedIn(app), app)}`
    await app.auth.authenticate(cookie)
    counting!.reset()
    for (let second = 0; second < 50; second += 1) {
      await clock.advance(1_000)
      await app.auth.authenticate(cookie)
    }
    const reads = counting!.count('read')
    assert.ok(reads >= 4 && reads <= 5, `${reads} reads in five times l1TtlSec`)
  })
})

describe('health', () => {
  it('is ok while store and provider are up, and tells whether memory may answer', async (t) => {
    const { auth, cookie } = await startObserved(t)
    await auth.authenticate(cookie)
    assert.deepEqual(await auth.health(), { ok: true, store: 'up', provider: 'up', lease: 'held' })
  })

  it('says off where memory is switched off', async (t) => {
    const { app } = await startWorld(t, { options: { cache: { enableL1: false } } })
    assert.equal((await app.auth.health()).lease, 'off')
  })
})
