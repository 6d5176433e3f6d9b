import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { systemRandomness } from '../shared/randomness.ts'
import { seal, unseal, type Envelope } from './seal.ts'

const key = new Uint8Array(32).fill(1)
const envelope: Envelope = { format: 1, storeKey: 'session:a' }
const body = Buffer.from('alice, \u00e9\u{1f511}')
const sealed = seal(body, envelope, key, systemRandomness)

test('what was sealed opens as it was', () => {
  assert.deepEqual(unseal(sealed, envelope, key), body)
})

test('a text is sealed as the bytes of its UTF-8', () => {
  assert.deepEqual(unseal(seal(body.toString(), envelope, key, systemRandomness), envelope, key), body)
})

test('any bytes open as they were', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1_000 }), (any) => {
      assert.deepEqual(unseal(seal(any, envelope, key, systemRandomness), envelope, key), Buffer.from(any))
    }),
  )
})

test('the format stands in front', () => {
  for (const format of [1, 2, 8]) {
    const other = { ...envelope, format }
    const made = seal(body, other, key, systemRandomness)
    assert.equal(made[0], format)
    assert.deepEqual(unseal(made, other, key), body)
  }
})

test('nothing of it can be read', () => {
  assert.equal(Buffer.from(sealed).includes('alice'), false)
})

test('no two seals of the same value are alike', () => {
  assert.notDeepEqual(seal(body, envelope, key, systemRandomness), sealed)
})

test('a row moved to another key does not open', () => {
  assert.equal(unseal(sealed, { ...envelope, storeKey: 'session:b' }, key), undefined)
})

test('it does not open with another sealing key', () => {
  assert.equal(unseal(sealed, envelope, new Uint8Array(32).fill(2)), undefined)
})

test('with any bit flipped it does not open', () => {
  fc.assert(
    fc.property(fc.nat({ max: sealed.length - 1 }), fc.nat({ max: 7 }), (at, bit) => {
      const flipped = Uint8Array.from(sealed)
      flipped[at]! ^= 1 << bit
      assert.equal(unseal(flipped, envelope, key), undefined)
    }),
    { numRuns: 1_000 },
  )
})

test('cut off anywhere it does not open', () => {
  for (let length = 0; length < sealed.length; length++) {
    assert.equal(unseal(sealed.subarray(0, length), envelope, key), undefined)
  }
})

test('with anything behind it it does not open', () => {
  assert.equal(unseal(Buffer.concat([sealed, Uint8Array.of(0)]), envelope, key), undefined)
})

test('another format is not even tried', () => {
  assert.equal(unseal(sealed, { ...envelope, format: 2 }, key), undefined)
})

test('relabelled as another format it does not open as one', () => {
  const relabelled = Uint8Array.from(sealed)
  relabelled[0] = 2
  assert.equal(unseal(relabelled, { ...envelope, format: 2 }, key), undefined)
})
