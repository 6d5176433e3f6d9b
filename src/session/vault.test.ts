import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { systemRandomness } from '../shared/randomness.ts'
import { recordingLogger, type LogLine } from '../../test/support/recording-logger.ts'
import { issueTicket } from './cookie-text.ts'
import { createKeyRing } from './key-ring.ts'
import { RecordCodec } from './record-codec.ts'
import { Vault } from './vault.ts'

const [first, second] = ['1'.repeat(32), '2'.repeat(32)]

const isText = (opened: unknown): opened is string => typeof opened === 'string'

function vault(...secrets: string[]): Vault & { lines: LogLine[] } {
  const { logger, lines } = recordingLogger()
  const codec = new RecordCodec({ seal: true, compressAboveBytes: Infinity }, systemRandomness)
  return Object.assign(new Vault(createKeyRing(secrets), codec, logger), { lines })
}

describe('keys in the store', () => {
  test('begin with what is under them, and tell nothing of the id', () => {
    assert.match(vault(first).keyOf('session:', 'my-id'), /^session:[\w-]{43}$/)
    assert.match(vault(first).keyOf('cv:', 'my-id'), /^cv:[\w-]{43}$/)
  })

  test('differ by id, by kind and by secret', () => {
    const keys = [
      vault(first).keyOf('session:', 'a'),
      vault(first).keyOf('session:', 'b'),
      vault(first).keyOf('cv:', 'a').replace('cv:', 'session:'),
      vault(second).keyOf('session:', 'a'),
    ]
    assert.equal(new Set(keys).size, keys.length)
  })
})

describe('a value', () => {
  test('opens under the text it was sealed for, and is frozen', () => {
    const mine = vault(first)
    const isAny = (opened: unknown): opened is unknown => opened !== undefined
    const value = mine.seal({ text: 'id', key: 'k', value: { a: [1] } })
    const opened = mine.open('id', { key: 'k', value }, isAny)
    assert.deepEqual(opened, { a: [1] })
    assert.equal(Object.isFrozen(opened), true)
  })

  test('of a cookie opens with the secret of that cookie, though another makes the new ones', () => {
    const before = vault(first)
    const { text } = issueTicket(before.keyRing, systemRandomness)
    const value = before.seal({ text, key: 'k', value: 'value' })
    assert.equal(vault(second, first).open(text, { key: 'k', value }, isText), 'value')
  })

  for (const [what, open] of [
    ['under another id', (mine: Vault, value: Uint8Array) => mine.open('other', { key: 'k', value }, isText)],
    ['under another key', (mine: Vault, value: Uint8Array) => mine.open('id', { key: 'other', value }, isText)],
    ['with another secret', (_: Vault, value: Uint8Array) => vault(second).open('id', { key: 'k', value }, isText)],
  ] as const) {
    test(`does not open ${what}`, () => {
      const mine = vault(first)
      assert.equal(open(mine, mine.seal({ text: 'id', key: 'k', value: 'value' })), undefined)
    })
  }

  test('that does not open is said, without its key, and not with every request', () => {
    const mine = vault(first)
    const key = mine.keyOf('session:', 'id')
    for (let i = 0; i < 99; i++) mine.open('id', { key, value: Uint8Array.of(8, 8, 8) }, isText)
    assert.deepEqual(
      mine.lines.map(({ level, fields }) => [level, fields]),
      [
        ['warn', { count: 1 }],
        ['warn', { count: 10 }],
      ],
    )
  })
  test('that opens but is none of its kind counts as one that does not open', () => {
    const mine = vault(first)
    const value = mine.seal({ text: 'id', key: 'k', value: { no: 'text' } })
    assert.equal(mine.open('id', { key: 'k', value }, isText), undefined)
    assert.deepEqual(
      mine.lines.map(({ fields }) => fields),
      [{ count: 1 }],
    )
  })
})

describe('a value at a place', () => {
  test('opens there, and nowhere else', () => {
    const mine = vault(first)
    const place = { keys: mine.keyRing.primary, id: 'id', storeKey: 'k' }
    const stored = mine.sealAt(place, { a: 1 })
    assert.deepEqual(mine.openAt(place, stored), { a: 1 })
    assert.deepEqual(mine.lines, [])
    for (const other of [
      { ...place, id: 'other' },
      { ...place, storeKey: 'other' },
      { ...place, keys: createKeyRing([second]).primary },
    ]) {
      assert.equal(mine.openAt(other, stored), undefined)
    }
    assert.deepEqual(
      mine.lines.map(({ level, fields }) => [level, fields]),
      [['warn', { count: 1 }]],
    )
  })

  test('is the one that an id and its key stand for', () => {
    const mine = vault(first)
    const stored = mine.sealAt({ keys: mine.keyRing.primary, id: 'id', storeKey: 'k' }, 'value')
    assert.equal(mine.open('id', { key: 'k', value: stored }, isText), 'value')
  })
})
