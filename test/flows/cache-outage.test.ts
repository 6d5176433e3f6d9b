import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { inspect } from 'node:util'
import { createAuth } from '../../src/index.ts'
import type { AuthCache, TwoTierCacheConfig } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { manualClock } from '../../src/testing/manual-clock.ts'
import { clientId, secret, silentLogger, startWorld } from '../support/app.ts'
import { ailingStore, type AilingStore, type Ailment } from '../support/ailing-store.ts'
import { idsUpTo, keepAsking, readsToGet, sessionOf, setAll, settled, startCache } from '../support/cached-sessions.ts'
import type { Started } from '../support/cached-sessions.ts'
import { ticking } from '../support/eventually.ts'
import { directRequest, sessionCookie, signedIn } from '../support/sign-in.ts'
import { watch, type Watched } from '../support/watch.ts'

interface Ill extends Started {
  ailing: AilingStore
}

/** A cache over a store with the sessions id0 … id99, none of them in memory. */
async function startIll(t: TestContext, config: TwoTierCacheConfig = {}, ailment?: Ailment): Promise<Ill> {
  const clock = manualClock()
  const inner = memoryStore({ clock })
  const writer = startCache(t, { store: inner, clock })
  await setAll(writer, idsUpTo(100))
  const ailing = ailingStore(inner, clock)
  ailing.fall(ailment)
  return { ...startCache(t, { store: ailing.store, clock, ...config }), ailing }
}

const ailments: readonly Exclude<Ailment, undefined>[] = ['throws', 'hangs', { slowMs: 60_000 }]
const named = (ailment: Ailment): string => inspect(ailment)

const operations: [what: string, work: (cache: AuthCache) => Promise<unknown>][] = [
  ['getAuthSession', (cache) => cache.getAuthSession('id1')],
  ['setAuthSession', (cache) => cache.setAuthSession('id1', sessionOf('id1'))],
  ['setAuthSession of a new one', (cache) => cache.setAuthSession('new', sessionOf('new'))],
  ['extendAuthSession', (cache) => cache.extendAuthSession('id1', 60)],
  ['invalidateAuthSession', (cache) => cache.invalidateAuthSession('id1')],
  ['getCodeVerifier', (cache) => cache.getCodeVerifier('state')],
  ['setCodeVerifier', (cache) => cache.setCodeVerifier('state', 'verifier')],
  ['invalidateCodeVerifier', (cache) => cache.invalidateCodeVerifier('state')],
]

const down = { state: 'rejected', value: undefined, error: 'ERR_STORE_UNAVAILABLE' }

for (const ailment of ailments) {
  describe(`while the store ${named(ailment)}`, () => {
    for (const operationTimeoutMs of [100, 1_000, 5_000]) {
      for (const [what, work] of operations) {
        it(`${what} is ERR_STORE_UNAVAILABLE within ${operationTimeoutMs} ms`, async (t) => {
          const { cache, clock, ailing } = await startIll(t, { operationTimeoutMs })
          await cache.getAuthSession('id0')
          ailing.fall(ailment)
          const { tookMs, ...outcome } = await settled(clock, work(cache), { stepMs: operationTimeoutMs / 20 })
          assert.deepEqual(outcome, down)
          assert.ok(tookMs <= operationTimeoutMs, `it took ${tookMs} ms`)
        })
      }
    }

    for (const [what, work] of operations) {
      it(`${what} is so from the start, and works within 2 s of the store's recovery`, async (t) => {
        const { cache, clock, ailing } = await startIll(t, {}, ailment)
        const { tookMs, ...outcome } = await settled(clock, work(cache))
        assert.deepEqual(outcome, down)
        assert.ok(tookMs <= 1_000, `it took ${tookMs} ms`)
        await clock.advance(20_000)
        ailing.fall(undefined)
        await clock.advance(2_000)
        assert.equal((await settled(clock, work(cache))).state, 'fulfilled')
        assert.ok(await cache.getAuthSession('id0'))
      })
    }

    it('memory answers for as long as the lease holds, and no session there is is ever absent', async (t) => {
      const { cache, clock, ailing } = await startIll(t)
      for (const id of idsUpTo(5)) for (let ask = 0; ask < 2; ask += 1) await cache.getAuthSession(id)
      ailing.fall(ailment)
      await clock.advance(500)
      for (const id of idsUpTo(5)) assert.deepEqual(await cache.getAuthSession(id), sessionOf(id))
      for (let step = 0; step < 40; step += 1) {
        await clock.advance(100)
        for (const id of idsUpTo(8)) {
          const got = await settled(clock, cache.getAuthSession(id))
          if (got.state === 'fulfilled') assert.deepEqual(got.value, sessionOf(id))
          else assert.equal(got.error, 'ERR_STORE_UNAVAILABLE')
        }
      }
      assert.equal(cache.stats().coherence.lease, 'lost')
    })

    it('a minute of it with 100 requests a second is no storm, and 2 s after it all is as before', async (t) => {
      const ill = await startIll(t)
      const { cache, clock, ailing } = ill
      for (const id of idsUpTo(50)) for (let ask = 0; ask < 2; ask += 1) await cache.getAuthSession(id)
      ailing.fall(ailment)
      ailing.sent.length = 0
      const startedAt = clock.monotonic()
      const asked: Watched<unknown>[] = []
      for (let n = 0; clock.monotonic() < startedAt + 60_000; n += 1) {
        asked.push(watch(cache.getAuthSession(`id${n % 100}`)))
        await clock.advance(10)
      }
      await clock.advance(1_000)
      assert.ok(asked.length >= 6_000 && asked.every(({ state }) => state !== 'pending'))
      for (const { state, value, error } of asked) {
        if (state === 'fulfilled') assert.notEqual(value, undefined)
        else assert.equal(error, 'ERR_STORE_UNAVAILABLE')
      }
      const polls = ailing.sent.filter(({ operation }) => operation === 'epochs').length
      const others = ailing.sent.length - polls
      t.diagnostic(`${polls} polls and ${others} other operations in 61 s`)
      assert.ok(polls <= 61 * 4, `${polls} polls`)
      assert.ok(others <= 61 * 2.5 + 10, `${others} operations`)
      assert.ok(ill.lines.length <= 61, `${ill.lines.length} lines in the log`)
      const { failures, refusals, breaker } = cache.stats().store
      assert.ok(breaker !== 'closed' && failures >= 5 && refusals > 5_000, `${breaker} ${failures} ${refusals}`)

      ailing.fall(undefined)
      await clock.advance(2_000)
      for (const id of idsUpTo(100)) assert.deepEqual(await cache.getAuthSession(id), sessionOf(id))
      await clock.advance(400)
      for (const id of idsUpTo(100)) assert.equal(await readsToGet(ill, id), 0)
      assert.deepEqual([cache.stats().store.breaker, cache.stats().coherence.lease], ['closed', 'held'])
    })

    it('the guard answers 503 with Retry-After, and neither sets nor clears a cookie', async (t) => {
      const clock = manualClock({ startAt: Date.now() })
      const world = await startWorld(t, { clock })
      const cookie = `sallyport=${sessionCookie(await signedIn(world.app), world.app)}`
      const ailing = ailingStore(world.app.store, clock)
      ailing.fall(ailment)
      const { issuer } = world.provider
      const { baseUrl } = world.app
      const auth = createAuth({ issuer, clientId, baseUrl, secret, store: ailing.store, logger: silentLogger, clock })
      t.after(() => auth.close())
      const setCookies: string[] = []
      const guard = async (): Promise<number> => {
        const answer = Promise.resolve(
          auth.guard(directRequest('/me', { cookie }), (text) => void setCookies.push(text)),
        )
        const { value, tookMs } = await settled(clock, answer)
        assert.ok(tookMs <= 1_000, `it took ${tookMs} ms`)
        if (value?.reply === undefined) return value === undefined ? 0 : 200
        const names = value.reply.headers.map(([name]) => name.toLowerCase())
        assert.deepEqual([names.includes('retry-after'), names.includes('set-cookie')], [true, false])
        return value.reply.status
      }
      for (let ask = 0; ask < 8; ask += 1) assert.equal(await guard(), 503)
      ailing.fall(undefined)
      await clock.advance(2_000)
      assert.deepEqual([await guard(), setCookies], [200, []])
    })

    it('ready() rejects and health() says so, until it is over', async (t) => {
      const clock = manualClock({ startAt: Date.now() })
      let ailing: AilingStore | undefined
      const { app } = await startWorld(t, { clock, wrap: (inner) => (ailing = ailingStore(inner, clock)).store })
      ailing!.fall(ailment)
      await assert.rejects(ticking(clock, app.auth.ready()), { code: 'ERR_STORE_UNAVAILABLE' })
      assert.equal((await ticking(clock, app.auth.health())).store, 'down')
      ailing!.fall(undefined)
      await clock.advance(2_000)
      await ticking(clock, app.auth.ready())
      assert.deepEqual(await ticking(clock, app.auth.health()).then(({ ok, store }) => [ok, store]), [true, 'up'])
    })
  })
}

describe('the breaker', () => {
  /** Fails five times in a row. */
  async function startOpen(t: TestContext, ailment: Ailment): Promise<Ill> {
    const ill = await startIll(t)
    await ill.cache.getAuthSession('id0')
    ill.ailing.fall(ailment)
    for (let ask = 1; ask <= 5; ask += 1) await settled(ill.clock, ill.cache.getAuthSession(`id${ask}`))
    return ill
  }

  for (const ailment of ailments) {
    it(`opens after five failures: whoever asks then is answered at once (${named(ailment)})`, async (t) => {
      const { cache, clock, ailing } = await startOpen(t, ailment)
      assert.equal(cache.stats().store.breaker, 'open')
      const before = ailing.sent.filter(({ operation }) => operation === 'read').length
      const refused = cache.stats().store.refusals
      const asked = idsUpTo(20).map((id) => watch(cache.getAuthSession(id === 'id0' ? 'id50' : id)))
      await clock.advance(0)
      // One of them may be the attempt that is made every half second.
      assert.ok(asked.filter(({ state }) => state === 'pending').length <= 1)
      assert.ok(asked.every(({ state, error }) => state === 'pending' || error === 'ERR_STORE_UNAVAILABLE'))
      assert.ok(ailing.sent.filter(({ operation }) => operation === 'read').length <= before + 1)
      assert.ok(cache.stats().store.refusals > refused)
    })

    it(`lets a removal through all the same (${named(ailment)})`, async (t) => {
      const { cache, clock, ailing } = await startOpen(t, ailment)
      for (const id of ['id1', 'id2']) {
        const before = ailing.sent.filter(({ operation }) => operation === 'remove').length
        const { tookMs, ...outcome } = await settled(clock, cache.invalidateAuthSession(id))
        assert.deepEqual(outcome, down)
        assert.ok(tookMs <= 1_000, `it took ${tookMs} ms`)
        assert.ok(ailing.sent.filter(({ operation }) => operation === 'remove').length > before)
      }
    })
  }

  it('stays closed after four failures and a success', async (t) => {
    const { cache, clock, ailing } = await startIll(t, { enableL1: false })
    for (let round = 0; round < 5; round += 1) {
      ailing.fall('throws')
      for (let ask = 0; ask < 4; ask += 1) await settled(clock, cache.getAuthSession('id0'))
      assert.equal(cache.stats().store.breaker, 'closed')
      ailing.fall(undefined)
      assert.deepEqual(await cache.getAuthSession('id0'), sessionOf('id0'))
    }
  })

  it('is not opened by conflicts, absences or what a store refuses to do', async (t) => {
    const { cache } = await startIll(t)
    for (let ask = 0; ask < 20; ask += 1) {
      await cache.getAuthSession('nobody')
      await cache.extendAuthSession('nobody', 60)
      await cache.invalidateAuthSession('nobody')
    }
    assert.deepEqual([cache.stats().store.breaker, cache.stats().store.failures], ['closed', 0])
  })

  for (const ailment of ailments) {
    it(`after polls were answered again: a crowd that comes is let in, all of it (${named(ailment)})`, async (t) => {
      const { cache, clock, ailing } = await startOpen(t, ailment)
      // Memory answers, or nobody asks: nothing but polls reaches the store.
      ailing.fall(undefined)
      await clock.advance(2_000)
      const crowd = idsUpTo(50).map((id) => watch(cache.getAuthSession(id)))
      await clock.advance(1_000)
      const { breaker } = cache.stats().store
      assert.deepEqual(
        [breaker, crowd.filter(({ state }) => state === 'fulfilled').length, cache.stats().coherence.lease],
        ['closed', 50, 'held'],
      )
    })
  }

  it('closes at the first success', async (t) => {
    const { cache, clock, ailing } = await startOpen(t, 'throws')
    ailing.fall(undefined)
    await keepAsking(clock, { forMs: 1_000, stepMs: 100 }, () => settled(clock, cache.getAuthSession('id9')))
    assert.equal(cache.stats().store.breaker, 'closed')
    assert.deepEqual(await cache.getAuthSession('id10'), sessionOf('id10'))
  })
})
