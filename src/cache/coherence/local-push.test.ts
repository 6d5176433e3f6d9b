import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryStore } from '../../stores/memory.ts'
import { announceLocally, listenLocally } from './local-push.ts'
import type { Bump } from '../store.ts'

const bump: Bump = { incarnation: 'store', bucket: 0, prev: 0, n: 1, keys: ['a'] }

test('all who listen to the same store hear of a bump, but for whoever made it', () => {
  const store = memoryStore()
  const heard: string[] = []
  const mine = (): void => void heard.push('mine')
  listenLocally(store, mine)
  listenLocally(store, () => void heard.push('second'))
  listenLocally(store, () => void heard.push('third'))
  announceLocally(store, bump, mine)
  assert.deepEqual(heard, ['second', 'third'])
})

test('nobody hears of another store', () => {
  listenLocally(memoryStore(), () => assert.fail('it heard'))
  announceLocally(memoryStore(), bump, () => {})
})

test('whoever stopped listening hears nothing more', () => {
  const store = memoryStore()
  const stop = listenLocally(store, () => assert.fail('it heard'))
  stop()
  stop()
  announceLocally(store, bump, () => {})
})
