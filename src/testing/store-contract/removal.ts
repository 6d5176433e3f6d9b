import assert from 'node:assert/strict'
import { bucketOf } from '../../cache/bucket.ts'
import type { DefineCase } from './bench.ts'
import {
  assertValue,
  createAll,
  entry,
  epochNumbers,
  hour,
  isAbsent,
  needsIndexes,
  onlyBump,
  present,
  valueOf,
} from './bench.ts'

export function removalCases(define: DefineCase): void {
  define('remove by key removes the entry and bumps its bucket, naming the key', async ({ store }) => {
    await createAll(store, [entry('a'), entry('b')])
    const { removed, bumps } = await store.remove({ key: 'a' })
    assert.equal(removed, 1)
    const bump = onlyBump(bumps)
    assert.equal(bump.bucket, bucketOf('a', store.capabilities.buckets))
    assert.deepEqual(bump.keys, ['a'])
    assert.ok(await isAbsent(store, 'a'))
    assert.equal(await isAbsent(store, 'b'), false)
  })

  define('remove by key bumps even if nothing was there', async ({ store }) => {
    const { removed, bumps } = await store.remove({ key: 'nothing' })
    assert.equal(removed, 0)
    const bump = onlyBump(bumps)
    assert.deepEqual(bump.keys, ['nothing'])
    assert.equal((await epochNumbers(store))[bump.bucket], bump.n)
  })

  define('remove if version removes the entry that has it', async ({ store }) => {
    await createAll(store, [entry('a')])
    const { removed, bumps } = await store.remove({ key: 'a', ifVersion: 1 })
    assert.equal(removed, 1)
    assert.deepEqual(onlyBump(bumps).keys, ['a'])
    assert.ok(await isAbsent(store, 'a'))
  })

  define('remove if version leaves an entry of another version, and the epochs', async ({ store }) => {
    await createAll(store, [entry('a')])
    await store.replace('a', 1, { value: valueOf('newer'), bump: false })
    assert.deepEqual(await store.remove({ key: 'a', ifVersion: 1 }), { removed: 0, bumps: [] })
    assert.equal(await isAbsent(store, 'a'), false)
    assert.deepEqual(new Set(await epochNumbers(store)), new Set([0]))
  })

  define('remove if version of an absent key does nothing', async ({ store }) => {
    assert.deepEqual(await store.remove({ key: 'nothing', ifVersion: 1 }), { removed: 0, bumps: [] })
  })

  define('nothing but create brings a removed entry back', async ({ store }) => {
    await createAll(store, [entry('a')])
    await store.remove({ key: 'a' })
    await store.extend('a', hour)
    await store.replace('a', 1, { value: valueOf('late'), bump: false, lifetime: { idleMs: hour } })
    await store.replace('a', 0, { value: valueOf('late'), bump: true })
    assert.ok(await isAbsent(store, 'a'))
    assert.equal(await store.take('a'), undefined)
  })

  define('a key that is created again begins with version 1, and owes nothing to what was removed', async (bench) => {
    const { store, advance, brief } = bench
    await createAll(store, [entry('a', { lifetime: { idleMs: hour, absoluteMs: hour } })])
    await store.replace('a', 1, { value: valueOf('old'), bump: false })
    await store.remove({ key: 'a' })
    await advance(brief)
    await createAll(store, [entry('a')])
    const { version, value, times } = await present(store, 'a')
    assert.deepEqual([version, times.absoluteExpiresAt], [1, undefined])
    assertValue(value, 'value of a')
    assert.deepEqual(await store.replace('a', 2, { value: valueOf('late'), bump: false }), { outcome: 'conflict' })
  })

  indexCases(define)
}

function indexCases(define: DefineCase): void {
  const defineIndexed: DefineCase = (name, run, ...needs) => define(name, run, needsIndexes, ...needs)

  defineIndexed('remove by subject removes all of that subject and nothing else', async ({ store }) => {
    const alice = { indexes: { subject: 'alice' } }
    await createAll(store, [
      entry('a', alice),
      entry('b', alice),
      entry('c', { indexes: { subject: 'bob' } }),
      entry('d'),
    ])
    const { removed, bumps } = await store.remove({ index: 'subject', values: ['alice'] })
    assert.equal(removed, 2)
    assert.deepEqual(bumps.flatMap((bump) => bump.keys).sort(), ['a', 'b'])
    const { entries } = await store.read(['a', 'b', 'c', 'd'])
    assert.deepEqual(
      entries.map((found) => found?.key),
      [undefined, undefined, 'c', 'd'],
    )
  })

  defineIndexed('what is removed by its key leaves its lists', async ({ store }) => {
    const indexes = { subject: 'alice', sid: 's1' }
    await createAll(store, [entry('a', { indexes }), entry('b', { indexes })])
    await store.remove({ key: 'a' })
    await store.remove({ key: 'b', ifVersion: 1 })
    assert.deepEqual((await store.list({ index: 'subject', values: ['alice'] })).entries, [])
    assert.deepEqual(await store.remove({ index: 'sid', values: ['s1'] }), { removed: 0, bumps: [] })
  })

  defineIndexed('an entry is removed by every index it was created with, replaced or not', async ({ store }) => {
    await createAll(store, [
      entry('a', { indexes: { subject: 'alice', sid: 's1' } }),
      entry('b', { indexes: { subject: 'alice', sid: 's2' } }),
    ])
    const lifetime = { idleMs: hour }
    for (const key of ['a', 'b']) await store.replace(key, 1, { value: valueOf('new'), bump: false, lifetime })
    await store.extend('b', 2 * hour)
    assert.equal((await store.remove({ index: 'sid', values: ['s2'] })).removed, 1)
    assert.equal((await store.remove({ index: 'subject', values: ['alice'] })).removed, 1)
    assert.deepEqual([await isAbsent(store, 'a'), await isAbsent(store, 'b')], [true, true])
  })

  defineIndexed('remove by sid removes exactly that one', async ({ store }) => {
    await createAll(store, [
      entry('a', { indexes: { subject: 'alice', sid: 's1' } }),
      entry('b', { indexes: { subject: 'alice', sid: 's2' } }),
    ])
    assert.equal((await store.remove({ index: 'sid', values: ['s1'] })).removed, 1)
    assert.ok(await isAbsent(store, 'a'))
    assert.equal(await isAbsent(store, 'b'), false)
  })

  defineIndexed('remove by several values takes the entries under any of them, once', async ({ store }) => {
    await createAll(store, [
      entry('a', { indexes: { subject: 'old-hash' } }),
      entry('b', { indexes: { subject: 'new-hash' } }),
      entry('c', { indexes: { subject: 'other' } }),
    ])
    const values = ['old-hash', 'new-hash', 'new-hash', 'unknown']
    assert.equal((await store.remove({ index: 'subject', values })).removed, 2)
    assert.equal(await isAbsent(store, 'c'), false)
  })

  defineIndexed('remove by index spares the key excepted', async ({ store }) => {
    const indexes = { subject: 'alice' }
    await createAll(store, [entry('mine', { indexes }), entry('other', { indexes })])
    const { removed, bumps } = await store.remove({ index: 'subject', values: ['alice'], except: 'mine' })
    assert.equal(removed, 1)
    assert.deepEqual(onlyBump(bumps).keys, ['other'])
    assert.equal(await isAbsent(store, 'mine'), false)
  })

  defineIndexed('the same value as subject and as sid means different entries', async ({ store }) => {
    await createAll(store, [entry('a', { indexes: { subject: 'same' } }), entry('b', { indexes: { sid: 'same' } })])
    assert.equal((await store.remove({ index: 'sid', values: ['same'] })).removed, 1)
    assert.equal(await isAbsent(store, 'a'), false)
  })

  defineIndexed('remove by index without a match removes and bumps nothing', async ({ store }) => {
    await createAll(store, [entry('a', { indexes: { subject: 'alice' } }), entry('b')])
    for (const values of [[], ['nobody'], ['%'], ['ALICE'], ['alice ']]) {
      assert.deepEqual(await store.remove({ index: 'subject', values }), { removed: 0, bumps: [] })
    }
    assert.deepEqual(new Set(await epochNumbers(store)), new Set([0]))
  })

  defineIndexed('remove by index removes many at once', async ({ store }) => {
    const keys = Array.from({ length: 300 }, (_, i) => `key-${i}`)
    await createAll(
      store,
      keys.map((key) => entry(key, { indexes: { subject: 'alice' } })),
    )
    assert.equal((await store.remove({ index: 'subject', values: ['alice'] })).removed, 300)
    const { entries } = await store.read(keys)
    assert.ok(entries.every((found) => found === undefined))
  })
}
