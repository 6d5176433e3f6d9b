import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { frameText, readFrame, type Frame } from './auth-cache-frame.ts'

const instant = fc.integer({ min: 0, max: 4_102_444_800_000 })
const frames: fc.Arbitrary<Frame> = fc.record(
  {
    version: fc.integer({ min: 1, max: 1_000_000 }),
    createdAt: instant,
    writtenAt: instant,
    idleMs: fc.integer({ min: 1, max: 34_560_000_000 }),
    expiresAt: instant,
    absoluteExpiresAt: fc.option(instant, { nil: undefined }),
    value: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  },
  { noNullPrototype: true },
)

const frame: Frame = {
  version: 7,
  createdAt: 1_767_225_600_000,
  writtenAt: 1_767_225_700_000,
  idleMs: 1_800_000,
  expiresAt: 1_767_227_500_000,
  absoluteExpiresAt: 1_767_312_000_000,
  value: Buffer.from('sealed'),
}

describe('a frame', () => {
  test('comes back as it was', () => {
    fc.assert(fc.property(frames, (each) => assert.deepEqual(readFrame(frameText(each)), each)))
  })

  test('is compact, and text that any cache can keep', () => {
    const text = frameText({ ...frame, value: Buffer.alloc(3_000, 255) })
    assert.match(text, /^[\w.-]+$/)
    assert.ok(text.length <= 100 + 3_000 * (4 / 3), `${text.length} characters`)
  })

  test('has its format number in front, and one of another number is none of ours', () => {
    const text = frameText(frame)
    assert.ok(text.startsWith('1.'))
    assert.equal(readFrame(text.replace(/^1/, '2')), undefined)
    assert.equal(readFrame(text.replace(/^1/, '11')), undefined)
  })
})

describe('no frame', () => {
  for (const text of [
    '',
    '1',
    '{}',
    'null',
    '1.1.1.1.1.1',
    '1.-1.1.1.1.1.1.AA',
    '1.1e3.1.1.1.1.1.AA',
    '1.1.1.1.1.1.1.A=',
  ]) {
    test(`is ${JSON.stringify(text)}`, () => assert.equal(readFrame(text), undefined))
  }

  test('is one with anything before or after it', () => {
    const text = frameText(frame)
    for (const other of [` ${text}`, `${text}\n`, `${text}=`, `${text}.`]) assert.equal(readFrame(other), undefined)
  })

  test('is one with a number too large to be exact', () => {
    assert.equal(readFrame(frameText(frame).replace('1767225600000', '9007199254740993')), undefined)
  })
})
