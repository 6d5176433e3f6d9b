import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { startProcess, type SessionProcess } from '../../test/support/session-process.ts'
import { watch } from '../../test/support/watch.ts'
import type { CacheEntry } from '../cache/entry.ts'
import type { SessionRecord } from './record.ts'
import { updateData } from './session-writer.ts'
import type { SessionData } from './tokens.ts'

type Entry = CacheEntry<SessionRecord>
type Change = (draft: SessionData) => SessionData | void

interface World extends SessionProcess {
  entry: Entry
  update(change: Change): Promise<Entry>
  /** Another process writes the record. */
  writeElsewhere(data: SessionData): Promise<void>
  stored(): Promise<SessionData | undefined>
}

async function world(t: TestContext, data: SessionData = {}): Promise<World> {
  const started = await startProcess(t)
  const entry = await started.signIn({ data })
  const other = await startProcess(t, { clock: started.clock, inner: started.held.store })
  const elsewhere = async (): Promise<Entry | undefined> =>
    (await other.parts.partition.load(entry.text, entry.key, true)).entry
  return {
    ...started,
    entry,
    update: (change) => updateData(entry, change, started.parts),
    async writeElsewhere(written) {
      const theirs = (await elsewhere())!
      await other.parts.writes.replace(theirs, { ...theirs.value, data: written }, { bump: true })
    },
    stored: async () => (await elsewhere())?.value.data,
  }
}

test('a draft is changed, stored and in memory; nobody else’s entry is touched', async (t) => {
  const { update, entry, stored, parts } = await world(t, { cart: ['apple'] })
  const updated = await update((draft) => void (draft['cart'] as string[]).push('pear'))
  assert.deepEqual(await stored(), { cart: ['apple', 'pear'] })
  assert.equal(parts.partition.serve(entry.text), updated)
  assert.deepEqual(entry.value.data, { cart: ['apple'] })
})

test('what is returned replaces the data', async (t) => {
  const { update, stored } = await world(t, { old: true })
  await update(() => ({ fresh: true }))
  assert.deepEqual(await stored(), { fresh: true })
})

test('the new data is frozen, and a copy', async (t) => {
  const { update } = await world(t)
  const mine = { list: [1] }
  const { value } = await update(() => mine)
  mine.list.push(2)
  assert.deepEqual(value.data, { list: [1] })
  assert.equal(Object.isFrozen(value.data['list']), true)
})

test('what memory holds is what the store would give back', async (t) => {
  const { update, stored } = await world(t)
  const { value } = await update(() => ({ gone: undefined, kept: null }))
  assert.deepEqual(value.data, await stored())
})

test('everybody else is told', async (t) => {
  const { update, held } = await world(t)
  const before = await held.store.epochs([])
  await update(() => ({ a: 1 }))
  assert.notDeepEqual((await held.store.epochs([])).numbers, before.numbers)
})

describe('who loses against another process', () => {
  test('is run again on what that one left', async (t) => {
    const { update, writeElsewhere, stored, clock } = await world(t, { n: 0 })
    await writeElsewhere({ n: 10 })
    const seen: unknown[] = []
    const updated = watch(
      update((draft) => {
        seen.push(draft['n'])
        draft['n'] = (draft['n'] as number) + 1
      }),
    )
    await clock.advance(100)
    assert.deepEqual([updated.state, seen, await stored()], ['fulfilled', [0, 10], { n: 11 }])
  })

  test('again and again gives up at last', async (t) => {
    const { update, parts, clock } = await world(t)
    t.mock.method(parts.tiers.store, 'replace', async () => ({ outcome: 'conflict' }))
    const conflicting = watch(update(() => ({ a: 1 })))
    await clock.advance(1_000)
    assert.equal(conflicting.error, 'ERR_SESSION_CONFLICT')
  })
})

test('fifty updates at once in one process all count', async (t) => {
  const { update, stored, clock } = await world(t, { n: 0 })
  const all = watch(
    Promise.all(Array.from({ length: 50 }, () => update((draft) => void (draft['n'] = (draft['n'] as number) + 1)))),
  )
  await clock.advance(1_000)
  assert.deepEqual([all.state, await stored()], ['fulfilled', { n: 50 }])
})

describe('a session that has ended', () => {
  test('cannot be changed, and is not brought back', async (t) => {
    const { update, held, entry, stored } = await world(t)
    await held.store.take(entry.key)
    await assert.rejects(
      update(() => ({ a: 1 })),
      { code: 'ERR_SESSION_ENDED' },
    )
    assert.equal(await stored(), undefined)
  })

  test('while a change was losing is ended', async (t) => {
    const { update, held, entry, writeElsewhere, clock } = await world(t)
    held.hold('replace', 'request')
    const updated = watch(update(() => ({ a: 1 })))
    await clock.advance(0)
    held.pass('replace')
    await writeElsewhere({ b: 1 })
    await held.store.take(entry.key)
    held.release('replace')
    await clock.advance(100)
    assert.equal(updated.error, 'ERR_SESSION_ENDED')
  })
})

describe('a change that cannot be', () => {
  for (const [what, change] of [
    ['not JSON', () => ({ at: new Date() })],
    ['a promise', (async () => ({})) as unknown as Change],
  ] as [string, Change][]) {
    test(`${what} is refused, and nothing is written`, async (t) => {
      const { update, held } = await world(t)
      await assert.rejects(update(change), { code: 'ERR_SESSION_DATA' })
      assert.equal(held.calls('replace'), 0)
    })
  }

  test('that throws is the application’s own error, and nothing is written', async (t) => {
    const { update, held } = await world(t)
    const own = new Error('own')
    await assert.rejects(
      update(() => {
        throw own
      }),
      (error) => error === own,
    )
    assert.equal(held.calls('replace'), 0)
  })
})
