import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { createAuth } from '../../src/index.ts'
import type { Answer, Store } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { manualClock } from '../../src/testing/manual-clock.ts'
import { clientId, secret, silentLogger, startWorld } from '../support/app.ts'
import { keepAsking, readsToGet, sessionOf, setAll, startCache } from '../support/cached-sessions.ts'
import type { Started } from '../support/cached-sessions.ts'
import { failingStore, type FailingStore } from '../support/failing-store.ts'
import { directRequest, sessionCookie, signedIn } from '../support/sign-in.ts'
import { wrapStore } from '../support/wrapped-store.ts'
import { watch, type Watched } from '../support/watch.ts'

const graceSec = 10

interface Ailing extends Started {
  ailing: FailingStore
  /** The store below, as another instance sees it. */
  inner: Store
  /** The clock at which the latest poll that was answered was sent. */
  polledAt: () => number
}

/** A cache with a grace and the session `x` in memory, in use for a while. */
async function startWithGrace(t: TestContext, serveStaleForSec = graceSec): Promise<Ailing> {
  const clock = manualClock()
  const inner = memoryStore({ clock })
  let polledAt = 0
  const noting = wrapStore(inner, async (operation, call) => {
    const sentAt = clock.monotonic()
    const answer = await call()
    if (operation === 'epochs') polledAt = sentAt
    return answer
  })
  const ailing = failingStore(noting)
  const started = startCache(t, { store: ailing.store, clock, serveStaleForSec })
  await setAll(started, ['x'])
  await keepAsking(clock, { forMs: 3_000 }, async () => assert.equal(await readsToGet(started, 'x'), 0))
  return { ...started, ailing, inner, polledAt: () => polledAt }
}

/** What an operation came to within the operation timeout. */
async function outcome<T>({ clock }: Started, work: Promise<T>): Promise<Watched<T>> {
  const watched = watch(work)
  await clock.advance(0)
  if (watched.state === 'pending') await clock.advance(1_000)
  return watched
}

for (const way of ['throwAlways', 'hangAlways'] as const) {
  describe(`with serveStaleForSec, while the store is down (${way})`, () => {
    it('memory goes on answering after the lease, as stale', async (t) => {
      const ill = await startWithGrace(t)
      ill.ailing[way]()
      await ill.clock.advance(ill.polledAt() + 1_001 - ill.clock.monotonic())
      const before = ill.cache.stats()
      const got = await outcome(ill, ill.cache.getAuthSession('x'))
      assert.deepEqual(got.value, sessionOf('x'))
      const after = ill.cache.stats()
      assert.deepEqual([after.answers.stale - before.answers.stale, after.answers.l1 - before.answers.l1], [1, 0])
      assert.equal(after.sessions.stale - before.sessions.stale, 1)
    })

    it('for maxStalenessMs and the grace after the last good poll, and not longer', async (t) => {
      const ill = await startWithGrace(t)
      ill.ailing[way]()
      const until = ill.polledAt() + 1_000 + graceSec * 1_000
      while (ill.clock.monotonic() < until - 1_500) {
        assert.deepEqual((await outcome(ill, ill.cache.getAuthSession('x'))).value, sessionOf('x'))
        await ill.clock.advance(250)
      }
      await ill.clock.advance(Math.max(0, until - ill.clock.monotonic()))
      for (let ask = 0; ask < 10; ask += 1) {
        assert.equal((await outcome(ill, ill.cache.getAuthSession('x'))).error, 'ERR_STORE_UNAVAILABLE')
        await ill.clock.advance(250)
      }
    })

    it('not for a session that was ended here, although the store could not be told', async (t) => {
      const ill = await startWithGrace(t)
      ill.ailing[way]()
      await ill.clock.advance(1_500)
      assert.ok((await outcome(ill, ill.cache.getAuthSession('x'))).value)
      assert.equal((await outcome(ill, ill.cache.invalidateAuthSession('x'))).error, 'ERR_STORE_UNAVAILABLE')
      for (let ask = 0; ask < 3; ask += 1) {
        assert.equal((await outcome(ill, ill.cache.getAuthSession('x'))).error, 'ERR_STORE_UNAVAILABLE')
        await ill.clock.advance(500)
      }
    })

    it('not for one that memory does not hold: that is unavailable, never absent', async (t) => {
      const ill = await startWithGrace(t)
      ill.ailing[way]()
      await ill.clock.advance(1_500)
      assert.equal((await outcome(ill, ill.cache.getAuthSession('y'))).error, 'ERR_STORE_UNAVAILABLE')
    })

    it('not beyond the life of the session itself', async (t) => {
      const ill = await startWithGrace(t)
      await ill.cache.setAuthSession('short', sessionOf('short'), 8)
      ill.ailing[way]()
      await ill.clock.advance(4_000)
      assert.ok((await outcome(ill, ill.cache.getAuthSession('short'))).value)
      await ill.clock.advance(4_000)
      assert.equal((await outcome(ill, ill.cache.getAuthSession('short'))).value, undefined)
    })

    it('an end elsewhere is seen as soon as the store is back', async (t) => {
      const ill = await startWithGrace(t)
      const other = startCache(t, { store: ill.inner, clock: ill.clock })
      ill.ailing[way]()
      await ill.clock.advance(2_000)
      await other.cache.invalidateAuthSession('x')
      assert.ok((await outcome(ill, ill.cache.getAuthSession('x'))).value)
      ill.ailing.heal()
      await ill.clock.advance(2_000)
      assert.deepEqual(await outcome(ill, ill.cache.getAuthSession('x')), {
        state: 'fulfilled',
        value: undefined,
        error: undefined,
      })
    })

    it('without it the answer is 503 once the lease is over', async (t) => {
      const ill = await startWithGrace(t, 0)
      ill.ailing[way]()
      await ill.clock.advance(ill.polledAt() + 999 - ill.clock.monotonic())
      assert.deepEqual((await outcome(ill, ill.cache.getAuthSession('x'))).value, sessionOf('x'))
      await ill.clock.advance(Math.max(0, ill.polledAt() + 1_000 - ill.clock.monotonic()))
      assert.equal((await outcome(ill, ill.cache.getAuthSession('x'))).error, 'ERR_STORE_UNAVAILABLE')
    })
  })
}

describe('the grace is for a store that does not answer, only', () => {
  it('polls alone failing: the store is read', async (t) => {
    const clock = manualClock()
    const inner = memoryStore({ clock })
    let isCut = false
    const store = wrapStore(inner, (operation, call) =>
      isCut && operation === 'epochs' ? Promise.reject(new Error('cut')) : call(),
    )
    const [one, two] = [
      startCache(t, { store: inner, clock }),
      startCache(t, { store, clock, serveStaleForSec: graceSec }),
    ]
    await setAll(one, ['x'])
    for (let ask = 0; ask < 3; ask += 1) await readsToGet(two, 'x')
    isCut = true
    await one.cache.invalidateAuthSession('x')
    await clock.advance(1_000)
    assert.equal(await two.cache.getAuthSession('x'), undefined)
    assert.equal(two.cache.stats().answers.stale, 0)
  })
})

describe('the guard during the grace', () => {
  it('lets the user in with source stale, then answers 503 with Retry-After and leaves the cookie', async (t) => {
    const clock = manualClock({ startAt: Date.now() })
    const world = await startWorld(t, { clock })
    const cookie = `sallyport=${sessionCookie(await signedIn(world.app), world.app)}`
    const ailing = failingStore(world.app.store)
    const answers: Answer[] = []
    const auth = createAuth({
      issuer: world.provider.issuer,
      clientId,
      baseUrl: world.app.baseUrl,
      secret,
      store: ailing.store,
      logger: silentLogger,
      clock,
      cache: { serveStaleForSec: graceSec },
      hooks: { onAnswer: (answer) => void answers.push(answer) },
    })
    t.after(() => auth.close())
    for (let ask = 0; ask < 3; ask += 1) assert.ok(await auth.authenticate(cookie))
    ailing.throwAlways()
    await clock.advance(2_000)
    const setCookies: string[] = []
    const asked = async (): Promise<number> => {
      const answer = await auth.guard(directRequest('/me', { cookie }), (text) => void setCookies.push(text))
      const retryAfter = answer.reply?.headers.some(([name]) => name.toLowerCase() === 'retry-after')
      return answer.reply === undefined ? 200 : retryAfter ? answer.reply.status : 0
    }
    assert.deepEqual([await asked(), answers.at(-1)?.source], [200, 'stale'])
    await clock.advance(graceSec * 1_000)
    assert.deepEqual([await asked(), answers.at(-1)?.source, answers.at(-1)?.reason], [503, 'refused', 'unavailable'])
    assert.deepEqual(setCookies, [])
  })
})
