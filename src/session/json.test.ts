import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { assertSessionData } from './json.ts'

describe('session data', () => {
  const cyclic: Record<string, unknown> = {}
  cyclic['self'] = { cyclic }
  for (const [what, value, path] of [
    ['no object', 'text', 'data'],
    ['null', null, 'data'],
    ['undefined', undefined, 'data'],
    ['an array', [], 'data'],
    ['a date', new Date(), 'data'],
    ['a map', new Map(), 'data'],
    ['an object of a class', new URL('https://app.example'), 'data'],
    ['a promise', Promise.resolve({}), 'data'],
    ['a date inside', { a: { at: new Date() } }, 'data.a.at'],
    ['a function inside', { a: [0, () => {}] }, 'data.a.1'],
    ['a symbol inside', { a: Symbol('s') }, 'data.a'],
    ['a bigint inside', { a: 1n }, 'data.a'],
    ['NaN inside', { a: Number.NaN }, 'data.a'],
    ['infinity inside', { a: -Infinity }, 'data.a'],
    ['a method that says how it is written', { a: { toJSON: () => 1 } }, 'data.a.toJSON'],
    ['undefined in a list', { a: [1, undefined] }, 'data.a'],
    // oxlint-disable-next-line no-sparse-arrays
    ['a hole in a list', { a: [1, , 2] }, 'data.a'],
    ['itself inside', cyclic, 'data.self.cyclic'],
  ] as const) {
    test(`cannot be or hold ${what}, and the error says where`, () => {
      assert.throws(() => assertSessionData(value), {
        code: 'ERR_SESSION_DATA',
        message: new RegExp(`but ${path} is not: `),
      })
    })
  }

  test('may hold the same object twice, as long as it does not hold itself', () => {
    const shared = { a: 1 }
    assertSessionData({ first: shared, second: [shared, shared] })
  })

  test('may have absent values', () => {
    assertSessionData({ a: undefined, b: { c: undefined } })
  })

  test('may be an object without a prototype', () => {
    assertSessionData(Object.assign(Object.create(null) as object, { a: 1 }))
  })

  test('of any JSON is taken, and comes back from the store as it was', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue({ noUnicodeString: false }) as fc.Arbitrary<unknown>),
        (data) => {
          assertSessionData(data)
          // JSON knows no negative zero.
          assert.equal(JSON.stringify(JSON.parse(JSON.stringify(data))), JSON.stringify(data))
        },
      ),
    )
  })

  test('that is taken never comes back as something else', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.anything({ withNullPrototype: false })), (data) => {
        try {
          assertSessionData(data)
        } catch {
          return
        }
        assert.deepEqual(JSON.parse(JSON.stringify(data)), withoutAbsent(data))
      }),
      { numRuns: 500 },
    )
  })

  test('is not shown in the error', () => {
    assert.throws(
      () => assertSessionData({ secret: new Date('2001-02-03') }),
      (error: Error) => !error.message.includes('2001'),
    )
  })
})

/** The same without properties that are undefined, and without negative zeros. */
function withoutAbsent(value: unknown): unknown {
  if (Object.is(value, -0)) return 0
  if (Array.isArray(value)) return value.map(withoutAbsent)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([, part]) => part !== undefined)
  return Object.fromEntries(entries.map(([name, part]) => [name, withoutAbsent(part)]))
}
