import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { systemRandomness } from '../shared/randomness.ts'
import { seal, unseal } from './seal.ts'

const key = new Uint8Array(32).fill(1)
const value = { claims: { sub: 'alice' }, text: '\u00e9\u{1f511}', list: [1, null, true] }
const sealed = seal(key, 'session:a', value, systemRandomness)

test('what was sealed opens as it was', () => {
  assert.deepEqual(unseal(key, 'session:a', sealed), value)
})

test('any JSON opens as it was', () => {
  fc.assert(
    fc.property(fc.jsonValue() as fc.Arbitrary<unknown>, (any) => {
      const opened = unseal(key, 'k', seal(key, 'k', any, systemRandomness))
      assert.equal(JSON.stringify(opened), JSON.stringify(any))
    }),
  )
})

test('nothing of it can be read', () => {
  assert.equal(Buffer.from(sealed).includes('alice'), false)
})

test('no two seals of the same value are alike', () => {
  assert.notDeepEqual(seal(key, 'session:a', value, systemRandomness), sealed)
})

test('a row moved to another key does not open', () => {
  assert.equal(unseal(key, 'session:b', sealed), undefined)
})

test('it does not open with another sealing key', () => {
  assert.equal(unseal(new Uint8Array(32).fill(2), 'session:a', sealed), undefined)
})

test('with any bit flipped it does not open', () => {
  fc.assert(
    fc.property(fc.nat({ max: sealed.length - 1 }), fc.nat({ max: 7 }), (at, bit) => {
      const flipped = Uint8Array.from(sealed)
      flipped[at]! ^= 1 << bit
      assert.equal(unseal(key, 'session:a', flipped), undefined)
    }),
    { numRuns: 1_000 },
  )
})

test('cut off anywhere it does not open', () => {
  for (let length = 0; length < sealed.length; length++) {
    assert.equal(unseal(key, 'session:a', sealed.subarray(0, length)), undefined)
  }
})

test('with anything behind it it does not open', () => {
  assert.equal(unseal(key, 'session:a', Buffer.concat([sealed, Uint8Array.of(0)])), undefined)
})

test('a format this release does not know is not even tried', () => {
  const newer = Uint8Array.from(sealed)
  newer[0] = 2
  assert.equal(unseal(key, 'session:a', newer), undefined)
})
