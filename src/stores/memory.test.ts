import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { test, type TestContext } from 'node:test'
import { recordingLogger } from '../../test/support/recording-logger.ts'
import type { NewEntry, Store } from '../cache/store.ts'
import { ConfigError } from '../shared/errors.ts'
import { manualClock } from '../testing/manual-clock.ts'
import { memoryStore } from './memory.ts'

const { logger } = recordingLogger()

function entry(key: string, rest: Partial<NewEntry> = {}): NewEntry {
  return { key, value: Uint8Array.of(1), lifetime: { idleMs: 60_000 }, ...rest }
}

async function keysIn(store: Store, keys: readonly string[]): Promise<(string | undefined)[]> {
  return (await store.read(keys)).entries.map((found) => found?.key)
}

/** What is published while the test runs. */
function cacheEvents(t: TestContext): unknown[] {
  const told: unknown[] = []
  const listener = (event: unknown): void => void told.push(event)
  subscribe('sallyport:cache', listener)
  t.after(() => unsubscribe('sallyport:cache', listener))
  return told
}

const uses: Record<string, (store: Store) => Promise<unknown>> = {
  read: (store) => store.read(['first']),
  extended: (store) => store.extend('first', 120_000),
  replaced: (store) => store.replace('first', 1, { value: Uint8Array.of(2), bump: false }),
}

for (const [name, use] of Object.entries(uses)) {
  test(`an entry that was ${name} outlives one that was not when the store is full`, async () => {
    const store = memoryStore({ maxEntries: 2, logger })
    await store.create(entry('first'))
    await store.create(entry('second'))
    await use(store)
    await store.create(entry('third'))
    assert.deepEqual(await keysIn(store, ['first', 'second', 'third']), ['first', undefined, 'third'])
    assert.equal((await store.stats()).entries, 2)
  })
}

const answers: Record<string, (store: Store) => Promise<unknown>> = {
  create: (store) => store.create(entry('a')),
  replace: (store) => store.replace('a', 1, { value: Uint8Array.of(2), bump: false }),
  'replace with a new lifetime': (store) =>
    store.replace('a', 1, { value: Uint8Array.of(2), bump: false, lifetime: { idleMs: 90_000 } }),
  extend: (store) => store.extend('a', 120_000),
}

for (const [name, answer] of Object.entries(answers)) {
  test(`what happens to the times in the answer to ${name} happens to no entry`, async () => {
    const store = memoryStore()
    if (name !== 'create') await store.create(entry('a'))
    const { times } = (await answer(store)) as { times: { expiresAt: number } }
    times.expiresAt = 0
    assert.deepEqual(await keysIn(store, ['a']), ['a'])
  })
}

test('being listed is no use', async () => {
  const store = memoryStore({ maxEntries: 2, logger })
  await store.create(entry('first', { indexes: { subject: 'alice' } }))
  await store.create(entry('second'))
  await store.list({ index: 'subject', values: ['alice'] })
  await store.create(entry('third'))
  assert.deepEqual(await keysIn(store, ['first', 'second']), [undefined, 'second'])
})

test('a flood of one kind of key pushes none of another kind out', async () => {
  const store = memoryStore({ maxEntries: 3, logger })
  const sessions = ['session:1', 'session:2', 'session:3']
  for (const key of sessions) await store.create(entry(key))
  for (let i = 0; i < 100; i++) await store.create(entry(`cv:${i}`))
  assert.deepEqual(await keysIn(store, [...sessions, 'cv:96', 'cv:97']), [...sessions, undefined, 'cv:97'])
})

test('an expired entry leaves a full store before any other', async () => {
  const clock = manualClock()
  const store = memoryStore({ maxEntries: 3, clock, logger })
  await store.create(entry('first'))
  await store.create(entry('dead', { lifetime: { idleMs: 10 } }))
  await store.create(entry('last'))
  await clock.advance(10)
  await store.create(entry('new'))
  assert.deepEqual(await keysIn(store, ['first', 'last', 'new']), ['first', 'last', 'new'])
})

test('an entry dropped because the store was full is told to whoever listens, as the sign-out it is', async (t) => {
  const told = cacheEvents(t)
  const store = memoryStore({ maxEntries: 1, logger })
  await store.create(entry('session:1'))
  assert.deepEqual(told, [])
  await store.create(entry('session:2'))
  assert.deepEqual(told, [{ type: 'signed-out', store: 'memory', kind: 'session', reason: 'capacity' }])
})

test('an expired entry that leaves a full store is nobody’s sign-out', async (t) => {
  const told = cacheEvents(t)
  const clock = manualClock()
  const store = memoryStore({ maxEntries: 1, clock, logger })
  await store.create(entry('session:1', { lifetime: { idleMs: 10 } }))
  await clock.advance(10)
  await store.create(entry('session:2'))
  assert.deepEqual([told, (await store.epochs([])).recent], [[], []])
})

test('a kind that has reached nine tenths of its room is warned of once', async () => {
  const { logger: recording, lines } = recordingLogger()
  const store = memoryStore({ maxEntries: 10, logger: recording })
  for (let i = 0; i < 8; i++) await store.create(entry(`session:${i}`))
  for (let i = 0; i < 8; i++) await store.create(entry(`cv:${i}`))
  assert.equal(lines.length, 0)
  for (let i = 8; i < 30; i++) await store.create(entry(`session:${i}`))
  assert.deepEqual(
    lines.map(({ level, fields }) => ({ level, fields })),
    [{ level: 'warn', fields: { store: 'memory', kind: 'session', entries: 9, maxEntries: 10 } }],
  )
  assert.match(lines[0]?.message ?? '', /`maxEntries`.*signed out/)
})

test('it is warned of again only after it had sunk below eight tenths', async () => {
  const { logger: recording, lines } = recordingLogger()
  const store = memoryStore({ maxEntries: 10, logger: recording })
  const fillAfterRemoving = async (removed: number): Promise<void> => {
    for (let i = 0; i < removed; i++) await store.remove({ key: `a:${i}` })
    for (let i = 0; i < 10; i++) await store.create(entry(`a:${i}`))
  }
  await fillAfterRemoving(0)
  await fillAfterRemoving(2)
  assert.equal(lines.length, 1)
  await fillAfterRemoving(3)
  assert.equal(lines.length, 2)
})

test('a key without a kind is in no warning and no event', async (t) => {
  const told = cacheEvents(t)
  const { logger: recording, lines } = recordingLogger()
  const store = memoryStore({ maxEntries: 1, logger: recording })
  await store.create(entry('secret-1'))
  await store.create(entry('secret-2'))
  assert.equal(lines.length, 1)
  assert.equal(told.length, 1)
  assert.doesNotMatch(JSON.stringify([lines, told]), /secret/)
})

test('an entry dropped because the store was full is bumped, as nobody could revoke it by its subject any more', async () => {
  const store = memoryStore({ maxEntries: 1, logger })
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
  const store = memoryStore({ maxEntries: 2, clock, logger })
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
  const wrong = { maxEntires: 5, maxEntries: 0, clock: Date, logger: {} } as object
  assert.throws(
    () => memoryStore(wrong),
    (error) => {
      assert.ok(error instanceof ConfigError)
      assert.deepEqual(error.problems.map((problem) => problem.path).sort(), [
        'clock',
        'logger',
        'maxEntires',
        'maxEntries',
      ])
      assert.match(error.message, /did you mean `maxEntries`/)
      return true
    },
  )
})
