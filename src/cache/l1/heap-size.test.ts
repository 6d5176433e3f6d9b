import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { heapSizeOf, heapSizeOfEntry } from './heap-size.ts'

// The figures are those of V8 on 64 bits; `test/memory/heap-size.test.ts` compares with what it really takes.

/** Of a value like many others: names, shape and short strings are known. */
function usualSizeOf(value: unknown): number {
  for (let i = 0; i < 2; i++) heapSizeOf(value)
  return heapSizeOf(value)
}

describe('what JSON values take', () => {
  for (const [what, value, bytes] of [
    ['a small number', 7, 0],
    ['the smallest of these', -(2 ** 31), 0],
    ['true', true, 0],
    ['null', null, 0],
    ['a number with a fraction', 1.5, 16],
    ['a number of more than 32 bits', 2 ** 31, 16],
    ['minus zero', -0, 16],
    ['a Latin-1 text', 'é'.repeat(24), 16 + 24],
    ['a text that is not Latin-1', '語'.repeat(24), 16 + 48],
    ['a long text', 'x'.repeat(1_001), 16 + 1_008],
  ] as const) {
    test(`${what}: ${bytes} bytes beside the word that refers to it`, () => {
      assert.equal(usualSizeOf([value]), 32 + 16 + 8 + bytes)
    })
  }

  test('an object has a word for each of its properties', () => {
    assert.equal(usualSizeOf({ a: 1, b: true, c: null }), 24 + 3 * 8)
  })

  test('parts count with what they are in', () => {
    assert.equal(usualSizeOf({ list: [{ n: 0.5 }] }), 24 + 8 + (32 + 16 + 8) + (24 + 8) + 16)
  })

  test('an object without properties has room for some, a list without parts has none', () => {
    assert.deepEqual([usualSizeOf({}), usualSizeOf([])], [56, 32])
  })

  test('what is no JSON takes nothing that is known of', () => {
    assert.equal(heapSizeOf(undefined), 0)
  })
})

describe('what values have in common is not counted again', () => {
  test('a short text', () => {
    const first = heapSizeOf(['only-1'])
    assert.equal(first - heapSizeOf(['only-1']), 24)
  })

  test('but a short text beside one that is not Latin-1 is', () => {
    heapSizeOf(['only-2'])
    assert.equal(heapSizeOf(['only-2', '語']) - heapSizeOf(['only-2', 'only-2']), 24 + 24)
  })

  test('but a longer text is', () => {
    assert.equal(heapSizeOf(['no longer short']), heapSizeOf(['no longer short']))
  })

  test('the names of properties and their order', () => {
    const first = heapSizeOf({ 'name-1': 1, 'name-2': 1 })
    assert.ok(first - usualSizeOf({ 'name-1': 1, 'name-2': 1 }) > 2 * 100)
    assert.ok(heapSizeOf({ 'name-2': 1, 'name-1': 1 }) > usualSizeOf({ 'name-1': 1, 'name-2': 1 }) + 2 * 100)
  })
})

describe('names that are data', () => {
  const sizeOfKeyed = (name: (i: number, key: number) => string): number => {
    let last = 0
    for (let i = 0; i < 5_000; i++) {
      last = heapSizeOf(Object.fromEntries(Array.from({ length: 10 }, (_, key) => [name(i, key), 1])))
    }
    return last
  }

  test('cost more than a word each, however many came before', () => {
    assert.ok(sizeOfKeyed((i, key) => `item ${i}.${key}`) > 10 * 100)
  })

  test('cost a table if they are numbers far apart', () => {
    assert.ok(sizeOfKeyed((i, key) => String(1_000 * i + 100_000 * key)) >= 24 + 24 * 10)
  })

  test('cost an array with its gaps if they are numbers close together', () => {
    assert.ok(usualSizeOf({ 1: true, 2: true, 90: true }) < usualSizeOf({ 1: true, 2: true, 30: true }) + 8 * 60)
    assert.ok(usualSizeOf({ 1: true, 2: true, 30: true }) >= 24 + 8 * 30)
  })

  test('cost a table if there are very many', () => {
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`one of many ${i}`, 1]))
    assert.ok(usualSizeOf(many) > 200 * 30)
  })
})

test('a value may be deeper than the stack', () => {
  let deep: unknown[] = []
  for (let i = 0; i < 1_000_000; i++) deep = [deep]
  assert.equal(heapSizeOf(deep), 32 + 1_000_000 * (32 + 16 + 8))
})

test('an entry takes what its text, key and value take, and something for itself', () => {
  const [text, key, value] = ['t'.repeat(1_000), 'k'.repeat(500), ['v'.repeat(200)]]
  const own = heapSizeOfEntry({ text, key, value }) - heapSizeOf(text) - heapSizeOf(key) - heapSizeOf(value)
  assert.ok(own > 400 && own < 800)
})
