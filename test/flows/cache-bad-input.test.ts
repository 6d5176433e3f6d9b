import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import { isSallyportError } from '../../src/index.ts'
import type { AuthCache } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { manualClock } from '../../src/testing/manual-clock.ts'
import {
  ballast,
  clearErrorOf,
  idsUpTo,
  readsToGet,
  sessionOf,
  setAll,
  startCache,
} from '../support/cached-sessions.ts'

describe('an entry larger than the whole memory', () => {
  it('is kept in the store alone, and pushes nobody out', async (t) => {
    const started = startCache(t, { l1MaxBytes: 20_000 })
    await setAll(started, idsUpTo(5))
    const huge = sessionOf('huge', ballast('huge', 100))
    await started.cache.setAuthSession('huge', huge)
    for (let ask = 0; ask < 3; ask += 1) assert.deepEqual(await started.cache.getAuthSession('huge'), huge)
    for (const id of idsUpTo(5)) assert.equal(await readsToGet(started, id), 0)
    const { entries, tooLarge, evictions } = started.cache.stats().sessions
    assert.deepEqual([entries, evictions.bytes], [5, 0])
    assert.ok(tooLarge >= 1)
  })

  it('replaces the small one that was there before', async (t) => {
    const started = startCache(t, { l1MaxBytes: 20_000 })
    await setAll(started, ['x'])
    await readsToGet(started, 'x')
    const huge = sessionOf('x', ballast('x', 100))
    await started.cache.setAuthSession('x', huge)
    assert.deepEqual(await started.cache.getAuthSession('x'), huge)
    assert.equal(started.cache.stats().sessions.entries, 0)
    await setAll(started, ['x'])
    assert.deepEqual(await started.cache.getAuthSession('x'), sessionOf('x'))
  })

  it('may be a verifier', async (t) => {
    const { cache } = startCache(t, { verifiers: { l1MaxBytes: 4_096 } })
    await cache.setCodeVerifier('state', 'v'.repeat(100_000))
    assert.equal(await cache.getCodeVerifier('state'), 'v'.repeat(100_000))
    assert.equal(cache.stats().verifiers.entries, 0)
  })
})

function operationsOn(cache: AuthCache, id: unknown): [what: string, work: () => Promise<unknown>][] {
  const bad = id as string
  return [
    ['getAuthSession', () => cache.getAuthSession(bad)],
    ['getCodeVerifier', () => cache.getCodeVerifier(bad)],
    ['extendAuthSession', () => cache.extendAuthSession(bad, 60)],
    ['setAuthSession', () => cache.setAuthSession(bad, sessionOf('mine'))],
    ['setCodeVerifier', () => cache.setCodeVerifier(bad, 'mine')],
    ['invalidateAuthSession', () => cache.invalidateAuthSession(bad)],
    ['invalidateCodeVerifier', () => cache.invalidateCodeVerifier(bad)],
  ]
}

describe('an id', () => {
  const noTexts: unknown[] = [
    undefined,
    null,
    0,
    1,
    NaN,
    1n,
    true,
    {},
    [],
    ['1'],
    { toString: () => '1' },
    new String('1'),
    Symbol('1'),
    (): string => '1',
    Buffer.from('1'),
  ]
  const textsOf = ['1', '0', 'null', 'undefined', '[object Object]', 'NaN', 'true', ' ']

  for (const id of noTexts) {
    it(`that is ${inspect(id)} is refused or found nowhere, and touches no other`, async (t) => {
      const { cache } = startCache(t)
      for (const known of textsOf) {
        await cache.setAuthSession(known, sessionOf('another'))
        await cache.setCodeVerifier(known, 'of another')
      }
      for (const [what, work] of operationsOn(cache, id)) {
        const { error, value } = await clearErrorOf(work)
        assert.ok(error !== undefined || value === undefined, `${what} was answered`)
      }
      for (const known of textsOf) {
        assert.deepEqual(await cache.getAuthSession(known), sessionOf('another'))
        assert.equal(await cache.getCodeVerifier(known), 'of another')
      }
    })
  }

  it('that is refused is refused with an error of ours', async (t) => {
    const { cache } = startCache(t)
    for (const id of [...noTexts, '']) {
      for (const [what, work] of operationsOn(cache, id)) {
        const { error } = await clearErrorOf(work)
        assert.ok(error === undefined || isSallyportError(error), `${what}(${inspect(id)}): ${inspect(error)}`)
      }
    }
  })

  const texts: [what: string, id: string][] = [
    ['empty', ''],
    ['of 1 MB', 'm'.repeat(2 ** 20)],
    ['another of 1 MB', `${'m'.repeat(2 ** 20 - 1)}n`],
    ['a lone high surrogate', '\ud800'],
    ['another lone high surrogate', '\ud801'],
    ['a lone low surrogate', '\udc00'],
    ['a lone surrogate in the middle', 'a\ud800b'],
    ['the replacement character', '\ufffd'],
    ['the replacement character in the middle', 'a\ufffdb'],
    ['__proto__', '__proto__'],
    ['constructor', 'constructor'],
    ['a NUL', '\u0000'],
    ['a text before a NUL', 'a'],
    ['a text with a NUL', 'a\u0000'],
    ['composed', '\u00e9'],
    ['decomposed', 'e\u0301'],
    ['a space', ' '],
    ['a key of the store', 'session:a'],
  ]
  it('may be any text: each is another, or refused', async (t) => {
    const started = startCache(t)
    const reader = startCache(t, { store: started.counting.store, clock: started.clock })
    const accepted: [what: string, id: string][] = []
    for (const [what, id] of texts) {
      const { error } = await clearErrorOf(() => started.cache.setAuthSession(id, sessionOf(what)))
      if (error !== undefined) continue
      await started.cache.setCodeVerifier(id, what)
      accepted.push([what, id])
    }
    assert.ok(accepted.length >= 10)
    for (const [what, id] of accepted) {
      for (const { cache } of [started, reader]) {
        assert.deepEqual(await cache.getAuthSession(id), sessionOf(what))
        assert.equal(await cache.getCodeVerifier(id), what)
      }
    }
  })

  it('that is a lone surrogate never finds what is under another', async (t) => {
    const { cache } = startCache(t)
    await cache.setAuthSession('\ufffd', sessionOf('another'))
    await cache.setCodeVerifier('\ufffd', 'of another')
    for (const id of ['\ud800', '\udfff']) {
      for (const work of [() => cache.getAuthSession(id), () => cache.getCodeVerifier(id)]) {
        const { value } = await clearErrorOf<unknown>(work)
        assert.equal(value, undefined)
      }
    }
  })
})

describe('a hundred thousand questions for sessions that are not there', () => {
  it('leave nothing behind, in memory or in the store', async (t) => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const { cache } = startCache(t, { store, clock })
    for (let from = 0; from < 100_000; from += 1_000) {
      const found = await Promise.all(idsUpTo(1_000, `absent ${from} `).map((id) => cache.getAuthSession(id)))
      assert.ok(found.every((session) => session === undefined))
    }
    await Promise.all(idsUpTo(1_000).map((state) => cache.getCodeVerifier(state)))
    const { sessions, verifiers } = cache.stats()
    assert.deepEqual([sessions.entries, sessions.bytes, verifiers.entries], [0, 0, 0])
    assert.equal((await store.stats()).entries, 0)
    assert.equal(cache.stats().answers.refused, 101_000)
  })
})
