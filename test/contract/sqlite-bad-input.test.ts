import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { isSallyportError } from '../../src/shared/errors.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'

test('a value larger than SQLite takes is refused as that, alone, and the store goes on', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-large-'))
  const store = sqliteStore({ path: join(folder, 'sessions.db') })
  t.after(async () => {
    await store.close()
    await rm(folder, { recursive: true })
  })
  const entryOf = (key: string, value: Uint8Array) => ({ key, value, lifetime: { idleMs: 60_000 } })
  const tooLarge = entryOf('b', new Uint8Array(1_000_000_001))
  const isTooLarge = (error: unknown): boolean =>
    isSallyportError(error) && error.code === 'ERR_STORE_VALUE_TOO_LARGE' && /1,000,000,000/.test(error.message)
  await assert.rejects(store.create(tooLarge), isTooLarge)
  const outcomes = await store.writeMany!(
    [entryOf('a', Buffer.of(1)), tooLarge, entryOf('c', Buffer.of(3))].map((entry) => ({ operation: 'create', entry })),
  )
  assert.deepEqual(
    outcomes.map((outcome) => ('error' in outcome ? isTooLarge(outcome.error) : outcome.reply.outcome)),
    ['created', true, 'created'],
  )
  const { entries } = await store.read(['a', 'b', 'c'])
  assert.deepEqual(
    entries.map((entry) => entry?.key),
    ['a', undefined, 'c'],
  )
})
