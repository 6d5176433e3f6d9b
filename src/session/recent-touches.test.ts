import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RecentTouches, type Touch } from './recent-touches.ts'

const touch: Touch = { version: 1, writtenAt: 1, seenAt: 2, expiresAt: 3 }

/** How many of the keys `0`, `1`, … are remembered. */
function remembered(touches: RecentTouches, keys: number): number {
  return Array.from({ length: keys }, (_, i) => touches.of(String(i))).filter((found) => found !== undefined).length
}

test('the latest touch of a key is the one that is told', () => {
  const touches = new RecentTouches(10)
  touches.note('key', touch)
  touches.note('key', { ...touch, seenAt: 9 })
  assert.equal(touches.of('key')?.seenAt, 9)
  assert.equal(touches.of('another'), undefined)
})

test('no more than the capacity is remembered, and the newest half of it always', () => {
  const touches = new RecentTouches(10)
  for (let i = 0; i < 1_000; i++) {
    touches.note(String(i), touch)
    assert.ok(remembered(touches, 1_000) <= 10)
    for (let back = 0; back < Math.min(5, i + 1); back++) assert.ok(touches.of(String(i - back)))
  }
})

test('a key that is touched again and again takes one place', () => {
  const touches = new RecentTouches(10)
  touches.note('rare', touch)
  for (let i = 0; i < 1_000; i++) touches.note('busy', touch)
  assert.ok(touches.of('rare'))
})

test('a forgotten key is forgotten, old or new', () => {
  const touches = new RecentTouches(4)
  for (const key of ['a', 'b', 'c']) touches.note(key, touch)
  touches.note('a', touch)
  touches.forget('a')
  touches.forget('b')
  assert.deepEqual([touches.of('a'), touches.of('b')], [undefined, undefined])
})
