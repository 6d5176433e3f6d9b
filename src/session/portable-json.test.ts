import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fromPortable, toPortable } from './portable-json.ts'

const portable = (value: unknown): string => toPortable(JSON.stringify(value))

/** Parts that may be taken for one another when they meet. */
const troublesome = fc.string({
  unit: fc.constantFrom('\0', '\u001a', '\ud83d', '\ude00', '\\', '\\u001a', '\\u0000', 'u', '0000', 'd83d', '"', 'é'),
})

describe('a text that a database would refuse', () => {
  const cases: [what: string, text: string, kept: string][] = [
    ['U+0000', 'a\0b', 'a\\u001a0000b'],
    ['the first half of a character', 'a\ud83db', 'a\\u001ad83db'],
    ['the second half of a character', 'a\ude00b', 'a\\u001ade00b'],
    ['halves in the wrong order', '\ude00\ud83d', '\\u001ade00\\u001ad83d'],
    ['U+001A itself', 'a\u001ab', 'a\\u001a001ab'],
  ]
  for (const [what, text, kept] of cases) {
    test(`${what} stands there as U+001A and four hex digits, and comes back`, () => {
      assert.equal(portable(text), `"${kept}"`)
      assert.equal(JSON.parse(fromPortable(portable(text))), text)
    })
  }
})

test('whole characters and other escapes are left as they are', () => {
  const json = JSON.stringify('\u{1f600} \u00e9 \n \u0007 "quoted" \\u0000 \\')
  assert.equal(toPortable(json), json)
  assert.equal(fromPortable(json), json)
})

test('any text comes back', () => {
  fc.assert(
    fc.property(fc.oneof(troublesome, fc.string({ unit: 'binary' })), (text) => {
      assert.equal(JSON.parse(fromPortable(portable(text))), text)
    }),
    { numRuns: 5_000 },
  )
})

test('what is kept holds neither U+0000 nor half characters', () => {
  fc.assert(
    fc.property(troublesome, (text) => {
      const parsed = JSON.parse(portable(text)) as string
      assert.equal(parsed.includes('\0') || /\p{Surrogate}/u.test(parsed), false)
    }),
    { numRuns: 5_000 },
  )
})

/** As `jsonb` may give a text back: what was an escape is a character, what was a character is an escape. */
const respellings: [what: string, respell: (json: string) => string][] = [
  [
    'in capital hex digits',
    (json) =>
      json.replaceAll(/\\(?:u([\da-f]{4})|.)/g, (sequence, hex?: string) =>
        hex === undefined ? sequence : `\\u${hex.toUpperCase()}`,
      ),
  ],
  [
    'with everything escaped that can be',
    (json) => json.replaceAll(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  ],
  ['with blanks between its parts', (json) => JSON.stringify(JSON.parse(json), null, 2)],
]
for (const [what, respell] of respellings) {
  test(`a text comes back ${what}`, () => {
    fc.assert(
      fc.property(fc.array(troublesome), (texts) => {
        assert.deepEqual(JSON.parse(fromPortable(respell(portable(texts)))), texts)
      }),
      { numRuns: 2_000 },
    )
  })
}
