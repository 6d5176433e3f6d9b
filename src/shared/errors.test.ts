import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasCode, SallyportError, StoreUnavailableError } from './errors.ts'

test('an error of ours has its code and no other', () => {
  const error = new StoreUnavailableError()
  assert.equal(hasCode(error, 'ERR_STORE_UNAVAILABLE'), true)
  assert.equal(hasCode(error, 'ERR_CLOSED'), false)
})

test('what is no error of ours has no code, whatever it says of itself', () => {
  const foreign = Object.assign(new Error('closed'), { code: 'ERR_CLOSED' })
  for (const thrown of [foreign, { code: 'ERR_CLOSED' }, 'ERR_CLOSED', null, undefined]) {
    assert.equal(hasCode(thrown, 'ERR_CLOSED'), false)
  }
})

test('a value too large is a mistake of the application: 500, and nobody is asked to try again', () => {
  const { status, retryAfterSec } = new SallyportError('ERR_STORE_VALUE_TOO_LARGE', 'a value of 2 MB')
  assert.deepEqual([status, retryAfterSec], [500, undefined])
})
