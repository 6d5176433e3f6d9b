import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { createAuth, TwoTierAuthCache } from '../../src/index.ts'
import type { AuthSession, Store } from '../../src/index.ts'
import { ConfigError } from '../../src/shared/errors.ts'
import { manualClock } from '../../src/testing/manual-clock.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { secret, silentLogger, storeKinds, storesOf } from '../support/app.ts'
import { countingStore } from '../support/counting-store.ts'
import { eventually } from '../support/eventually.ts'
import { failingStore } from '../support/failing-store.ts'
import { wrapStore } from '../support/wrapped-store.ts'

const session: AuthSession = {
  accessToken: 'access-token-0123456789',
  tokenType: 'Bearer',
  expiresAt: 1_900_000_000_000,
  refreshToken: 'refresh-token-0123456789',
  idToken: 'id-token-0123456789',
  scope: 'openid profile',
  claims: { sub: 'alice', iss: 'https://login.example', groups: ['a', 'b'] },
  data: { cart: ['apple'], nested: { deep: [1, null, true] } },
}

function cacheOn(t: TestContext, store: Store, config: object = {}): TwoTierAuthCache {
  const cache = new TwoTierAuthCache({ store, secret, l1TtlSec: 3_600, ...config })
  t.after(() => cache.close())
  return cache
}

for (const kind of storeKinds) {
  describe(`TwoTierAuthCache on ${kind}`, () => {
    it('keeps a code verifier until it is invalidated', async (t) => {
      const cache = cacheOn(t, (await storesOf(t, kind))())
      assert.equal(await cache.getCodeVerifier('state'), undefined)
      await cache.setCodeVerifier('state', 'verifier')
      assert.equal(await cache.getCodeVerifier('state'), 'verifier')
      assert.equal(await cache.getCodeVerifier('state'), 'verifier')
      await cache.invalidateCodeVerifier('state')
      assert.equal(await cache.getCodeVerifier('state'), undefined)
    })

    it('keeps a session, whole', async (t) => {
      const cache = cacheOn(t, (await storesOf(t, kind))())
      assert.equal(await cache.getAuthSession('id'), undefined)
      await cache.setAuthSession('id', session)
      assert.deepEqual(await cache.getAuthSession('id'), session)
      assert.deepEqual(await cache.getAuthSession('id'), session)
    })

    it('gives it to another cache on the same store', async (t) => {
      const makeStore = await storesOf(t, kind)
      const store = makeStore()
      await cacheOn(t, store).setAuthSession('id', session)
      assert.deepEqual(await cacheOn(t, kind === 'sqlite' ? makeStore() : store).getAuthSession('id'), session)
    })

    it('replaces a session that is there', async (t) => {
      const cache = cacheOn(t, (await storesOf(t, kind))())
      await cache.setAuthSession('id', session)
      await cache.setAuthSession('id', { ...session, accessToken: 'second' })
      assert.equal((await cache.getAuthSession('id'))?.accessToken, 'second')
    })

    it('replaces a code verifier that is there', async (t) => {
      const cache = cacheOn(t, (await storesOf(t, kind))())
      await cache.setCodeVerifier('state', 'one')
      await cache.setCodeVerifier('state', 'two')
      assert.equal(await cache.getCodeVerifier('state'), 'two')
    })

    it('forgets an invalidated session, and an extension does not revive it', async (t) => {
      const cache = cacheOn(t, (await storesOf(t, kind))())
      await cache.setAuthSession('id', session)
      await cache.invalidateAuthSession('id')
      assert.equal(await cache.getAuthSession('id'), undefined)
      await cache.extendAuthSession('id', 3_600)
      assert.equal(await cache.getAuthSession('id'), undefined)
    })

    it('extends nothing that was never there', async (t) => {
      const cache = cacheOn(t, (await storesOf(t, kind))())
      await cache.extendAuthSession('nobody', 3_600)
      assert.equal(await cache.getAuthSession('nobody'), undefined)
    })

    it('can set a session again that was invalidated', async (t) => {
      const cache = cacheOn(t, (await storesOf(t, kind))())
      await cache.setAuthSession('id', session)
      await cache.invalidateAuthSession('id')
      await cache.setAuthSession('id', session)
      assert.deepEqual(await cache.getAuthSession('id'), session)
    })

    it('invalidates what is not there without complaint', async (t) => {
      const cache = cacheOn(t, (await storesOf(t, kind))())
      await cache.invalidateAuthSession('nobody')
      await cache.invalidateCodeVerifier('nothing')
    })

    it('keeps verifiers and sessions apart, and every id to itself', async (t) => {
      const cache = cacheOn(t, (await storesOf(t, kind))())
      const ids = [
        'x',
        'X',
        'x ',
        'session:x',
        'cv:x',
        '__proto__',
        'constructor',
        'gr\u00fc\u00dfe',
        '\u{1f511}',
        '\u0000',
        '%',
        "'; --",
        'y'.repeat(10_000),
      ]
      for (const [i, id] of ids.entries()) {
        await cache.setAuthSession(id, { ...session, accessToken: `token ${i}` })
        await cache.setCodeVerifier(id, `verifier ${i}`)
      }
      for (const [i, id] of ids.entries()) {
        assert.equal((await cache.getAuthSession(id))?.accessToken, `token ${i}`)
        assert.equal(await cache.getCodeVerifier(id), `verifier ${i}`)
      }
    })

    it('survives a hundred writers of one id: the last one that finished is there', async (t) => {
      const cache = cacheOn(t, (await storesOf(t, kind))(), { operationTimeoutMs: 30_000 })
      await Promise.all(
        Array.from({ length: 100 }, (_, i) => cache.setAuthSession('id', { ...session, accessToken: `token ${i}` })),
      )
      assert.match((await cache.getAuthSession('id'))!.accessToken, /^token \d+$/)
      await cache.setAuthSession('id', { ...session, accessToken: 'the last' })
      assert.equal((await cache.getAuthSession('id'))?.accessToken, 'the last')
    })

    it('hands out nothing that a caller could change for the next one', async (t) => {
      const cache = cacheOn(t, (await storesOf(t, kind))(), { operationTimeoutMs: 30_000 })
      const mine = structuredClone(session) as { claims: { sub: string } } & AuthSession
      await cache.setAuthSession('id', mine)
      mine.claims.sub = 'mallory'
      const got = (await cache.getAuthSession('id')) as { data: { cart: string[] } } & AuthSession
      try {
        got.data.cart.push('stolen')
      } catch {
        // frozen is as good as copied
      }
      assert.deepEqual(await cache.getAuthSession('id'), session)
    })

    it('asks the store once for a session it then has in memory', async (t) => {
      const counting = countingStore((await storesOf(t, kind))())
      const clock = manualClock({ startAt: Date.now() })
      await cacheOn(t, counting.store, { clock }).setAuthSession('id', session)
      const cache = cacheOn(t, counting.store, { clock })
      await cache.getAuthSession('id')
      await clock.advance(0)
      await cache.getAuthSession('id')
      counting.reset()
      for (let ask = 0; ask < 20; ask += 1) assert.deepEqual(await cache.getAuthSession('id'), session)
      assert.equal(counting.requestOperations(), 0)
    })

    it('asks the store every time with enableL1 false', async (t) => {
      const counting = countingStore((await storesOf(t, kind))())
      const cache = cacheOn(t, counting.store, { enableL1: false })
      await cache.setAuthSession('id', session)
      counting.reset()
      for (let ask = 0; ask < 3; ask += 1) await cache.getAuthSession('id')
      assert.equal(counting.count('read'), 3)
    })

    it('stores neither ids nor tokens nor claims readably', async (t) => {
      const seen: unknown[] = []
      const inner = (await storesOf(t, kind))()
      const spied = new Proxy(inner, {
        get(target, name) {
          const value: unknown = Reflect.get(target, name, target)
          if (typeof value !== 'function') return value
          return (...args: unknown[]) => {
            seen.push(args)
            return (value as (...args: unknown[]) => unknown).apply(target, args)
          }
        },
      })
      const cache = cacheOn(t, spied)
      await cache.setAuthSession('my-session-id', session)
      await cache.extendAuthSession('my-session-id', 60)
      await cache.setCodeVerifier('my-state', 'my-verifier')
      await cache.getAuthSession('my-session-id')
      const written = seen
        .map((args) =>
          JSON.stringify(args, (_key, value: unknown) =>
            value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
          ),
        )
        .join('\n')
      for (const readable of [
        'my-session-id',
        'my-state',
        'my-verifier',
        'access-token',
        'refresh-token',
        'alice',
        'apple',
      ]) {
        assert.ok(!written.includes(readable), readable)
      }
    })
  })
}

describe('two TwoTierAuthCaches on one SQLite file', () => {
  it('an invalidation at one is seen by the other within maxStalenessMs', async (t) => {
    const clock = manualClock({ startAt: Date.now() })
    const makeStore = await storesOf(t, 'sqlite')
    const [one, two] = [cacheOn(t, makeStore(), { clock }), cacheOn(t, makeStore(), { clock })]
    await one.setAuthSession('id', session)
    for (const cache of [one, two, one, two]) assert.deepEqual(await cache.getAuthSession('id'), session)
    await clock.advance(0)
    await one.invalidateAuthSession('id')
    assert.equal(await one.getAuthSession('id'), undefined)
    await clock.advance(1_000)
    assert.equal(await two.getAuthSession('id'), undefined)
  })

  it('a replacement at one is seen by the other within maxStalenessMs', async (t) => {
    const clock = manualClock({ startAt: Date.now() })
    const makeStore = await storesOf(t, 'sqlite')
    const [one, two] = [cacheOn(t, makeStore(), { clock }), cacheOn(t, makeStore(), { clock })]
    await one.setAuthSession('id', session)
    await two.getAuthSession('id')
    await one.setAuthSession('id', { ...session, accessToken: 'second' })
    await clock.advance(1_000)
    assert.equal((await two.getAuthSession('id'))?.accessToken, 'second')
  })

  it('in real time: after a bounded number of tries, and then for good', async (t) => {
    const makeStore = await storesOf(t, 'sqlite')
    const config = { maxStalenessMs: 200 }
    const [one, two] = [cacheOn(t, makeStore(), config), cacheOn(t, makeStore(), config)]
    await one.setAuthSession('id', session)
    await two.getAuthSession('id')
    await one.invalidateAuthSession('id')
    await eventually(
      () => two.getAuthSession('id'),
      (found) => found === undefined,
    )
    assert.equal(await two.getAuthSession('id'), undefined)
  })
})

describe('lifetimes', () => {
  it('a session lives for the time given with it', async (t) => {
    const clock = manualClock({ startAt: Date.now() })
    const cache = cacheOn(t, memoryStore({ clock }), { clock })
    await cache.setAuthSession('id', session, 60)
    await clock.advance(59_000)
    assert.deepEqual(await cache.getAuthSession('id'), session)
    await clock.advance(1_500)
    assert.equal(await cache.getAuthSession('id'), undefined)
  })

  it('else for sessionTtlSec, whatever l1TtlSec says', async (t) => {
    const clock = manualClock({ startAt: Date.now() })
    const cache = cacheOn(t, memoryStore({ clock }), { clock, sessionTtlSec: 100, l1TtlSec: 9_999 })
    await cache.setAuthSession('id', session)
    await clock.advance(99_000)
    assert.deepEqual(await cache.getAuthSession('id'), session)
    await clock.advance(1_500)
    assert.equal(await cache.getAuthSession('id'), undefined)
  })

  it('an extension adds seconds from now, not minutes, and never shortens', async (t) => {
    const clock = manualClock({ startAt: Date.now() })
    const cache = cacheOn(t, memoryStore({ clock }), { clock })
    await cache.setAuthSession('id', session, 60)
    await clock.advance(50_000)
    await cache.extendAuthSession('id', 60)
    await cache.extendAuthSession('id', 1)
    await clock.advance(59_000)
    assert.deepEqual(await cache.getAuthSession('id'), session)
    await clock.advance(1_500)
    assert.equal(await cache.getAuthSession('id'), undefined)
  })

  it('an expired session is not revived by an extension', async (t) => {
    const clock = manualClock({ startAt: Date.now() })
    const cache = cacheOn(t, memoryStore({ clock }), { clock })
    await cache.setAuthSession('id', session, 60)
    await clock.advance(60_500)
    await cache.extendAuthSession('id', 3_600)
    assert.equal(await cache.getAuthSession('id'), undefined)
  })

  it('an extension does not push the session out of memory', async (t) => {
    const clock = manualClock({ startAt: Date.now() })
    const counting = countingStore(memoryStore({ clock }))
    const cache = cacheOn(t, counting.store, { clock })
    await cache.setAuthSession('id', session)
    await cache.getAuthSession('id')
    await clock.advance(0)
    await cache.extendAuthSession('id', 7_200)
    counting.reset()
    for (let ask = 0; ask < 5; ask += 1) await cache.getAuthSession('id')
    assert.equal(counting.count('read'), 0)
  })
})

describe('a store that does not answer', () => {
  // Our timers keep no process alive; here nothing else would.
  const alive = setInterval(() => {}, 1_000)
  after(() => clearInterval(alive))

  const [yes, no] = [(): boolean => true, (): boolean => false]
  for (const way of ['throwAlways', 'hangAlways'] as const) {
    it(`is ERR_STORE_UNAVAILABLE, never "not there" (${way})`, async (t) => {
      const ailing = failingStore(memoryStore())
      const cache = cacheOn(t, ailing.store, { enableL1: false, operationTimeoutMs: 100 })
      await cache.setAuthSession('id', session)
      ailing[way]()
      const calls: (() => Promise<unknown>)[] = [
        () => cache.getAuthSession('id'),
        () => cache.setAuthSession('id', session),
        () => cache.invalidateAuthSession('id'),
        () => cache.extendAuthSession('id', 60),
        () => cache.getCodeVerifier('state'),
        () => cache.setCodeVerifier('state', 'verifier'),
        () => cache.invalidateCodeVerifier('state'),
      ]
      for (const call of calls) await assert.rejects(call(), { code: 'ERR_STORE_UNAVAILABLE' })
      ailing.heal()
      // It is spared for a moment longer.
      const invalidated = async (): Promise<boolean> => cache.invalidateAuthSession('id').then(yes, no)
      await eventually(invalidated, (isDone) => isDone)
      assert.equal(await cache.getAuthSession('id'), undefined)
    })
  }

  it('in the middle of an invalidation leaves nothing in memory', async (t) => {
    let lost = false
    const store = wrapStore(memoryStore(), async (operation, call) => {
      if (lost && (operation === 'remove' || operation === 'read')) throw new Error('the connection broke')
      return call()
    })
    const cache = cacheOn(t, store, { operationTimeoutMs: 100 })
    await cache.setAuthSession('id', session)
    await cache.getAuthSession('id')
    lost = true
    await assert.rejects(cache.invalidateAuthSession('id'), { code: 'ERR_STORE_UNAVAILABLE' })
    await assert.rejects(cache.getAuthSession('id'), { code: 'ERR_STORE_UNAVAILABLE' })
  })
})

describe('the options of TwoTierAuthCache', () => {
  const wrong: [what: string, options: object, path: string][] = [
    ['no secret', { secret: undefined }, 'secret'],
    ['a short secret', { secret: 'short' }, 'secret'],
    ['a misspelt option', { l1Ttl: 60 }, 'l1Ttl'],
    ['a capacity that is no number', { l1MaxCapacity: 'many' }, 'l1MaxCapacity'],
    ['a staleness out of bounds', { maxStalenessMs: 1 }, 'maxStalenessMs'],
    ['a store that is none', { store: {} }, 'store'],
  ]
  for (const [what, options, path] of wrong) {
    it(`${what} is a ConfigError that names it`, () => {
      assert.throws(
        () => new TwoTierAuthCache({ store: memoryStore(), secret, ...options }),
        (error) =>
          error instanceof ConfigError && error.problems.length === 1 && error.problems[0]!.path.startsWith(path),
      )
    })
  }
})

describe('auth.cache', () => {
  it('is the seven operations on the same two tiers, with counters', async (t) => {
    const auth = createAuth({
      issuer: 'https://login.example',
      clientId: 'web',
      baseUrl: 'https://app.example',
      secret,
      store: memoryStore(),
      logger: silentLogger,
    })
    t.after(() => auth.close())
    await auth.cache.setAuthSession('id', session)
    assert.deepEqual(await auth.cache.getAuthSession('id'), session)
    await auth.cache.setCodeVerifier('state', 'verifier')
    assert.equal(await auth.cache.getCodeVerifier('state'), 'verifier')
    await auth.cache.invalidateAuthSession('id')
    assert.equal(await auth.cache.getAuthSession('id'), undefined)
    const { answers, verifiers } = auth.cache.stats()
    assert.deepEqual(answers, { l1: 2, l2: 0, joined: 0, stale: 0, refused: 1 })
    assert.equal(verifiers.hits, 1)
  })
})
