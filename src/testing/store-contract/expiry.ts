import assert from 'node:assert/strict'
import type { DefineCase } from './bench.ts'
import { assertValue, createAll, entry, hasIndexes, hour, isAbsent, needsIndexes, present, valueOf } from './bench.ts'

export function expiryCases(define: DefineCase): void {
  define('an entry is absent from its deadline on', async ({ store, advance, brief }) => {
    await createAll(store, [entry('a', { lifetime: { idleMs: brief } }), entry('b')])
    assert.equal(await isAbsent(store, 'a'), false)
    await advance(brief)
    const { entries } = await store.read(['a', 'b'])
    assert.deepEqual(
      entries.map((found) => found?.key),
      [undefined, 'b'],
    )
  })

  define('the clock of the store goes on', async ({ store, advance, brief }) => {
    const before = (await store.read([])).storeNow
    await advance(brief)
    const passed = (await store.read([])).storeNow - before
    assert.ok(passed >= brief - store.capabilities.granularityMs, `only ${passed} of ${brief} ms passed`)
  })

  define('replace finds an expired entry absent', async ({ store, advance, brief }) => {
    await createAll(store, [entry('a', { lifetime: { idleMs: brief } })])
    await advance(brief)
    const change = { value: valueOf('late'), bump: true, lifetime: { idleMs: hour } }
    assert.deepEqual(await store.replace('a', 1, change), { outcome: 'absent' })
    assert.ok(await isAbsent(store, 'a'))
  })

  define('extend does not revive an expired entry', async ({ store, advance, brief }) => {
    await createAll(store, [entry('a', { lifetime: { idleMs: brief } })])
    await advance(brief)
    assert.deepEqual(await store.extend('a', hour), { outcome: 'absent' })
    assert.ok(await isAbsent(store, 'a'))
  })

  define('take does not get an expired entry', async ({ store, advance, brief }) => {
    await createAll(store, [entry('a', { lifetime: { idleMs: brief } })])
    await advance(brief)
    assert.equal(await store.take('a'), undefined)
  })

  define(
    'lists leave expired entries out',
    async ({ store, advance, brief }) => {
      const indexes = { subject: 'alice' }
      await createAll(store, [entry('a', { indexes, lifetime: { idleMs: brief } }), entry('b', { indexes })])
      await advance(brief)
      const { entries } = await store.list({ index: 'subject', values: ['alice'] })
      assert.deepEqual(
        entries.map((found) => found.key),
        ['b'],
      )
    },
    needsIndexes,
  )

  define('removals do not count expired entries', async ({ store, advance, brief }) => {
    const indexes = { subject: 'alice' }
    await createAll(store, [entry('a', { indexes, lifetime: { idleMs: brief } }), entry('b', { indexes })])
    await advance(brief)
    assert.equal((await store.remove({ key: 'a' })).removed, 0)
    if (!hasIndexes(store)) return
    assert.equal((await store.remove({ index: 'subject', values: ['alice'] })).removed, 1)
  })

  define('create makes a new entry where one has expired, with nothing left of the old', async (bench) => {
    const { store, advance, brief } = bench
    await createAll(store, [entry('a', { lifetime: { idleMs: brief }, indexes: { subject: 'alice' }, label: 'old' })])
    await store.replace('a', 1, { value: valueOf('old'), bump: false })
    await advance(brief)
    const reply = await store.create(entry('a', { value: valueOf('new'), indexes: { subject: 'bob' } }))
    assert.ok(reply.outcome === 'created')
    assert.equal(reply.version, 1)
    assertValue((await present(store, 'a')).value, 'new')
    if (!hasIndexes(store)) return
    assert.deepEqual((await store.list({ index: 'subject', values: ['alice'] })).entries, [])
    assert.equal((await store.list({ index: 'subject', values: ['bob'] })).entries[0]?.label, undefined)
  })

  extensionCases(define)
}

function extensionCases(define: DefineCase): void {
  define('extend moves the deadline to now plus the idle time and keeps version and value', async ({ store }) => {
    await createAll(store, [entry('a', { value: valueOf('kept'), lifetime: { idleMs: hour } })])
    const reply = await store.extend('a', 2 * hour)
    assert.ok(reply.outcome === 'extended')
    assert.equal(reply.version, 1)
    assert.ok(Math.abs(reply.times.expiresAt - (reply.storeNow + 2 * hour)) <= store.capabilities.granularityMs)
    const found = await present(store, 'a')
    assert.deepEqual(found.times, reply.times)
    assert.equal(found.version, 1)
    assertValue(found.value, 'kept')
  })

  define('an extended entry lives past its first deadline', async ({ store, advance, brief }) => {
    await createAll(store, [entry('a', { lifetime: { idleMs: brief } })])
    await store.extend('a', 3 * brief)
    await advance(brief)
    assert.equal(await isAbsent(store, 'a'), false)
    await advance(2 * brief)
    assert.ok(await isAbsent(store, 'a'))
  })

  define('extend by less than what is left does not shorten a life', async ({ store }) => {
    await createAll(store, [entry('a', { lifetime: { idleMs: hour } })])
    const before = (await present(store, 'a')).times.expiresAt
    const reply = await store.extend('a', 1)
    assert.ok(reply.outcome === 'extended')
    assert.equal(reply.times.expiresAt, before)
    assert.equal((await present(store, 'a')).times.expiresAt, before)
  })

  define('extend stops at the absolute deadline', async ({ store }) => {
    await createAll(store, [entry('a', { lifetime: { idleMs: hour, absoluteMs: 2 * hour } })])
    const reply = await store.extend('a', 9 * hour)
    assert.ok(reply.outcome === 'extended')
    assert.ok(reply.times.absoluteExpiresAt !== undefined)
    assert.equal(reply.times.expiresAt, reply.times.absoluteExpiresAt)
  })

  define('no extension carries an entry past its absolute deadline', async ({ store, advance, brief }) => {
    await createAll(store, [entry('a', { lifetime: { idleMs: 4 * brief, absoluteMs: 4 * brief } })])
    await store.extend('a', hour)
    await advance(brief)
    assert.equal((await store.extend('a', hour)).outcome, 'extended')
    await advance(3 * brief)
    assert.ok(await isAbsent(store, 'a'))
  })

  define('extend says when the entry was last seen, not when it was created', async ({ store, advance, brief }) => {
    await createAll(store, [entry('a')])
    const { createdAt } = (await present(store, 'a')).times
    await advance(brief)
    await store.extend('a', hour)
    const { times } = await present(store, 'a')
    assert.equal(times.createdAt, createdAt)
    assert.ok(times.lastSeenAt > createdAt)
  })

  define('extend of an absent key creates nothing', async ({ store }) => {
    assert.deepEqual(await store.extend('nothing', hour), { outcome: 'absent' })
    assert.ok(await isAbsent(store, 'nothing'))
  })
}
