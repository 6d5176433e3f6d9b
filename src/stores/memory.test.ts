import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NewEntry, Store } from '../cache/store.ts'
import { ConfigError } from '../shared/errors.ts'
import { manualClock } from '../testing/manual-clock.ts'
import { memoryStore } from './memory.ts'

function entry(key: string, rest: Partial<NewEntry> = {}): NewEntry {
  return { key, value: Uint8Array.of(1), lifetime: { idleMs: 60_000 }, ...rest }
}

async function keysIn(store: Store, keys: readonly string[]): Promise<(string | undefined)[]> {
  return (await store.read(keys)).entries.map((found) => found?.key)
}

test('a full store drops the entry created first, also if it was used since', async () => {
  const store = memoryStore({ maxEntries: 2 })
  await store.create(entry('first'))
  await store.create(entry('second'))
  await store.extend('first', 120_000)
  await store.create(entry('third'))
  assert.deepEqual(await keysIn(store, ['first', 'second', 'third']), [undefined, 'second', 'third'])
  assert.equal((await store.stats()).entries, 2)
})

test('an entry dropped because the store was full is bumped, as nobody could revoke it by its subject any more', async () => {
  const store = memoryStore({ maxEntries: 1 })
  await store.create(entry('first', { indexes: { subject: 'alice' } }))
  await store.create(entry('second'))
  assert.deepEqual(
    (await store.epochs([])).recent.map((bump) => bump.keys),
    [['first']],
  )
  assert.deepEqual((await store.list({ index: 'subject', values: ['alice'] })).entries, [])
})

test('creating a key that has expired drops no other entry of a full store', async () => {
  const clock = manualClock()
  const store = memoryStore({ maxEntries: 2, clock })
  await store.create(entry('first'))
  await store.create(entry('second', { lifetime: { idleMs: 10 } }))
  await clock.advance(10)
  await store.create(entry('second'))
  assert.deepEqual(await keysIn(store, ['first', 'second']), ['first', 'second'])
})

test('an expired entry that was removed stays away when the wall clock is set back', async () => {
  const clock = manualClock()
  const store = memoryStore({ clock })
  await store.create(entry('a', { indexes: { subject: 'alice' } }))
  await store.create(entry('b'))
  clock.stepWall(3_600_000)
  await store.remove({ index: 'subject', values: ['alice'] })
  await store.remove({ key: 'b' })
  clock.stepWall(-3_600_000)
  assert.deepEqual(await keysIn(store, ['a', 'b']), [undefined, undefined])
})

test('a bump remembers the last bumps of its bucket only', async () => {
  const store = memoryStore()
  for (let i = 0; i < 100; i++) await store.remove({ key: 'a' })
  const { recent } = await store.epochs([])
  assert.ok(recent.length > 1 && recent.length < 20, `${recent.length} bumps are remembered`)
})

test('a page mark that is none is a TypeError', async () => {
  const store = memoryStore()
  await assert.rejects(store.list({ index: 'subject', values: ['alice'], after: 'nonsense' }), TypeError)
})

test('wrong options are named, all of them', () => {
  const wrong = { maxEntires: 5, maxEntries: 0, clock: Date } as object
  assert.throws(
    () => memoryStore(wrong),
    (error) => {
      assert.ok(error instanceof ConfigError)
      assert.deepEqual(error.problems.map((problem) => problem.path).sort(), ['clock', 'maxEntires', 'maxEntries'])
      assert.match(error.message, /did you mean `maxEntries`/)
      return true
    },
  )
})
