import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { array, assert as always, constantFrom, oneof, property, string } from 'fast-check'
import { localPath } from './return-to.ts'

const origin = 'https://app.example'
const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31)

/** Where a browser goes that is told `path` by a page of ours. */
const destination = (path: string): string => new URL(path, `${origin}/auth/callback`).origin

/** Strings out of the pieces that open redirects are made of. */
const nasty = array(
  oneof(
    constantFrom('/', '\\', '.', '..', '//', '@', ':', '?', '#', '%2f', '%5c', '%2e', '%09', '%00', ';', '。', '/'),
    constantFrom('\t', '\n', '\r', '\0', '\v', '\f', ' ', '\u00a0', '\u2028', '\ufeff', '\ud800'),
    constantFrom('evil.example', 'app.example', 'https:', 'http:', 'javascript:', 'data:', 'a'),
    string({ unit: 'binary', maxLength: 3 }),
  ),
  { maxLength: 12 },
).map((pieces) => `/${pieces.join('')}`)

describe('localPath', () => {
  for (const [name, strings] of [
    ['any string', string({ unit: 'binary' })],
    ['any string after a slash', string({ unit: 'binary' }).map((text) => `/${text}`)],
    ['any sequence of nasty pieces', nasty],
  ] as const) {
    it(`never leaves the origin, for ${name} (seed ${seed})`, () => {
      always(
        property(strings, (text) => destination(localPath(text, origin) ?? '/') === origin),
        { seed, numRuns: 20_000 },
      )
    })

    it(`gives a path that stays as it is and fits in a header, for ${name} (seed ${seed})`, () => {
      always(
        property(strings, (text) => {
          const path = localPath(text, origin)
          return path === undefined || (localPath(path, origin) === path && /^\/[\x21-\x7e]*$/.test(path))
        }),
        { seed, numRuns: 5_000 },
      )
    })
  }

  const refused = [
    '',
    'evil',
    '//evil.example',
    '///evil.example',
    '////evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '\\/evil.example',
    '/\t/evil.example',
    '/\n/evil.example',
    '/\r\n/evil.example',
    '/a\nSet-Cookie: x=y',
    '/\0/evil.example',
    '/\u0085a',
    '\t//evil.example',
    ' //evil.example',
    ' /a',
    'https:evil.example',
    'https:/evil.example',
    'https://evil.example',
    'http:///evil.example',
    'https://app.example.evil/',
    'https://app.example@evil.example',
    'javascript:alert(1)',
    'data:text/html,x',
    '@evil.example',
    '/.//evil.example',
    '/..//evil.example',
    '/a/..//evil.example',
    '/a/../..//evil.example',
    '/%2e//evil.example',
    '/%2e%2e//evil.example',
    '/.\\/evil.example',
    `/${'a'.repeat(2_048)}`,
    `/${'a'.repeat(10_240)}`,
    `/${'ü'.repeat(500)}`,
  ]
  for (const text of refused) {
    it(`refuses ${JSON.stringify(text.slice(0, 40))}${text.length > 40 ? ` (${text.length} characters)` : ''}`, () => {
      assert.equal(localPath(text, origin), undefined)
    })
  }

  const kept: [text: string, path: string][] = [
    ['/', '/'],
    ['/a/b?c=d&e=%2f#f', '/a/b?c=d&e=%2f#f'],
    ['/a/../b', '/b'],
    ['/a//b', '/a//b'],
    ['/%2f%2fevil.example', '/%2f%2fevil.example'],
    ['/%5cevil.example', '/%5cevil.example'],
    ['/@evil.example', '/@evil.example'],
    ['/https://evil.example', '/https://evil.example'],
    ['/?next=//evil.example', '/?next=//evil.example'],
    ['/für alle', '/f%C3%BCr%20alle'],
    ['/\ud800', '/%EF%BF%BD'],
    [`/${'a'.repeat(2_047)}`, `/${'a'.repeat(2_047)}`],
  ]
  for (const [text, path] of kept) {
    it(`keeps ${JSON.stringify(text.slice(0, 40))} as a path`, () => {
      assert.equal(localPath(text, origin), path)
    })
  }
})
