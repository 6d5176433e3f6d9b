import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createKeyRing } from '../session/key-ring.ts'
import { systemRandomness } from '../shared/randomness.ts'
import { attemptOf, isOurState, issueState } from './login-state.ts'

const secret = 'primary-0123456789-0123456789-0123456789'
const keyRing = createKeyRing([secret])
const issue = (attempt: 'first' | 'again' = 'first'): string =>
  issueState(keyRing, systemRandomness, { binding: 'browser', attempt })

describe('the state of a login', () => {
  it('is recognised with the binding it was issued for', () => {
    assert.ok(isOurState(keyRing, issue(), 'browser'))
  })

  it('is never the same twice', () => {
    assert.notEqual(issue(), issue())
  })

  it('is foreign to another browser', () => {
    assert.ok(!isOurState(keyRing, issue(), 'another'))
  })

  it('is foreign under another secret, and known under an accepted one', () => {
    const other = 'another-0123456789-0123456789-0123456789'
    assert.ok(!isOurState(createKeyRing([other]), issue(), 'browser'))
    assert.ok(isOurState(createKeyRing([other, secret]), issue(), 'browser'))
  })

  it('is void when any of its characters is another', () => {
    const state = issue()
    for (let at = 0; at < state.length; at++) {
      const other = state[at] === 'A' ? 'B' : 'A'
      assert.ok(!isOurState(keyRing, state.slice(0, at) + other + state.slice(at + 1), 'browser'), `character ${at}`)
    }
  })

  it('is void when cut, longer or empty', () => {
    const state = issue()
    for (const text of [state.slice(0, -1), `${state}A`, '', 'x']) assert.ok(!isOurState(keyRing, text, 'browser'))
  })

  it('tells which attempt it was', () => {
    assert.equal(attemptOf(issue('first')), 'first')
    assert.equal(attemptOf(issue('again')), 'again')
    assert.equal(attemptOf(''), 'first')
  })
})
