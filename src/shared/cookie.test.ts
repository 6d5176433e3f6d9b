import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { readCookie, serializeCookie } from './cookie.ts'

describe('readCookie', () => {
  for (const [what, header, value] of [
    ['alone', 'sallyport=a', 'a'],
    ['first', 'sallyport=a; other=b', 'a'],
    ['last', 'other=b; sallyport=a', 'a'],
    ['without a blank before it', 'other=b;sallyport=a', 'a'],
    ['after several blanks and a tab', 'other=b; \t  sallyport=a', 'a'],
    ['at the start, after a blank', ' sallyport=a', 'a'],
    ['with blanks behind its value', 'sallyport=a \t; other=b', 'a'],
    ['empty', 'sallyport=; other=b', ''],
    ['with `=` in its value', 'sallyport=a=b', 'a=b'],
    ['between broken pairs', ';;=; novalue; sallyport=a;', 'a'],
    ['beside one whose name it ends', 'x-sallyport=b; sallyport=a', 'a'],
    ['beside one whose name begins with it', 'sallyport-version=b; sallyport=a', 'a'],
    ['beside one whose value holds it', 'other=sallyport=b; sallyport=a', 'a'],
    ['beside one of another case', 'Sallyport=b; sallyport=a', 'a'],
    ['with the blanks of Unicode in its value', 'sallyport=a\u00a0\u2003 ; b=c', 'a\u00a0\u2003'],
  ] as const) {
    test(`finds a cookie ${what}`, () => {
      assert.equal(readCookie(header, 'sallyport'), value)
    })
  }

  for (const [what, header] of [
    ['an empty header', ''],
    ['a name that only ends like it', 'x-sallyport=a'],
    ['a name that only begins like it', 'sallyport-version=a'],
    ['a name with a blank before the `=`', 'sallyport =a'],
    ['a name without a value', 'sallyport'],
    ['its name in the value of another', 'other=sallyport=a'],
    ['its name behind a blank in the value of another', 'other=x sallyport=a'],
    ['two of it', 'sallyport=a; sallyport=b'],
    ['two of it with the same value', 'sallyport=a; other=b; sallyport=a'],
  ] as const) {
    test(`finds nothing in ${what}`, () => {
      assert.equal(readCookie(header, 'sallyport'), undefined)
    })
  }

  test('agrees with a naive parser about any header', () => {
    const name = fc.constantFrom('s', 'ss', 'sid', 'x-s', 's-version', 'S', '')
    const value = fc.constantFrom('', 'a', 's', 's=', 'a b', '=s=a', '"q"', 'a ')
    const blanks = fc.constantFrom('', ' ', '  ', '\t', ' \t ')
    const pair = fc.oneof(
      fc.tuple(blanks, name, fc.constantFrom('=', ' =', ''), value, blanks).map((parts) => parts.join('')),
      fc.string({ unit: fc.constantFrom('s', '=', ' ', '-', 'x'), maxLength: 8 }),
    )
    const header = fc.array(pair, { maxLength: 6 }).map((pairs) => pairs.join(';'))
    fc.assert(
      fc.property(header, fc.constantFrom('s', 'ss', 'sid'), (line, wanted) => {
        assert.equal(readCookie(line, wanted), naively(line, wanted))
      }),
      { numRuns: 3_000 },
    )
  })
})

/** Splits at `;`, then at the first `=`; blanks around the pair do not count. */
function naively(header: string, name: string): string | undefined {
  const values = header
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1))
  return values.length === 1 ? values[0] : undefined
}

describe('serializeCookie', () => {
  test('binds a cookie to this host, to http and to the end of the browser by default', () => {
    const line = serializeCookie('__Host-s', 'v', { secure: true, sameSite: 'lax' })
    assert.deepEqual(line.split('; '), ['__Host-s=v', 'Path=/', 'HttpOnly', 'SameSite=Lax', 'Secure'])
  })

  test('is not Secure where it must not be', () => {
    assert.doesNotMatch(serializeCookie('s', 'v', { secure: false, sameSite: 'strict' }), /secure/i)
  })

  test('names the domain and the life it was given', () => {
    const line = serializeCookie('s', 'v', { secure: true, sameSite: 'none', domain: 'app.example', maxAgeSec: 60 })
    assert.match(line, /; SameSite=None; Secure; Domain=app\.example; Max-Age=60$/)
  })

  test('has a whole number of seconds, rounded up', () => {
    assert.match(serializeCookie('s', 'v', { secure: true, sameSite: 'lax', maxAgeSec: 1.2 }), /Max-Age=2$/)
  })

  test('clears with an age of nought', () => {
    assert.match(serializeCookie('s', '', { secure: true, sameSite: 'lax', maxAgeSec: 0 }), /^s=;.*; Max-Age=0$/)
  })

  test('what it writes is what readCookie finds', () => {
    const text = fc.string({ unit: fc.constantFrom(...'abcXYZ019-_.'), maxLength: 100 })
    fc.assert(
      fc.property(text, (value) => {
        const [pair] = serializeCookie('s', value, { secure: true, sameSite: 'lax' }).split(';')
        assert.equal(readCookie(`s-version=x; ${pair}`, 's'), value)
      }),
    )
  })
})
