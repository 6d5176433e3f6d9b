import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createKeyRing, isSameText } from './key-ring.ts'

const [first, second, third] = ['1', '2', '3'].map((digit) => digit.repeat(32)) as [string, string, string]

describe('rotation', () => {
  test('the first secret makes, all of them accept', () => {
    const before = createKeyRing([first])
    const during = createKeyRing([second, first])
    const mac = before.mac('use', 'text')
    assert.equal(during.verifies('use', 'text', mac), true)
    assert.notEqual(during.mac('use', 'text'), mac)
    assert.equal(before.verifies('use', 'text', during.mac('use', 'text')), false)
  })

  test('a secret added as accept-only lets this process take what others make with it', () => {
    const others = createKeyRing([second, first])
    const mine = createKeyRing([first, second])
    assert.equal(mine.verifies('use', 'text', others.mac('use', 'text')), true)
  })

  test('a secret that was dropped is unknown', () => {
    const after = createKeyRing([third, second])
    assert.equal(after.verifies('use', 'text', createKeyRing([first]).mac('use', 'text')), false)
    assert.equal(after.ofKid(createKeyRing([first]).primary.kid), undefined)
  })

  test('a kid is the same wherever the secret stands, and finds its keys', () => {
    const ring = createKeyRing([second, first])
    const { kid } = createKeyRing([first]).primary
    assert.equal(ring.ofKid(kid), ring.all[1])
    assert.equal(ring.primary, ring.all[0])
  })
})

test('the same secret makes the same keys in every process', () => {
  const [one, other] = [createKeyRing([first]).primary, createKeyRing([first]).primary]
  assert.equal(one.kid, other.kid)
  assert.equal(one.mac('use', 'text'), other.mac('use', 'text'))
  assert.equal(one.hash('use', 'a', 'b'), other.hash('use', 'a', 'b'))
  assert.deepEqual(one.tokenSealingKey('id'), other.tokenSealingKey('id'))
  assert.deepEqual(one.serverSealingKey('key'), other.serverSealingKey('key'))
})

test('every use has keys of its own', () => {
  const keys = createKeyRing([first]).primary
  const sealing = [keys.tokenSealingKey('x'), keys.serverSealingKey('x')]
  const made = [
    keys.mac('x', 'x'),
    keys.hash('x', 'x'),
    ...sealing.map((each) => Buffer.from(each).toString('base64url')),
  ]
  assert.equal(new Set(made).size, made.length)
})

test('every record has a sealing key of its own, whatever it is made from', () => {
  const keys = createKeyRing([first]).primary
  for (const make of [keys.tokenSealingKey, keys.serverSealingKey]) assert.notDeepEqual(make('a'), make('b'))
})

test('no secret makes the sealing keys of another', () => {
  const [one, other] = [createKeyRing([first]).primary, createKeyRing([second]).primary]
  assert.notDeepEqual(one.tokenSealingKey('x'), other.tokenSealingKey('x'))
  assert.notDeepEqual(one.serverSealingKey('x'), other.serverSealingKey('x'))
})

test('a MAC is 43 characters, a kid eight, a sealing key 32 bytes', () => {
  const keys = createKeyRing([first]).primary
  assert.match(keys.mac('use', 'text'), /^[\w-]{43}$/)
  assert.match(keys.kid, /^[\w-]{8}$/)
  assert.equal(keys.tokenSealingKey('id').length, 32)
  assert.equal(keys.serverSealingKey('key').length, 32)
})

test('neither kid nor hashes tell the secret', () => {
  const { kid } = createKeyRing([first]).primary
  assert.equal(first.includes(kid), false)
})

test('labels and texts never run into each other: MACs are the same only if both are', () => {
  const keys = createKeyRing([first]).primary
  const text = fc.string({ unit: fc.constantFrom('a', ':', '1', '2', '.'), maxLength: 4 })
  fc.assert(
    fc.property(text, text, text, text, (label, of, otherLabel, otherOf) => {
      const isSame = label === otherLabel && of === otherOf
      assert.equal(keys.mac(label, of) === keys.mac(otherLabel, otherOf), isSame)
    }),
    { numRuns: 2_000 },
  )
})

test('parts of a hash never run into each other', () => {
  const keys = createKeyRing([first]).primary
  const parts = fc.array(fc.string({ unit: fc.constantFrom('a', ':', '1', '2'), maxLength: 3 }), { maxLength: 3 })
  fc.assert(
    fc.property(parts, parts, (some, others) => {
      const isSame = JSON.stringify(some) === JSON.stringify(others)
      assert.equal(keys.hash('use', ...some) === keys.hash('use', ...others), isSame)
    }),
    { numRuns: 2_000 },
  )
})

test('a ring without a secret is refused', () => {
  assert.throws(() => createKeyRing([]), TypeError)
})

test('texts are the same only if they are, whatever their length', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (one, other) => {
      assert.equal(isSameText(one, other), one === other)
      assert.equal(isSameText(one, one), true)
    }),
  )
})
