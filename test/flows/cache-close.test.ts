import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createAuth } from '../../src/index.ts'
import type { AuthCache, Store } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { manualClock } from '../../src/testing/manual-clock.ts'
import { secret, silentLogger, storesOf } from '../support/app.ts'
import {
  alteredStore,
  idsUpTo,
  keepAsking,
  sessionOf,
  setAll,
  settled,
  startCache,
} from '../support/cached-sessions.ts'
import { heldStore } from '../support/held-store.ts'
import type { StoreOperation } from '../support/wrapped-store.ts'
import { watch } from '../support/watch.ts'

const operations: [what: string, work: (cache: AuthCache) => Promise<unknown>][] = [
  ['getAuthSession of what memory holds', (cache) => cache.getAuthSession('x')],
  ['getAuthSession of what is not there', (cache) => cache.getAuthSession('nobody')],
  ['setAuthSession', (cache) => cache.setAuthSession('y', sessionOf('y'))],
  ['extendAuthSession', (cache) => cache.extendAuthSession('x', 60)],
  ['invalidateAuthSession', (cache) => cache.invalidateAuthSession('x')],
  ['getCodeVerifier of what memory holds', (cache) => cache.getCodeVerifier('x')],
  ['getCodeVerifier of what is not there', (cache) => cache.getCodeVerifier('nobody')],
  ['setCodeVerifier', (cache) => cache.setCodeVerifier('y', 'verifier')],
  ['invalidateCodeVerifier', (cache) => cache.invalidateCodeVerifier('x')],
]

describe('after close()', () => {
  for (const config of [{}, { enableL1: false }, { serveStaleForSec: 60 }]) {
    for (const [what, work] of operations) {
      it(`${what} is ERR_CLOSED, and no store is asked (${JSON.stringify(config)})`, async (t) => {
        const { cache, counting, clock } = startCache(t, config)
        await cache.setAuthSession('x', sessionOf('x'))
        await cache.setCodeVerifier('x', 'verifier')
        await cache.getAuthSession('x')
        await cache.close()
        counting.reset()
        const { state, error } = await settled(clock, work(cache))
        assert.deepEqual([state, error, counting.allOperations()], ['rejected', 'ERR_CLOSED', 0])
      })
    }
  }

  it('ready() is ERR_CLOSED, and stats() can still be read', async (t) => {
    const { cache } = startCache(t)
    await setAll({ cache }, idsUpTo(3))
    await cache.close()
    await assert.rejects(cache.ready(), { code: 'ERR_CLOSED' })
    assert.equal(cache.stats().store.writes, 3)
  })

  it('no timer is left, and nothing happens any more', async (t) => {
    const { cache, clock, counting } = startCache(t)
    await setAll({ cache }, idsUpTo(3))
    await keepAsking(clock, { forMs: 2_000 }, () => cache.getAuthSession('id0'))
    assert.ok(clock.pending() > 0)
    await cache.close()
    counting.reset()
    assert.equal(clock.pending(), 0)
    await clock.advance(600_000)
    assert.equal(counting.allOperations(), 0)
  })

  it('auth.cache is closed as well', async () => {
    const client = { issuer: 'https://login.example', clientId: 'web', baseUrl: 'https://app.example' }
    const auth = createAuth({ ...client, secret, logger: silentLogger })
    await auth.cache.setAuthSession('x', sessionOf('x'))
    await auth.close()
    for (const [what, work] of operations) await assert.rejects(work(auth.cache), { code: 'ERR_CLOSED' }, what)
  })
})

describe('close()', () => {
  for (const when of ['before any use', 'after use'] as const) {
    it(`may be called twice, and twice at once (${when})`, async (t) => {
      const { cache } = startCache(t)
      if (when === 'after use') await setAll({ cache }, idsUpTo(3))
      await Promise.all([cache.close(), cache.close()])
      await cache.close()
      await cache[Symbol.asyncDispose]()
    })
  }

  it('comes to an end although the store hangs when it is closed', async (t) => {
    const clock = manualClock()
    const inner = memoryStore({ clock })
    let isHanging = true
    const close: Store['close'] = () => (isHanging ? new Promise(() => {}) : inner.close())
    const { cache } = startCache(t, { store: alteredStore(inner, { close }), clock })
    await setAll({ cache }, ['x'])
    const { state, tookMs } = await settled(clock, cache.close())
    isHanging = false
    assert.notEqual(state, 'pending', `still closing after ${tookMs} ms`)
  })

  it('while the store is still being prepared leaves nothing waiting', async (t) => {
    const clock = manualClock()
    const held = heldStore(memoryStore({ clock }))
    held.hold('init', 'request')
    const { cache } = startCache(t, { store: held.store, clock })
    const waiting = [
      watch(cache.ready()),
      watch(cache.getAuthSession('x')),
      watch(cache.setAuthSession('y', sessionOf('y'))),
    ]
    await clock.advance(0)
    const closed = watch(cache.close())
    await clock.advance(1_000)
    assert.equal(closed.state, 'fulfilled')
    for (const { state, error } of waiting) {
      assert.equal(state, 'rejected')
      assert.match(error!, /^ERR_(CLOSED|STORE_UNAVAILABLE)$/)
    }
    held.release('init')
    await clock.advance(10_000)
    assert.equal(clock.pending(), 0)
  })

  const underWay: [what: string, operation: StoreOperation, work: (cache: AuthCache) => Promise<unknown>][] = [
    ['a fill', 'read', (cache) => cache.getAuthSession('x')],
    ['a fill of a verifier', 'read', (cache) => cache.getCodeVerifier('x')],
    ['a creation', 'create', (cache) => cache.setAuthSession('new', sessionOf('new'))],
    ['a replacement', 'replace', (cache) => cache.setAuthSession('x', sessionOf('x'))],
    ['an extension', 'extend', (cache) => cache.extendAuthSession('x', 60)],
    ['a removal', 'remove', (cache) => cache.invalidateAuthSession('x')],
  ]
  for (const where of ['request', 'answer'] as const) {
    for (const [what, operation, work] of underWay) {
      it(`during ${what}: whoever waits is answered in time, whatever comes afterwards (${where} held)`, async (t) => {
        const clock = manualClock()
        const inner = memoryStore({ clock })
        const writer = startCache(t, { store: alteredStore(inner, { close: async () => {} }), clock })
        await writer.cache.setAuthSession('x', sessionOf('x'))
        await writer.cache.setCodeVerifier('x', 'verifier')
        await writer.cache.close()
        const held = heldStore(inner)
        const { cache } = startCache(t, { store: held.store, clock })
        await cache.getAuthSession('warm up')
        held.hold(operation, where)
        const waiting = [1, 2, 3].map(() => watch(work(cache)))
        await clock.advance(0)
        assert.ok(held.waiting(operation) > 0)
        const closed = watch(cache.close())
        await clock.advance(1_000)
        assert.equal(closed.state, 'fulfilled')
        for (const { state, error } of waiting) {
          assert.notEqual(state, 'pending')
          if (state === 'rejected') assert.match(error!, /^ERR_(CLOSED|STORE_UNAVAILABLE)$/)
        }
        while (held.waiting(operation) > 0) held.release(operation)
        await clock.advance(10_000)
        assert.deepEqual([clock.pending(), cache.stats().sessions.entries], [0, 0])
        await assert.rejects(cache.getAuthSession('x'), { code: 'ERR_CLOSED' })
      })
    }
  }

  for (const how of ['answered', 'cut'] as const) {
    it(`during a poll, which is ${how} afterwards: nothing happens any more`, async (t) => {
      const clock = manualClock()
      const held = heldStore(memoryStore({ clock }))
      const { cache } = startCache(t, { store: held.store, clock })
      await setAll({ cache }, ['x'])
      await cache.getAuthSession('x')
      held.hold('epochs', 'answer')
      await clock.advance(500)
      assert.equal(held.waiting('epochs'), 1)
      const closed = watch(cache.close())
      await clock.advance(0)
      const polls = held.calls('epochs')
      if (how === 'answered') held.release('epochs')
      else held.lose('epochs')
      await clock.advance(0)
      assert.deepEqual([closed.state, clock.pending()], ['fulfilled', 0])
      await clock.advance(10_000)
      assert.deepEqual([held.calls('epochs'), clock.pending()], [polls, 0])
      await assert.rejects(cache.getAuthSession('x'), { code: 'ERR_CLOSED' })
    })
  }

  it('of one leaves another that has a store object of its own on the same file as it was', async (t) => {
    const clock = manualClock()
    const makeStore = await storesOf(t, 'sqlite', clock)
    const [one, two] = [startCache(t, { store: makeStore(), clock }), startCache(t, { store: makeStore(), clock })]
    await setAll(one, ['x'])
    await two.cache.getAuthSession('x')
    await one.cache.close()
    await clock.advance(5_000)
    assert.deepEqual(await two.cache.getAuthSession('x'), sessionOf('x'))
  })
})
