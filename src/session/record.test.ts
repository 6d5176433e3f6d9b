import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { deepFreeze, isSessionRecord, neverRefreshed } from './record.ts'

test('everything is frozen, all the way down', () => {
  const value = deepFreeze({ a: { b: [{ c: 1 }] }, d: null, e: 'text' })
  for (const part of [value, value.a, value.a.b, value.a.b[0]]) assert.equal(Object.isFrozen(part), true)
})

test('what is frozen already is not gone through again', () => {
  const inner = { changeable: true }
  deepFreeze(Object.freeze({ inner }))
  assert.equal(Object.isFrozen(inner), false)
})

test('what cannot be frozen is given back as it is', () => {
  for (const value of [undefined, null, 7, 'text', true]) assert.equal(deepFreeze(value), value)
})

describe('a session record', () => {
  const whole = {
    claims: { sub: 'alice', iss: 'https://login.example' },
    data: {},
    tokens: { accessToken: 'access', tokenType: 'Bearer' },
    tokensAt: 1,
    refresh: neverRefreshed,
  }

  test('has what is relied on, and may have more', () => {
    assert.equal(isSessionRecord(whole), true)
    assert.equal(isSessionRecord({ ...whole, device: 'Firefox', later: [] }), true)
  })

  const wrong: Record<keyof typeof whole, unknown[]> = {
    claims: [undefined, null, [], 'alice'],
    data: [undefined, null, [], 'text'],
    tokens: [undefined, null, [], 'text'],
    tokensAt: [undefined, null, '1'],
    refresh: [
      undefined,
      null,
      [],
      {},
      ...Object.keys(neverRefreshed).map((name) => ({ ...neverRefreshed, [name]: '0' })),
    ],
  }
  for (const [name, values] of Object.entries(wrong)) {
    test(`is none without sound \`${name}\``, () => {
      for (const value of values)
        assert.equal(isSessionRecord({ ...whole, [name]: value }), false, JSON.stringify(value))
    })
  }

  test('is no other value', () => {
    for (const value of [undefined, null, 1, 'text', [], [whole]]) assert.equal(isSessionRecord(value), false)
  })
})
