import assert from 'node:assert/strict'
import { bucketOf } from '../../cache/bucket.ts'
import type { Bump, Store } from '../../cache/store.ts'
import type { DefineCase } from './bench.ts'
import {
  assertRemembered,
  createAll,
  entry,
  epochNumbers,
  hasIndexes,
  hour,
  isAbsent,
  keysOfOneBucket,
  needsAtomicRemoval,
  onlyBump,
  present,
  valueOf,
} from './bench.ts'

export function epochCases(define: DefineCase): void {
  define('a new store has one number per bucket, all of them 0', async ({ store }) => {
    const { numbers, recent } = await store.epochs([])
    assert.deepEqual(numbers, Array(store.capabilities.buckets).fill(0))
    assert.deepEqual(recent, [])
  })

  define('only removals and replacements that are told to bump raise a number', async ({ store }) => {
    await createAll(store, [entry('a'), entry('b')])
    await store.extend('a', 2 * hour)
    await store.replace('a', 1, { value: valueOf('changed'), bump: false })
    await store.take('b')
    await store.read(['a', 'b'])
    await store.sweep(10)
    assert.deepEqual(new Set(await epochNumbers(store)), new Set([0]))
  })

  define('a removal raises the number of its bucket and no other', async ({ store }) => {
    const { n, bucket } = await bumpOf(store, 'a')
    const expected = Array(store.capabilities.buckets).fill(0)
    expected[bucket] = n
    assert.deepEqual(await epochNumbers(store), expected)
  })

  define('a new number is at least the clock of the store in milliseconds', async ({ store, advance, brief }) => {
    for (let i = 0; i < 3; i++) {
      const { storeNow } = await store.read([])
      assert.ok((await bumpOf(store, 'a')).n >= Math.floor(storeNow))
      await advance(brief)
    }
  })

  define('numbers are whole, rise and never come twice, however quickly they are made', async ({ store }) => {
    const numbers: number[] = []
    for (let i = 0; i < 50; i++) numbers.push((await bumpOf(store, 'a')).n)
    assert.ok(numbers.every((n) => Number.isSafeInteger(n)))
    assert.ok(numbers.every((n, i) => i === 0 || n > (numbers[i - 1] ?? n)))
  })

  define('each bump names the number before it', async ({ store, advance, brief }) => {
    let previous = 0
    for (let i = 0; i < 5; i++) {
      const { prev, n } = await bumpOf(store, 'a')
      assert.equal(prev, previous)
      previous = n
      await advance(brief)
    }
  })

  define(
    'recent holds the bumps above the numbers the caller knows, oldest first, with their keys',
    async ({ store }) => {
      const [first = '', second = '', third = ''] = keysOfOneBucket(store, 3)
      await store.remove({ key: first })
      const known = await epochNumbers(store)
      const bumps = [await bumpOf(store, second), await bumpOf(store, third)]
      assertRemembered((await store.epochs(known)).recent, bumps)
    },
  )

  define('a caller who knows other numbers than there are is told those there are', async ({ store }) => {
    for (const key of ['a', 'b', 'c']) await store.remove({ key })
    const numbers = await epochNumbers(store)
    for (const known of [numbers, numbers.map((n) => n + 1), numbers.map(() => 0), [1]]) {
      assert.deepEqual((await store.epochs(known)).numbers, numbers)
    }
  })

  define('recent is empty for a caller who knows all numbers', async ({ store }) => {
    for (const key of ['a', 'b', 'c']) await store.remove({ key })
    assert.deepEqual((await store.epochs(await epochNumbers(store))).recent, [])
  })

  define('recent ends at the number of its bucket, however many bumps there were', async ({ store }) => {
    const bucket = bucketOf('a', store.capabilities.buckets)
    for (let i = 0; i < 200; i++) await store.remove({ key: 'a' })
    const { recent, numbers } = await store.epochs([])
    if (recent.length > 0) assert.equal(recent.at(-1)?.n, numbers[bucket])
    for (const [i, bump] of recent.entries()) {
      if (i > 0) assert.equal(bump.prev, recent[i - 1]?.n)
    }
  })

  unitCases(define)
  identityCases(define)
}

function unitCases(define: DefineCase): void {
  define(
    'one removal makes one bump per bucket, with all its keys',
    async ({ store }) => {
      const keys = keysOfOneBucket(store, 3)
      await createAll(
        store,
        [...keys, 'elsewhere'].map((key) => entry(key, { indexes: { subject: 'alice' } })),
      )
      const { bumps } = await store.remove({ index: 'subject', values: ['alice'] })
      assert.equal(bumps.length, 2)
      const shared = bumps.find((bump) => bump.bucket === bucketOf(keys[0] ?? '', store.capabilities.buckets))
      assert.deepEqual([...(shared?.keys ?? [])].sort(), keys.sort())
    },
    needsAtomicRemoval,
  )

  define(
    'a bump of many keys names all of them or none',
    async ({ store }) => {
      const keys = keysOfOneBucket(store, 60)
      await createAll(
        store,
        keys.map((key) => entry(key, { indexes: { subject: 'alice' } })),
      )
      const bump = onlyBump((await store.remove({ index: 'subject', values: ['alice'] })).bumps)
      if (bump.keys !== '*') assert.deepEqual([...bump.keys].sort(), keys.sort())
      assertRemembered((await store.epochs([])).recent, [bump])
    },
    needsAtomicRemoval,
  )

  define('whoever sees the bump finds the entry gone', async ({ store }) => {
    for (let round = 0; round < 20; round++) {
      const key = `key-${round}`
      const bucket = bucketOf(key, store.capabilities.buckets)
      await createAll(store, [entry(key)])
      const before = (await epochNumbers(store))[bucket] ?? 0
      const removal = store.remove({ key })
      let seen = before
      while (seen === before) seen = (await epochNumbers(store))[bucket] ?? 0
      assert.ok(await isAbsent(store, key))
      await removal
    }
  })

  define('whoever finds the entry gone sees the bump', async ({ store }) => {
    for (let round = 0; round < 20; round++) {
      const key = `key-${round}`
      const bucket = bucketOf(key, store.capabilities.buckets)
      await createAll(store, [entry(key)])
      const before = (await epochNumbers(store))[bucket] ?? 0
      const removal = store.remove({ key })
      while (!(await isAbsent(store, key)));
      assert.ok(((await epochNumbers(store))[bucket] ?? 0) > before)
      await removal
    }
  })
}

function identityCases(define: DefineCase): void {
  define('a store keeps its incarnation', async ({ store }) => {
    const { incarnation } = await store.epochs([])
    assert.ok(incarnation.length >= 8)
    await store.init({ maxStalenessMs: 1_000 })
    await store.remove({ key: 'a' })
    assert.equal((await store.epochs([])).incarnation, incarnation)
  })

  define('every bump names the incarnation that epochs tells', async ({ store }) => {
    const { incarnation } = await store.epochs([])
    await createAll(store, [entry('a', { indexes: { subject: 'alice' } }), entry('b')])
    const replaced = await store.replace('b', 1, { value: valueOf('new'), bump: true })
    const bumps = [
      ...(replaced.outcome === 'replaced' ? replaced.bumps : []),
      ...(await store.remove({ key: 'b', ifVersion: 2 })).bumps,
      ...(hasIndexes(store)
        ? await store.remove({ index: 'subject', values: ['alice'] })
        : await store.remove({ key: 'a' })
      ).bumps,
      ...(await store.epochs([])).recent,
    ]
    assert.ok(bumps.length >= 3)
    assert.deepEqual(new Set(bumps.map((bump) => bump.incarnation)), new Set([incarnation]))
  })

  define('another store has another incarnation', async ({ store, another }) => {
    const other = await another()
    assert.notEqual((await other.epochs([])).incarnation, (await store.epochs([])).incarnation)
  })

  define('the greatest staleness anybody was promised only rises', async ({ store }) => {
    await store.init({ maxStalenessMs: 5_000 })
    assert.equal((await store.epochs([])).maxStalenessMs, 5_000)
    await store.init({ maxStalenessMs: 2_000 })
    assert.equal((await store.epochs([])).maxStalenessMs, 5_000)
  })

  define('init neither empties the store nor touches its epochs', async ({ store }) => {
    await createAll(store, [entry('a')])
    await store.remove({ key: 'b' })
    const before = await epochNumbers(store)
    await store.init({ maxStalenessMs: 1_000 })
    await present(store, 'a')
    assert.deepEqual(await epochNumbers(store), before)
  })
}

async function bumpOf(store: Store, key: string): Promise<Bump> {
  return onlyBump((await store.remove({ key })).bumps)
}
