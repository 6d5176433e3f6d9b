import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { startProcess, type ProcessPlan, type SessionProcess } from '../../test/support/session-process.ts'
import { watch } from '../../test/support/watch.ts'
import type { AnswerSource } from '../cache/answer.ts'
import { memoryStore } from '../stores/memory.ts'
import { manualClock } from '../testing/manual-clock.ts'
import type { AuthCache } from './auth-cache.ts'
import { noAnswers } from './cache-stats.ts'
import { sevenOperations } from './seven-operations.ts'
import type { AuthSession } from './tokens.ts'

interface World extends SessionProcess {
  cache: AuthCache
  counts: Record<AnswerSource, number>
}

async function world(t: TestContext, plan: ProcessPlan = {}): Promise<World> {
  const started = await startProcess(t, plan)
  const counts = noAnswers()
  const cache = sevenOperations(
    { ...started.parts, sessions: started.parts, counts },
    { verifierTtlSec: 600, sessionTtlSec: 1_800 },
  )
  return { ...started, cache, counts }
}

function session(accessToken = 'access'): AuthSession {
  return {
    accessToken,
    tokenType: 'Bearer',
    refreshToken: 'refresh',
    claims: { sub: 'alice', iss: 'https://login.example' },
    data: { cart: ['apple'] },
  }
}

describe('get', () => {
  test('counts where the answer came from', async (t) => {
    const clock = manualClock()
    const inner = memoryStore({ clock })
    const mine = await world(t, { clock, inner })
    const other = await world(t, { clock, inner })
    await mine.cache.setAuthSession('id', session())
    await Promise.all([1, 2, 3].map(() => other.cache.getAuthSession('id')))
    await other.cache.getAuthSession('id')
    await other.cache.getAuthSession('unknown')
    assert.deepEqual(other.counts, { l1: 1, l2: 1, joined: 2, stale: 0, refused: 1 })
  })

  test('gives what was set, absent properties absent', async (t) => {
    const { cache } = await world(t)
    await cache.setAuthSession('id', { ...session(), scope: undefined } as unknown as AuthSession)
    assert.deepEqual(await cache.getAuthSession('id'), session())
  })
})

describe('an id', () => {
  test('that is the text of a cookie is not that cookie’s session, warm or cold', async (t) => {
    const { cache, signIn, parts } = await world(t)
    const entry = await signIn()
    assert.equal(await cache.getAuthSession(entry.text), undefined)
    await cache.setAuthSession(entry.text, session('of the id'))
    assert.equal(parts.partition.serve(entry.text), entry)
    assert.equal((await cache.getAuthSession(entry.text))?.accessToken, 'of the id')
  })

  for (const half of ['\ud800', '\udfff', 'a\ud83d', '\ude00\ud83d']) {
    test(`with half a character is refused, for it would be another's too: ${JSON.stringify(half)}`, async (t) => {
      const { cache } = await world(t)
      await assert.rejects(cache.setAuthSession(half, session()), { code: 'ERR_ARGUMENT_INVALID' })
      await assert.rejects(cache.getAuthSession(half), { code: 'ERR_ARGUMENT_INVALID' })
      await assert.rejects(cache.setCodeVerifier(half, 'verifier'), { code: 'ERR_ARGUMENT_INVALID' })
    })
  }

  test('may have characters of two halves', async (t) => {
    const { cache } = await world(t)
    await cache.setAuthSession('\u{1f600}', session())
    assert.deepEqual(await cache.getAuthSession('\u{1f600}'), session())
  })

  test('of a verifier is not that of a session', async (t) => {
    const { cache } = await world(t)
    await cache.setCodeVerifier('id', 'verifier')
    assert.equal(await cache.getAuthSession('id'), undefined)
  })
})

describe('set', () => {
  test('keeps a copy that is nobody’s to change', async (t) => {
    const { cache } = await world(t)
    const mine = session()
    await cache.setAuthSession('id', mine)
    ;(mine.data['cart'] as string[]).push('pear')
    const got = (await cache.getAuthSession('id'))!
    assert.deepEqual(got.data, { cart: ['apple'] })
    assert.throws(() => (got.data['cart'] as string[]).push('pear'), TypeError)
  })

  test('refuses data that is not JSON', async (t) => {
    const { cache, held } = await world(t)
    const wrong = { ...session(), data: { at: new Date() } }
    await assert.rejects(cache.setAuthSession('id', wrong), { code: 'ERR_SESSION_DATA' })
    assert.equal(held.calls('create'), 0)
  })

  test('that is acknowledged stays, whatever became of the one before it that was in doubt', async (t) => {
    const { cache, clock, held, parts } = await world(t)
    held.hold('create', 'request')
    held.hold('remove', 'request')
    const inDoubt = watch(cache.setAuthSession('id', session()))
    await clock.advance(1_000)
    assert.equal(inDoubt.error, 'ERR_STORE_UNAVAILABLE')
    held.pass('create')
    await cache.setAuthSession('id', session())
    while (held.waiting('remove') > 0) held.release('remove')
    await clock.advance(1_000)
    parts.tiers.drop(parts.vault.keyOf('session:', 'id'))
    assert.deepEqual(await cache.getAuthSession('id'), session())
  })

  test('gives the new value a life of its own, not what was left of the old', async (t) => {
    const { cache, clock } = await world(t)
    await cache.setAuthSession('id', session('first'), 60)
    await clock.advance(50_000)
    await cache.setAuthSession('id', session('second'), 60)
    await clock.advance(59_000)
    assert.equal((await cache.getAuthSession('id'))?.accessToken, 'second')
  })

  for (const ttlSec of [0, -1, NaN, Infinity, 31_536_001]) {
    test(`for ${ttlSec} seconds is a mistake of the caller`, async (t) => {
      const { cache, held } = await world(t)
      await assert.rejects(cache.setAuthSession('id', session(), ttlSec), { code: 'ERR_ARGUMENT_INVALID' })
      await assert.rejects(cache.extendAuthSession('id', ttlSec), { code: 'ERR_ARGUMENT_INVALID' })
      assert.deepEqual([held.calls('create'), held.calls('extend')], [0, 0])
    })
  }

  test('after another process was faster tries again', async (t) => {
    const clock = manualClock()
    const inner = memoryStore({ clock })
    const mine = await world(t, { clock, inner })
    const other = await world(t, { clock, inner })
    mine.held.hold('create', 'request')
    const setting = watch(mine.cache.setAuthSession('id', session('mine')))
    await clock.advance(0)
    await other.cache.setAuthSession('id', session('theirs'))
    mine.held.pass('create')
    mine.held.release('create')
    await clock.advance(100)
    assert.equal(setting.state, 'fulfilled')
    await clock.advance(1_000)
    for (const { cache } of [mine, other]) assert.equal((await cache.getAuthSession('id'))?.accessToken, 'mine')
  })

  test('of another process is seen by this one after the next poll', async (t) => {
    const clock = manualClock()
    const inner = memoryStore({ clock })
    const mine = await world(t, { clock, inner })
    const other = await world(t, { clock, inner })
    await mine.cache.setAuthSession('id', session('first'))
    await other.cache.setAuthSession('id', session('second'))
    await mine.parts.tiers.poller.poll()
    assert.equal((await mine.cache.getAuthSession('id'))?.accessToken, 'second')
  })

  test('that loses again and again gives up at last', async (t) => {
    const { cache, parts, clock } = await world(t)
    t.mock.method(parts.tiers.store, 'create', async () => ({ outcome: 'present' }))
    const setting = watch(cache.setAuthSession('id', session()))
    await clock.advance(1_000)
    assert.equal(setting.error, 'ERR_SESSION_CONFLICT')
  })
})

describe('invalidate', () => {
  test('takes the session from memory and from the store', async (t) => {
    const { cache, held } = await world(t)
    await cache.setAuthSession('id', session())
    await cache.invalidateAuthSession('id')
    assert.equal((await held.store.stats()).entries, 0)
    assert.equal(await cache.getAuthSession('id'), undefined)
  })

  test('cannot be undone by a set that was under way', async (t) => {
    const { cache, held, clock } = await world(t)
    await cache.setAuthSession('id', session('first'))
    held.hold('replace', 'request')
    const setting = watch(cache.setAuthSession('id', session('second')))
    await clock.advance(0)
    await cache.invalidateAuthSession('id')
    held.pass('replace')
    held.release('replace')
    await clock.advance(100)
    // It came after, as a new session: a set creates.
    assert.equal(setting.state, 'fulfilled')
    assert.equal((await cache.getAuthSession('id'))?.accessToken, 'second')
  })
})

describe('extend', () => {
  test('leaves the session in memory, with its new life', async (t) => {
    const { cache, clock, held } = await world(t)
    await cache.setAuthSession('id', session(), 60)
    await cache.extendAuthSession('id', 120)
    const reads = held.calls('read')
    await cache.getAuthSession('id')
    assert.equal(held.calls('read'), reads)
    await clock.advance(119_000)
    assert.deepEqual(await cache.getAuthSession('id'), session())
    await clock.advance(1_000)
    assert.equal(await cache.getAuthSession('id'), undefined)
  })

  test('of a session that memory does not have extends it in the store', async (t) => {
    const { cache, clock, parts } = await world(t)
    await cache.setAuthSession('id', session(), 60)
    parts.tiers.drop(parts.vault.keyOf('session:', 'id'))
    await cache.extendAuthSession('id', 120)
    await clock.advance(119_000)
    assert.deepEqual(await cache.getAuthSession('id'), session())
  })
})

describe('code verifiers', () => {
  test('have room of their own: they push no session out of memory', async (t) => {
    const { cache, held } = await world(t, { cache: { l1MaxCapacity: 1 } })
    await cache.setAuthSession('id', session())
    for (let i = 0; i < 10; i++) await cache.setCodeVerifier(`state ${i}`, 'verifier')
    const reads = held.calls('read')
    await cache.getAuthSession('id')
    assert.equal(held.calls('read'), reads)
  })

  test('live for as long as a sign-in may take', async (t) => {
    const { cache, clock } = await world(t)
    await cache.setCodeVerifier('state', 'verifier')
    await clock.advance(599_999)
    assert.equal(await cache.getCodeVerifier('state'), 'verifier')
    await clock.advance(1)
    assert.equal(await cache.getCodeVerifier('state'), undefined)
  })
})
