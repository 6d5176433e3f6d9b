import assert from 'node:assert/strict'
import type { Store } from '../../cache/store.ts'
import { isSallyportError } from '../../shared/errors.ts'
import type { DefineCase } from './bench.ts'
import { assertValue, createAll, entry, names, needsSweeps, present, valueOf } from './bench.ts'

export function upkeepCases(define: DefineCase): void {
  define(
    'sweep deletes expired entries only, and at most as many as told',
    async ({ store, advance, brief }) => {
      const dead = names('dead', 7).map((key) => entry(key, { lifetime: { idleMs: brief } }))
      await createAll(store, [...dead, entry('alive')])
      assert.equal(await store.sweep(100), 0)
      await advance(brief)
      assert.equal(await store.sweep(5), 5)
      assert.equal((await store.stats()).entries, 3)
      assert.equal(await store.sweep(5), 2)
      assert.equal(await store.sweep(5), 0)
      await present(store, 'alive')
    },
    needsSweeps,
  )

  define(
    'sweeps at once delete every expired entry once',
    async ({ store, advance, brief }) => {
      await createAll(
        store,
        names('dead', 20).map((key) => entry(key, { lifetime: { idleMs: brief } })),
      )
      await advance(brief)
      const swept = await Promise.all([3, 5, 7, 9].map((limit) => store.sweep(limit)))
      let deleted = swept.reduce((sum, each) => sum + each, 0)
      for (let last = 1; last > 0; deleted += last) last = await store.sweep(100)
      assert.equal(deleted, 20)
      assert.equal((await store.stats()).entries, 0)
    },
    needsSweeps,
  )

  define('sweep spares an expired entry whose key was created again', async ({ store, advance, brief }) => {
    await createAll(store, [entry('a', { lifetime: { idleMs: brief } })])
    await advance(brief)
    await createAll(store, [entry('a', { value: valueOf('new') })])
    await store.sweep(100)
    assertValue((await present(store, 'a')).value, 'new')
  })

  define('stats count the entries', async ({ store }) => {
    assert.equal((await store.stats()).entries, 0)
    await createAll(
      store,
      names('key', 3).map((key) => entry(key)),
    )
    await store.remove({ key: 'key-0' })
    const { entries, sizeBytes } = await store.stats()
    assert.equal(entries, 2)
    assert.ok(sizeBytes === undefined || sizeBytes > 0)
  })

  define('a store that is up answers a ping', async ({ store }) => {
    await store.ping()
  })

  closingCases(define)
}

function closingCases(define: DefineCase): void {
  define('close may be called again', async ({ store }) => {
    await store.close()
    await store.close()
  })

  define('every operation on a closed store rejects with ERR_CLOSED', async ({ store }) => {
    await store.close()
    for (const [name, operation] of operationsOf(store)) {
      await assert.rejects(operation, (error) => isSallyportError(error) && error.code === 'ERR_CLOSED', name)
    }
  })

  define('two stores can be closed independently', async ({ store, another }) => {
    const other = await another()
    await createAll(other, [entry('a')])
    await store.close()
    await present(other, 'a')
  })
}

function operationsOf(store: Store): [name: string, operation: () => Promise<unknown>][] {
  return [
    ['init', () => store.init({ maxStalenessMs: 1_000 })],
    ['read', () => store.read(['a'])],
    ['create', () => store.create(entry('a'))],
    ['replace', () => store.replace('a', 1, { value: valueOf('x'), bump: false })],
    ['extend', () => store.extend('a', 1_000)],
    ['writeMany', async () => (store.writeMany ? store.writeMany([]) : store.ping())],
    ['take', () => store.take('a')],
    ['remove', () => store.remove({ key: 'a' })],
    ['list', () => store.list({ index: 'subject', values: ['alice'] })],
    ['epochs', () => store.epochs([])],
    ['sweep', () => store.sweep(1)],
    ['stats', () => store.stats()],
    ['ping', () => store.ping()],
  ]
}
