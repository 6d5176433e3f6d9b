import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SeenBefore } from './seen-before.ts'

function seesShape(seen: SeenBefore, ...names: string[]): boolean {
  seen.beginShape()
  for (const name of names) seen.name(name)
  return seen.endShape()
}

describe('texts', () => {
  test('are known from the second time on', () => {
    const seen = new SeenBefore(10)
    assert.deepEqual([seen.text('a'), seen.text('a'), seen.text('b')], [false, true, false])
  })

  test('are all forgotten when there are too many, and then known again', () => {
    const seen = new SeenBefore(2)
    for (const text of ['a', 'b', 'c']) seen.text(text)
    assert.deepEqual([seen.text('a'), seen.text('a')], [false, true])
  })
})

describe('shapes', () => {
  test('are known once all of their names were, and they themselves', () => {
    const seen = new SeenBefore(10)
    assert.deepEqual(
      Array.from({ length: 3 }, () => seesShape(seen, 'a', 'b')),
      [false, false, true],
    )
  })

  test('differ by the order of their names, by number, and by any name', () => {
    const seen = new SeenBefore(100)
    for (const name of 'abcdef') seesShape(seen, name)
    const shapes = ['ab', 'ba', 'abc', 'a', 'cb', 'acb', 'fed']
    assert.deepEqual(
      shapes.map((names) => seesShape(seen, ...names)),
      shapes.map(() => false),
    )
  })

  test('of a name that is too long to be remembered are never known', () => {
    const seen = new SeenBefore(10)
    const name = 'x'.repeat(65)
    for (let i = 0; i < 5; i++) assert.equal(seesShape(seen, name), false)
  })

  test('are forgotten with their names when there are too many, and then known again', () => {
    const seen = new SeenBefore(3)
    for (let i = 0; i < 3; i++) seesShape(seen, 'a', 'b')
    for (const name of 'cdef') seesShape(seen, name)
    assert.deepEqual(
      Array.from({ length: 3 }, () => seesShape(seen, 'a', 'b')),
      [false, false, true],
    )
  })
})
