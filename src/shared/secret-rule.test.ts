import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { secretRule } from './secret-rule.ts'

function paths(value: unknown): string[] {
  const found: string[] = []
  secretRule.check(value, (_message, below = '') => void found.push(below))
  return found
}

describe('a secret', () => {
  it('may be one of 32 bytes, or several', () => {
    assert.deepEqual(paths('x'.repeat(32)), [])
    assert.deepEqual(paths(['x'.repeat(32), 'y'.repeat(40)]), [])
  })

  it('is measured in bytes', () => {
    assert.deepEqual(paths('ü'.repeat(16)), [])
    assert.deepEqual(paths('x'.repeat(31)), [''])
  })

  it('is named by its place in the list', () => {
    assert.deepEqual(paths(['x'.repeat(32), 'short', 7]), ['[1]', '[2]'])
  })

  it('must be there', () => {
    assert.deepEqual(paths([]), [''])
  })

  it('comes with a way to make one', () => {
    secretRule.check('short', (message) => assert.match(message, /randomBytes\(32\)/))
  })
})
