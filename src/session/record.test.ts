import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deepFreeze } from './record.ts'

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
