import assert from 'node:assert/strict'
import type { EntryInfo, ListQuery, Store } from '../../cache/store.ts'
import type { DefineCase } from './bench.ts'
import { createAll, entry, hour, names, needsIndexes, present } from './bench.ts'

export function listingCases(defineAny: DefineCase): void {
  const define: DefineCase = (name, run) => defineAny(name, run, needsIndexes)

  define('a list tells key, version, times and label, never the value', async ({ store }) => {
    const lifetime = { idleMs: hour, absoluteMs: 2 * hour }
    await createAll(store, [entry('a', { lifetime, indexes: { subject: 'alice' }, label: 'Firefox — Büro' })])
    const { times } = await present(store, 'a')
    assert.deepEqual(await store.list({ index: 'subject', values: ['alice'] }), {
      entries: [{ key: 'a', version: 1, times, label: 'Firefox — Büro' }],
    })
  })

  define('an entry without a label is listed without one', async ({ store }) => {
    await createAll(store, [entry('a', { indexes: { subject: 'alice' } })])
    const { entries } = await store.list({ index: 'subject', values: ['alice'] })
    assert.equal(entries[0]?.label, undefined)
  })

  define('a list holds the entries under any of the values, and no others', async ({ store }) => {
    await createAll(store, [
      entry('a', { indexes: { subject: 'old-hash' } }),
      entry('b', { indexes: { subject: 'new-hash' } }),
      entry('c', { indexes: { subject: 'other' } }),
      entry('d', { indexes: { sid: 'old-hash' } }),
      entry('e'),
    ])
    const query: ListQuery = { index: 'subject', values: ['old-hash', 'new-hash', 'old-hash'] }
    assert.deepEqual(keysOf((await store.list(query)).entries).sort(), ['a', 'b'])
  })

  define('a list of nobody is empty', async ({ store }) => {
    await createAll(store, [entry('a', { indexes: { subject: 'alice' } })])
    for (const values of [[], ['nobody'], ['%'], ['ALICE'], ['alice ']]) {
      assert.deepEqual(await store.list({ index: 'subject', values }), { entries: [] })
    }
  })

  define('a list is in order of creation, oldest first', async ({ store, advance, brief }) => {
    for (const key of ['b', 'c', 'a']) {
      await createAll(store, [entry(key, { indexes: { subject: 'alice' } })])
      await advance(brief)
    }
    const { entries } = await store.list({ index: 'subject', values: ['alice'] })
    assert.deepEqual(keysOf(entries), ['b', 'c', 'a'])
  })

  define('pages hold each entry once, also of entries created at the same moment', async ({ store }) => {
    const keys = names('key', 11)
    await createAll(
      store,
      keys.map((key) => entry(key, { indexes: { subject: 'alice' } })),
    )
    const pages = await allPages(store, { index: 'subject', values: ['alice'], limit: 4 })
    assert.deepEqual(
      pages.map((page) => page.length),
      [4, 4, 3],
    )
    assert.deepEqual(pages.flat().sort(), keys.sort())
  })

  define('a page that ends with the last entry names no next one', async ({ store }) => {
    await createAll(
      store,
      names('key', 4).map((key) => entry(key, { indexes: { subject: 'alice' } })),
    )
    const page = await store.list({ index: 'subject', values: ['alice'], limit: 4 })
    assert.equal(page.entries.length, 4)
    assert.equal(page.next, undefined)
  })

  define('pages go on where they ended although entries are removed and added in between', async (bench) => {
    const { store, advance, brief } = bench
    const indexes = { subject: 'alice' }
    for (const key of names('old', 4)) {
      await createAll(store, [entry(key, { indexes })])
      await advance(brief)
    }
    const first = await store.list({ index: 'subject', values: ['alice'], limit: 2 })
    await store.remove({ key: 'old-1' })
    await createAll(store, [entry('new', { indexes })])
    assert.ok(first.next !== undefined)
    const second = await store.list({ index: 'subject', values: ['alice'], limit: 5, after: first.next })
    assert.deepEqual(keysOf(second.entries), ['old-2', 'old-3', 'new'])
  })

  define('a page holds 100 entries unless told otherwise', async ({ store }) => {
    await createAll(
      store,
      names('key', 101).map((key) => entry(key, { indexes: { sid: 's1' } })),
    )
    const pages = await allPages(store, { index: 'sid', values: ['s1'] })
    assert.deepEqual(
      pages.map((page) => page.length),
      [100, 1],
    )
  })
}

function keysOf(entries: readonly EntryInfo[]): string[] {
  return entries.map((found) => found.key)
}

async function allPages(store: Store, query: ListQuery): Promise<string[][]> {
  const pages: string[][] = []
  for (let page = await store.list(query); ; page = await store.list({ ...query, after: page.next })) {
    pages.push(keysOf(page.entries))
    if (page.next === undefined) return pages
  }
}
