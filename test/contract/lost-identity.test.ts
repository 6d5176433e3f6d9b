import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { NewEntry, Store } from '../../src/cache/store.ts'
import { hasCode } from '../../src/shared/errors.ts'
import { sqlKinds, watchedDatabase } from '../support/consoles.ts'
import type { SqlKind } from '../support/consoles.ts'
import { whyNotOn } from '../support/databases.ts'

const maxStalenessMs = 1_000
const value = Buffer.from('value')

/** A store with one entry that was bumped, whose meta row somebody deletes. */
async function open(t: TestContext, kind: SqlKind): Promise<{ store: Store; wipe(): Promise<unknown> }> {
  const { store, run, leave } = await watchedDatabase(kind)
  t.after(leave)
  await store.init({ maxStalenessMs })
  await store.create(entry('session:a'))
  await store.replace('session:a', 1, { value, bump: true })
  return { store, wipe: () => run('DELETE FROM oidc_cache_meta') }
}

function entry(key: string): NewEntry {
  return { key, value, lifetime: { idleMs: 60_000 }, indexes: { subject: 'alice' } }
}

const isMismatch = (error: unknown): boolean => hasCode(error, 'ERR_STORE_MISMATCH')

/** Those that tell an incarnation, or make sure that there is one. */
const units: Record<string, (store: Store) => Promise<unknown>> = {
  'a removal by key': (store) => store.remove({ key: 'session:a' }),
  'a removal of a version': (store) => store.remove({ key: 'session:a', ifVersion: 2 }),
  'a removal by index': (store) => store.remove({ index: 'subject', values: ['alice'] }),
  'a replacement that bumps': (store) => store.replace('session:a', 2, { value: Buffer.from('new'), bump: true }),
  'one that bumps among many writes': async (store) => {
    const change = { value: Buffer.from('new'), bump: true }
    const [outcome] = await store.writeMany!([{ operation: 'replace', key: 'session:a', version: 2, change }])
    if (outcome !== undefined && 'error' in outcome) throw outcome.error
  },
  'a poll': (store) => store.epochs([]),
  'a ping': (store) => store.ping(),
  'another promise': (store) => store.init({ maxStalenessMs: 2_000 }),
}

for (const kind of sqlKinds) {
  const options = { skip: whyNotOn(kind) }
  for (const [what, unit] of Object.entries(units)) {
    test(`${what} that finds no meta row changes nothing and has it made again: ${kind}`, options, async (t) => {
      const { store, wipe } = await open(t, kind)
      await wipe()
      await assert.rejects(unit(store), isMismatch)
      const { entries } = await store.read(['session:a'])
      assert.equal(entries[0]?.version, 2)
      await unit(store)
    })
  }

  test(
    `a meta row that is made again has another identity and the promise that was given: ${kind}`,
    options,
    async (t) => {
      const { store, wipe } = await open(t, kind)
      const before = await store.epochs([])
      await wipe()
      await assert.rejects(store.epochs(before.numbers), isMismatch)
      const again = await store.epochs(before.numbers)
      assert.match(again.incarnation, /./)
      assert.notEqual(again.incarnation, before.incarnation)
      assert.equal(again.maxStalenessMs, maxStalenessMs)
      const { bumps } = await store.remove({ key: 'session:a' })
      assert.equal(bumps[0]?.incarnation, again.incarnation)
      assert.ok((bumps[0]?.n ?? 0) > (before.numbers[bumps[0]?.bucket ?? 0] ?? 0))
    },
  )
}

test('a read that finds no meta row has it made again: mariadb', { skip: whyNotOn('mariadb') }, async (t) => {
  const { store, wipe } = await open(t, 'mariadb')
  await wipe()
  await assert.rejects(store.read(['session:a']), isMismatch)
  assert.equal((await store.read(['session:a'])).entries[0]?.version, 2)
})
