import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { systemRandomness } from '../shared/randomness.ts'
import { issueTicket } from './cookie-text.ts'
import { createKeyRing } from './key-ring.ts'
import { SessionCookies, type SessionCookieOptions } from './session-cookies.ts'

const ring = createKeyRing(['1'.repeat(32)])
const { text } = issueTicket(ring, systemRandomness)
const other = issueTicket(ring, systemRandomness)

function cookies(options: Partial<SessionCookieOptions> = {}, greatestStalenessMs = 1_000): SessionCookies {
  const usual = { name: '__Host-s', sameSite: 'lax', persistent: true, secure: true } as const
  return new SessionCookies({ ...usual, ...options }, ring, 3_600, { greatestStalenessMs })
}

/** The pair a browser sends back for a `Set-Cookie` line. */
function pair(line: string): string {
  return line.split(';')[0]!
}

describe('the session cookie', () => {
  test('lives as long as a session can, and goes to this host alone', () => {
    assert.equal(cookies().session(text), `__Host-s=${text}; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=3600`)
  })

  test('ends with the browser if it is not persistent', () => {
    assert.doesNotMatch(cookies({ persistent: false }).session(text), /max-age|expires/i)
  })

  test('goes to the domain it was given', () => {
    assert.match(cookies({ name: '__Secure-s', domain: 'app.example' }).session(text), /; Domain=app\.example/)
  })

  test('is read back, among others', () => {
    assert.equal(cookies().read(`a=b; ${pair(cookies().session(text))}; __Host-s-version=1.x`), text)
  })

  for (const [what, header] of [
    ['empty', '__Host-s='],
    ['too short', `__Host-s=${text.slice(1)}`],
    ['too long', `__Host-s=${text}A`],
    ['sent twice', `__Host-s=${text}; __Host-s=${text}`],
    ['not there', `x__Host-s=${text}`],
  ] as const) {
    test(`is not read if it is ${what}`, () => {
      assert.equal(cookies().read(header), undefined)
    })
  }

  test('is seen to be there even if it is not ours', () => {
    assert.deepEqual(
      ['__Host-s=anything', 'other=1', ''].map((header) => cookies().isIn(header)),
      [true, false, false],
    )
  })

  test('is cleared with the version beside it, with the attributes they were set with', () => {
    assert.deepEqual(cookies({ domain: 'app.example' }).clearing(), [
      '__Host-s=; Path=/; HttpOnly; SameSite=Lax; Secure; Domain=app.example; Max-Age=0',
      '__Host-s-version=; Path=/; HttpOnly; SameSite=Lax; Secure; Domain=app.example; Max-Age=0',
    ])
  })
})

describe('the version cookie', () => {
  const header = `${pair(cookies().session(text))}; ${pair(cookies().version(7, text))}`

  test('is claimed, and vouched for', () => {
    assert.equal(cookies().claimedVersion(header), 7)
    assert.equal(cookies().vouchesForVersion(header, text), true)
  })

  test('is not vouched for in another session', () => {
    assert.equal(cookies().vouchesForVersion(header, other.text), false)
  })

  for (const [what, changed] of [
    ['another version', header.replace('version=7.', 'version=8.')],
    ['another MAC', `${header.slice(0, -2)}AA`],
    ['no MAC', header.replace(/version=7\..*/, 'version=7')],
    ['an empty value', header.replace(/version=7\..*/, 'version=')],
    ['the same number, written otherwise', header.replace('version=7.', 'version=07.')],
    ['something after the number', header.replace('version=7.', 'version=7x.')],
    ['two of it', `${header}; ${pair(cookies().version(7, text))}`],
  ] as const) {
    test(`is not vouched for with ${what}`, () => {
      assert.equal(cookies().vouchesForVersion(changed, text), false)
    })
  }

  for (const [what, value, version] of [
    ['a number', '12.mac', 12],
    ['no number', 'x.mac', 0],
    ['nothing', '', 0],
    ['a negative number', '-3.mac', -3],
    ['a number too great to be one of ours', '99999999999999999999.mac', 1e20],
  ] as const) {
    test(`claims ${what}`, () => {
      assert.equal(cookies().claimedVersion(`__Host-s=${text}; __Host-s-version=${value}`), version)
    })
  }

  test('claims nothing where there is none', () => {
    assert.equal(cookies().claimedVersion(`__Host-s=${text}`), 0)
    assert.equal(cookies().claimedVersion(''), 0)
  })

  test('lives a little longer than D', () => {
    assert.match(cookies({}, 1_000).version(1, text), /; Max-Age=2$/)
    assert.match(cookies({}, 2_500).version(1, text), /; Max-Age=4$/)
  })
})
