import assert from 'node:assert/strict'
import type { DefineCase } from './bench.ts'
import {
  assertValue,
  createAll,
  entry,
  epochNumbers,
  hasIndexes,
  hour,
  isAbsent,
  needsIndexes,
  present,
  valueOf,
} from './bench.ts'

export function replacingCases(define: DefineCase): void {
  define('replace on the right version changes the value and raises the version by one', async ({ store }) => {
    await createAll(store, [entry('a')])
    for (const version of [1, 2, 3]) {
      const reply = await store.replace('a', version, { value: valueOf(`after ${version}`), bump: false })
      assert.ok(reply.outcome === 'replaced')
      assert.equal(reply.version, version + 1)
    }
    const found = await present(store, 'a')
    assert.equal(found.version, 4)
    assertValue(found.value, 'after 3')
  })

  define('replace on another version is a conflict and changes nothing', async ({ store }) => {
    await createAll(store, [entry('a', { value: valueOf('kept') })])
    const change = { value: valueOf('lost'), bump: true, lifetime: { idleMs: 9 * hour } }
    const before = await present(store, 'a')
    for (const version of [0, 2]) assert.deepEqual(await store.replace('a', version, change), { outcome: 'conflict' })
    assert.deepEqual(await present(store, 'a'), before)
    assert.deepEqual(new Set(await epochNumbers(store)), new Set([0]))
  })

  define('replace never creates', async ({ store }) => {
    for (const version of [0, 1]) {
      const change = { value: valueOf('x'), bump: true, lifetime: { idleMs: hour } }
      assert.deepEqual(await store.replace('nothing', version, change), { outcome: 'absent' })
    }
    assert.ok(await isAbsent(store, 'nothing'))
  })

  define('replace without a lifetime keeps all times', async ({ store, advance, brief }) => {
    await createAll(store, [entry('a', { lifetime: { idleMs: hour, absoluteMs: 2 * hour } })])
    const { times } = await present(store, 'a')
    await advance(brief)
    const reply = await store.replace('a', 1, { value: valueOf('b'), bump: false })
    assert.ok(reply.outcome === 'replaced')
    assert.deepEqual(reply.times, times)
    assert.deepEqual((await present(store, 'a')).times, times)
  })

  define('replace with a lifetime sets both deadlines anew and keeps the day of creation', async (bench) => {
    const { store, advance, brief } = bench
    await createAll(store, [entry('a', { lifetime: { idleMs: hour, absoluteMs: hour } })])
    const { createdAt } = (await present(store, 'a')).times
    await advance(brief)
    const lifetime = { idleMs: 2 * hour, absoluteMs: 3 * hour }
    const reply = await store.replace('a', 1, { value: valueOf('b'), bump: false, lifetime })
    assert.ok(reply.outcome === 'replaced')
    const granularity = store.capabilities.granularityMs
    assert.ok(Math.abs(reply.times.expiresAt - (reply.storeNow + 2 * hour)) <= granularity)
    assert.ok(Math.abs((reply.times.absoluteExpiresAt ?? 0) - (reply.storeNow + 3 * hour)) <= granularity)
    assert.equal(reply.times.createdAt, createdAt)
    assert.ok(reply.times.lastSeenAt > createdAt)
    assert.deepEqual((await present(store, 'a')).times, reply.times)
  })

  define('a lifetime without a ceiling lifts the ceiling', async ({ store }) => {
    await createAll(store, [entry('a', { lifetime: { idleMs: hour, absoluteMs: hour } })])
    await store.replace('a', 1, { value: valueOf('b'), bump: false, lifetime: { idleMs: 2 * hour } })
    assert.equal((await present(store, 'a')).times.absoluteExpiresAt, undefined)
  })

  define(
    'replace keeps the entry in its lists',
    async ({ store }) => {
      await createAll(store, [entry('a', { indexes: { subject: 'alice', sid: 's1' }, label: 'phone' })])
      await store.replace('a', 1, { value: valueOf('b'), bump: false, lifetime: { idleMs: hour } })
      for (const [index, value] of [
        ['subject', 'alice'],
        ['sid', 's1'],
      ] as const) {
        const { entries } = await store.list({ index, values: [value] })
        assert.deepEqual(
          entries.map(({ key, version, label }) => ({ key, version, label })),
          [{ key: 'a', version: 2, label: 'phone' }],
        )
      }
    },
    needsIndexes,
  )

  define('replace bumps only if told to', async ({ store }) => {
    await createAll(store, [entry('a')])
    const quiet = await store.replace('a', 1, { value: valueOf('b'), bump: false })
    assert.deepEqual(quiet.outcome === 'replaced' && quiet.bumps, [])
    assert.deepEqual(new Set(await epochNumbers(store)), new Set([0]))
    const loud = await store.replace('a', 2, { value: valueOf('c'), bump: true })
    assert.ok(loud.outcome === 'replaced')
    assert.deepEqual(
      loud.bumps.map((bump) => bump.keys),
      [['a']],
    )
    assert.equal((await epochNumbers(store))[loud.bumps[0]?.bucket ?? -1], loud.bumps[0]?.n)
  })

  takingCases(define)
}

function takingCases(define: DefineCase): void {
  define('take gets the entry once', async ({ store }) => {
    await createAll(store, [entry('a', { value: valueOf('verifier') })])
    const taken = await store.take('a')
    assert.equal(taken?.key, 'a')
    assert.equal(taken?.version, 1)
    assertValue(taken?.value, 'verifier')
    assert.equal(await store.take('a'), undefined)
    assert.ok(await isAbsent(store, 'a'))
  })

  define('take of an absent key gets nothing', async ({ store }) => {
    assert.equal(await store.take('nothing'), undefined)
  })

  define('take leaves other entries alone', async ({ store }) => {
    await createAll(store, [entry('a'), entry('a_'), entry('%')])
    await store.take('%')
    const { entries } = await store.read(['a', 'a_', '%'])
    assert.deepEqual(
      entries.map((found) => found?.key),
      ['a', 'a_', undefined],
    )
  })

  define('a taken entry leaves its lists', async ({ store }) => {
    await createAll(store, [entry('a', { indexes: { subject: 'alice' } })])
    await store.take('a')
    if (!hasIndexes(store)) return
    assert.deepEqual((await store.list({ index: 'subject', values: ['alice'] })).entries, [])
  })
}
