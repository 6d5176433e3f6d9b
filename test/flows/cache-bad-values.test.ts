import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import { isSallyportError } from '../../src/index.ts'
import type { AuthSession } from '../../src/index.ts'
import { clearErrorOf, sessionOf, startCache } from '../support/cached-sessions.ts'

const cyclic: Record<string, unknown> = {}
cyclic['self'] = cyclic

describe('a session', () => {
  const none: [what: string, session: unknown][] = [
    ['nothing', undefined],
    ['null', null],
    ['a text', 'session'],
    ['a number', 42],
    ['a list', []],
    ['without data', { ...sessionOf('x'), data: undefined }],
    ['with cyclic data', { ...sessionOf('x'), data: cyclic }],
    ['with cyclic claims', { ...sessionOf('x'), claims: cyclic }],
    ['with a BigInt in its data', { ...sessionOf('x'), data: { n: 1n } }],
    ['with a BigInt in its claims', { ...sessionOf('x'), claims: { sub: 'x', iss: 'i', n: 1n } }],
  ]
  for (const [what, session] of none) {
    it(`that is none is refused with a clear error, and what was there stays: ${what}`, async (t) => {
      const { cache } = startCache(t)
      await cache.setAuthSession('x', sessionOf('x'))
      const { error } = await clearErrorOf(() => cache.setAuthSession('x', session as AuthSession))
      assert.ok(error !== undefined, 'it was accepted')
      assert.deepEqual(await cache.getAuthSession('x'), sessionOf('x'))
    })
  }

  const odd: [what: string, data: object][] = [
    ['a date', { at: new Date(0) }],
    ['undefined', { nothing: undefined, list: [undefined] }],
    ['NaN and Infinity', { n: NaN, i: Infinity, z: -0 }],
    ['a map and a set', { map: new Map([[1, 2]]), set: new Set([1]) }],
    ['bytes', { bytes: new Uint8Array([1, 2, 3]) }],
    ['a function and a symbol', { f: (): number => 1, s: Symbol('s') }],
    ['a class instance', { url: new URL('https://app.example/') }],
    ['an own __proto__', JSON.parse('{"__proto__":{"polluted":true},"a":1}') as object],
    ['a lone surrogate', { text: '\ud800' }],
    ['a text of 1 MB', { text: 'x'.repeat(2 ** 20) }],
    ['a hundred levels', Array.from({ length: 100 }).reduce<object>((inner) => ({ inner }), {})],
    ['a hundred thousand levels', Array.from({ length: 100_000 }).reduce<object>((inner) => ({ inner }), {})],
  ]
  for (const [what, data] of odd) {
    it(`reads the same from memory as from the store, or is refused: ${what}`, async (t) => {
      const writer = startCache(t)
      const session = { ...sessionOf('x'), data } as AuthSession
      const { error } = await clearErrorOf(() => writer.cache.setAuthSession('x', session))
      if (error !== undefined) return
      const reader = startCache(t, { store: writer.counting.store, clock: writer.clock })
      const fromMemory = await writer.cache.getAuthSession('x')
      assert.ok(fromMemory !== undefined)
      assert.deepEqual(fromMemory, await reader.cache.getAuthSession('x'))
      assert.equal(({} as { polluted?: boolean }).polluted, undefined)
    })
  }
})

describe('a code verifier', () => {
  for (const verifier of [undefined, null, 42, '', {}, ['v'], Symbol('v')]) {
    it(`reads as it was given, or is refused with a clear error: ${inspect(verifier)}`, async (t) => {
      const writer = startCache(t)
      const { error } = await clearErrorOf(() => writer.cache.setCodeVerifier('state', verifier as string))
      if (error !== undefined) return
      const reader = startCache(t, { store: writer.counting.store, clock: writer.clock })
      for (const { cache } of [writer, reader, reader]) {
        assert.deepEqual(await cache.getCodeVerifier('state'), verifier)
      }
    })
  }
})

describe('a ttlSec', () => {
  const odd = [0, -1, NaN, Infinity, -Infinity, 1.5, 1e300, Number.MAX_SAFE_INTEGER, '60', 'soon', null, 10n, {}]
  for (const ttlSec of odd) {
    it(`of ${inspect(ttlSec)} is refused, or the session is gone a day later, and nothing ends by it`, async (t) => {
      const { cache, clock } = startCache(t)
      await cache.setAuthSession('x', sessionOf('x'), 60)
      await clearErrorOf(() => cache.extendAuthSession('x', ttlSec as number))
      assert.deepEqual(await cache.getAuthSession('x'), sessionOf('x'))
      await clearErrorOf(() => cache.setAuthSession('y', sessionOf('y'), ttlSec as number))
      await clock.advance(86_401_000)
      for (const id of ['x', 'y']) assert.equal(await cache.getAuthSession(id), undefined, id)
    })
  }

  it('that is refused is refused with an error of ours', async (t) => {
    const { cache } = startCache(t)
    await cache.setAuthSession('x', sessionOf('x'))
    for (const ttlSec of odd as number[]) {
      for (const work of [
        () => cache.extendAuthSession('x', ttlSec),
        () => cache.setAuthSession('y', sessionOf('y'), ttlSec),
      ]) {
        const { error } = await clearErrorOf(work)
        assert.ok(error === undefined || isSallyportError(error), `${inspect(ttlSec)}: ${inspect(error)}`)
      }
    }
  })
})
