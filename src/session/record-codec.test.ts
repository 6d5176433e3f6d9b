import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { systemRandomness } from '../shared/randomness.ts'
import { createKeyRing } from './key-ring.ts'
import { RecordCodec, type RecordPlace } from './record-codec.ts'
import { seal } from './seal.ts'
import type { Sealing } from './sealing.ts'

const { primary: keys } = createKeyRing(['1'.repeat(32)])
const { primary: otherKeys } = createKeyRing(['2'.repeat(32)])
const place: RecordPlace = { keys, id: 'token', storeKey: 'session:a' }

/** Every way to keep a value, and the first byte of a value that deflates well. */
const modes: { name: string; sealing: Sealing; format: number | undefined }[] = [
  { name: 'true', sealing: { seal: true, compressAboveBytes: Infinity }, format: 1 },
  { name: 'true, deflated', sealing: { seal: true, compressAboveBytes: 1 }, format: 2 },
  { name: "'server'", sealing: { seal: 'server', compressAboveBytes: Infinity }, format: 3 },
  { name: "'server', deflated", sealing: { seal: 'server', compressAboveBytes: 1 }, format: 4 },
  { name: 'false', sealing: { seal: false, compressAboveBytes: Infinity }, format: undefined },
]
const sealingModes = modes.filter(({ format }) => format !== undefined)

const value = { claims: { sub: 'alice' }, notes: 'the same again '.repeat(20) }

const codecOf = (sealing: Sealing): RecordCodec => new RecordCodec(sealing, systemRandomness)
const byDefault = codecOf(modes[0]!.sealing)

/** With what JSON has trouble with more often than chance would have it. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom('\0', '\u001a', '\ud83d', '\ude00', '\\', 'u', '0', 'd', '8', '"', 'a', '\u0007'),
  }),
  fc.string({ unit: fc.constantFrom('\\u001a', '0000', 'd83d', '\\', '\u001a', '\0') }),
)
/** V8 13.6 may take a name that holds an escape for one it has seen that holds a backslash. */
const anyName = anyText.filter((text) => !text.includes('\\'))
const { anyJson } = fc.letrec((tie) => ({
  anyJson: fc.oneof(
    { maxDepth: 4 },
    anyText,
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.array(tie('anyJson'), { maxLength: 5 }),
    fc.dictionary(anyName, tie('anyJson'), { maxKeys: 5 }),
  ),
}))

for (const { name, sealing, format } of modes) {
  describe(`seal: ${name}`, () => {
    const codec = codecOf(sealing)

    test('any JSON opens as it was', () => {
      fc.assert(
        fc.property(anyJson, (any) => {
          assert.equal(JSON.stringify(codec.decode(codec.encode(any, place), place)), JSON.stringify(any))
        }),
        { numRuns: 500 },
      )
    })

    test(format === undefined ? 'the text of a JSON value is kept' : `${format} stands in front`, () => {
      const stored = codec.encode(value, place)
      if (format === undefined) assert.deepEqual(JSON.parse(Buffer.from(stored).toString()), value)
      else assert.equal(stored[0], format)
    })

    test('no JSON text begins with a byte that is a format', () => {
      fc.assert(
        fc.property(anyJson, (any) => {
          const [first] = codecOf({ seal: false, compressAboveBytes: Infinity }).encode(any, place)
          assert.ok(first! >= 9)
        }),
      )
    })
  })
}

for (const { name, sealing } of sealingModes) {
  describe(`a record made with seal: ${name}`, () => {
    const stored = codecOf(sealing).encode(value, place)

    for (const each of modes) {
      test(`opens with seal: ${each.name}`, () => {
        assert.deepEqual(codecOf(each.sealing).decode(stored, place), value)
      })
    }

    test('with any byte changed it does not open, whatever the mode', () => {
      const codecs = modes.map((each) => codecOf(each.sealing))
      fc.assert(
        fc.property(fc.nat({ max: stored.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
          const changed = Uint8Array.from(stored)
          changed[at]! ^= change
          for (const codec of codecs) assert.equal(codec.decode(changed, place), undefined)
        }),
        { numRuns: 500 },
      )
    })

    test('cut off anywhere, or with anything behind it, it does not open', () => {
      for (let length = 0; length < stored.length; length++) {
        assert.equal(byDefault.decode(stored.subarray(0, length), place), undefined)
      }
      assert.equal(byDefault.decode(Buffer.concat([stored, Uint8Array.of(0)]), place), undefined)
    })

    test('moved to another key it does not open', () => {
      fc.assert(
        fc.property(fc.string(), (storeKey) => {
          fc.pre(storeKey !== place.storeKey)
          assert.equal(byDefault.decode(stored, { ...place, storeKey }), undefined)
        }),
      )
    })

    test('it does not open with another secret', () => {
      assert.equal(byDefault.decode(stored, { ...place, keys: otherKeys }), undefined)
    })

    test('nothing of it can be read', () => {
      for (const part of ['alice', 'sub', 'the same']) assert.equal(Buffer.from(stored).includes(part), false)
    })
  })
}

describe('who can open a record', () => {
  const opensWithoutId = (stored: Uint8Array): boolean =>
    byDefault.decode(stored, { ...place, id: 'another' }) !== undefined

  test('sealed for the cookie: who has the id and the secret', () => {
    for (const { sealing } of sealingModes.slice(0, 2)) {
      assert.equal(opensWithoutId(codecOf(sealing).encode(value, place)), false)
    }
  })

  test("sealed with 'server': who has the secret", () => {
    for (const { sealing } of sealingModes.slice(2)) {
      assert.equal(opensWithoutId(codecOf(sealing).encode(value, place)), true)
    }
  })

  test('readable: everybody, but no mode that seals takes it for a record', () => {
    const stored = codecOf({ seal: false, compressAboveBytes: Infinity }).encode(value, place)
    for (const { sealing } of sealingModes) assert.equal(codecOf(sealing).decode(stored, place), undefined)
  })
})

describe('deflating', () => {
  const lengthOf = (compressAboveBytes: number, any: unknown): number =>
    codecOf({ seal: true, compressAboveBytes }).encode(any, place).length

  test('makes a large value smaller', () => {
    assert.ok(lengthOf(64, value) < lengthOf(Infinity, value) / 2)
  })

  test('begins above the given number of bytes of JSON, not characters', () => {
    const text = '\u00e9'.repeat(50)
    const bytes = Buffer.byteLength(JSON.stringify(text))
    const formatAt = (compressAboveBytes: number): number | undefined =>
      codecOf({ seal: true, compressAboveBytes }).encode(text, place)[0]
    assert.deepEqual([formatAt(bytes - 1), formatAt(bytes)], [2, 1])
  })

  test('is left out where it would make the value larger', () => {
    assert.equal(lengthOf(1, 'short'), lengthOf(Infinity, 'short'))
  })

  test('is left out for what could not be inflated again', () => {
    const huge = ' '.repeat(16 * 2 ** 20)
    const stored = codecOf({ seal: true, compressAboveBytes: 1 }).encode(huge, place)
    assert.equal(stored[0], 1)
    assert.equal(byDefault.decode(stored, place), huge)
  })
})

describe('a record that would take more than 16 MiB when it is inflated', () => {
  const deflatedOf = (bytes: number): Uint8Array => deflateRawSync(Buffer.from(JSON.stringify(' '.repeat(bytes - 2))))
  const sealedAs = (format: 2 | 4, body: Uint8Array): Uint8Array => {
    const key = format === 2 ? keys.tokenSealingKey(place.id) : keys.serverSealingKey(place.storeKey)
    return seal(body, { format, storeKey: place.storeKey }, key, systemRandomness)
  }

  for (const format of [2, 4] as const) {
    test(`is refused in format ${format}, and one byte less is not`, () => {
      const most = 16 * 2 ** 20
      assert.equal(typeof byDefault.decode(sealedAs(format, deflatedOf(most)), place), 'string')
      assert.equal(byDefault.decode(sealedAs(format, deflatedOf(most + 1)), place), undefined)
    })
  }

  test('is refused before it is inflated if it was not sealed by us', () => {
    const forged = Buffer.concat([Uint8Array.of(2), Buffer.alloc(28), deflatedOf(2 ** 28)])
    assert.equal(byDefault.decode(forged, place), undefined)
  })
})

describe('what is no record opens in no mode', () => {
  const stored: [what: string, Uint8Array][] = [
    ['nothing', new Uint8Array()],
    ['a format of later', Uint8Array.of(5, ...new Uint8Array(100))],
    ['the last format there may be', Uint8Array.of(8, ...new Uint8Array(100))],
    ['no format', new Uint8Array(100)],
    ['a text that is no JSON', Buffer.from('{"claims":')],
    ['what only begins like JSON', Buffer.from('{} and more')],
    [
      'sealed, but no deflated text',
      seal('{}', { format: 2, storeKey: place.storeKey }, keys.tokenSealingKey('token'), systemRandomness),
    ],
    [
      'sealed, but no JSON',
      seal('{', { format: 1, storeKey: place.storeKey }, keys.tokenSealingKey('token'), systemRandomness),
    ],
  ]
  for (const [what, bytes] of stored) {
    test(what, () => {
      for (const { sealing } of modes) assert.equal(codecOf(sealing).decode(bytes, place), undefined)
    })
  }
})

test('readable JSON opens with a blank or a line end before it', () => {
  const codec = codecOf({ seal: false, compressAboveBytes: Infinity })
  for (const blank of ['\t', '\n', '\r', ' ']) {
    assert.deepEqual(codec.decode(Buffer.from(`${blank}{"a":1}`), place), { a: 1 })
  }
})
