import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { systemRandomness } from '../shared/randomness.ts'
import { cookieTextLength, issueTicket, parseTicket } from './cookie-text.ts'
import { createKeyRing } from './key-ring.ts'

const ring = createKeyRing(['1'.repeat(32)])
const issued = issueTicket(ring, systemRandomness)

test('what was issued is recognised, with its token and its keys', () => {
  assert.deepEqual(parseTicket(ring, issued.text), issued)
  assert.equal(issued.text.length, cookieTextLength)
  assert.match(issued.text, /^1\.[\w-]{8}\.[\w-]{43}\.[\w-]{43}$/)
})

test('no two are the same', () => {
  const texts = Array.from({ length: 100 }, () => issueTicket(ring, systemRandomness).token)
  assert.equal(new Set(texts).size, 100)
})

describe('rotation', () => {
  test('a session keeps the secret it was opened with', () => {
    const rotated = createKeyRing(['2'.repeat(32), '1'.repeat(32)])
    assert.equal(parseTicket(rotated, issued.text)?.keys, rotated.all[1])
    assert.equal(issueTicket(rotated, systemRandomness).keys, rotated.primary)
  })

  test('with its secret gone it is unknown', () => {
    assert.equal(parseTicket(createKeyRing(['2'.repeat(32)]), issued.text), undefined)
  })

  test('a kid that names another secret of the ring makes it forged', () => {
    const both = createKeyRing(['2'.repeat(32), '1'.repeat(32)])
    const [version, , token, mac] = issued.text.split('.')
    assert.equal(parseTicket(both, [version, both.primary.kid, token, mac].join('.')), undefined)
  })
})

describe('not issued by us is', () => {
  const { text } = issued
  const [version, kid, token, mac] = text.split('.') as [string, string, string, string]
  const other = issueTicket(ring, systemRandomness)
  for (const [what, forged] of [
    ['an empty text', ''],
    ['a truncated text', text.slice(0, -1)],
    ['a longer text', `${text}A`],
    ['a text of 8 KB', 'A'.repeat(8_192)],
    ['a text with a tail of 8 KB', text + 'A'.repeat(8_192)],
    ['another MAC', [version, kid, token, `${'A'.repeat(42)}E`].join('.')],
    ['the MAC of another token', [version, kid, token, other.text.split('.')[3]].join('.')],
    ['another token', [version, kid, other.token, mac].join('.')],
    ['another version', ['2', kid, token, mac].join('.')],
    ['an unknown kid', [version, 'AAAAAAAA', token, mac].join('.')],
    ['a text of non-ASCII', '\u00e9'.repeat(cookieTextLength)],
    ['a MAC with a non-ASCII character', `${text.slice(0, -1)}\u00e9`],
    ['a text whose dots are elsewhere', text.replaceAll('.', '-')],
    ['three dots and nothing else', '.'.repeat(cookieTextLength)],
  ] as const) {
    test(what, () => {
      assert.equal(parseTicket(ring, forged), undefined)
    })
  }

  test('another text of the same bytes: base64url has aliases', () => {
    // The last of 43 characters carries four bits of 32 bytes; the two bits below it mean nothing.
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const alias = (of: string): string => of.slice(0, -1) + alphabet[alphabet.indexOf(of.at(-1)!) ^ 1]!
    for (const forged of [
      [version, kid, alias(token), mac],
      [version, kid, token, alias(mac)],
    ]) {
      assert.deepEqual(Buffer.from(forged[2]!, 'base64url'), Buffer.from(token, 'base64url'))
      assert.deepEqual(Buffer.from(forged[3]!, 'base64url'), Buffer.from(mac, 'base64url'))
      assert.equal(parseTicket(ring, forged.join('.')), undefined)
    }
  })

  test('a text with any one character changed', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: text.length - 1 }),
        fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
        (at, put) => {
          const forged = text.slice(0, at) + put + text.slice(at + 1)
          assert.equal(parseTicket(ring, forged) === undefined, forged !== text)
        },
      ),
      { numRuns: 1_000 },
    )
  })

  test('any text at all', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (any) => parseTicket(ring, any) === undefined))
  })
})
