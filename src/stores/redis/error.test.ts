import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redisError } from './error.ts'

test('an error of the driver that repeats a reply nobody asked for is told without what the reply holds', () => {
  const repeating = new Error(
    'Command queue state error. If you can reproduce this, please report it. Last reply: a\nb',
  )
  const { code, message } = redisError(repeating)
  assert.deepEqual(
    [code, message],
    ['CONNECTION', 'Command queue state error. If you can reproduce this, please report it.'],
  )
})
