import assert from 'node:assert/strict'
import type { Store } from '../../cache/store.ts'
import { isSallyportError } from '../../shared/errors.ts'
import type { DefineCase } from './bench.ts'
import { assertBytes, bytes, createAll, entry, epochNumbers, isAbsent, names, present } from './bench.ts'

export function upkeepCases(define: DefineCase): void {
  define('sweep deletes expired entries only, and at most as many as told', async ({ store, advance, brief }) => {
    if (store.cleanupIntervalSec === 0) return
    const dead = names('dead', 7).map((key) => entry(key, { lifetime: { idleMs: brief } }))
    await createAll(store, [...dead, entry('alive')])
    assert.equal(await store.sweep(100), 0)
    await advance(brief)
    assert.equal(await store.sweep(5), 5)
    assert.equal((await store.stats()).entries, 3)
    assert.equal(await store.sweep(5), 2)
    assert.equal(await store.sweep(5), 0)
    await present(store, 'alive')
  })

  define('sweep spares an expired entry whose key was created again', async ({ store, advance, brief }) => {
    await createAll(store, [entry('a', { lifetime: { idleMs: brief } })])
    await advance(brief)
    await createAll(store, [entry('a', { value: bytes('new') })])
    await store.sweep(100)
    assertBytes((await present(store, 'a')).value, bytes('new'))
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

  define('what a store says of itself makes sense', async ({ store }) => {
    const { removeByIndex, clock, granularityMs, push, durable, buckets } = store.capabilities
    assert.ok(store.name.length > 0)
    assert.ok(Number.isInteger(store.cleanupIntervalSec) && store.cleanupIntervalSec >= 0)
    assert.ok(['atomic', 'per-key-atomic', 'none'].includes(removeByIndex))
    assert.ok(['store', 'estimated'].includes(clock))
    assert.ok(granularityMs >= 1)
    assert.equal(typeof push, 'boolean')
    assert.equal(typeof durable, 'boolean')
    assert.ok(Number.isInteger(buckets) && buckets >= 1)
  })

  define('a store offers subscribe if and only if it says that it pushes', async ({ store }) => {
    assert.equal(typeof store.subscribe === 'function', store.capabilities.push)
  })

  define('a durable store keeps entries, removals and epochs when it is opened again', async ({ store, reopen }) => {
    if (!store.capabilities.durable || reopen === undefined) return
    await createAll(store, [entry('kept', { value: bytes('kept'), indexes: { subject: 'alice' } }), entry('removed')])
    await store.replace('kept', 1, { value: bytes('kept'), bump: false })
    await store.remove({ key: 'removed' })
    const before = await store.epochs([])
    await store.close()
    const again = await reopen()
    assert.equal((await present(again, 'kept')).version, 2)
    assertBytes((await present(again, 'kept')).value, bytes('kept'))
    assert.ok(await isAbsent(again, 'removed'))
    assert.deepEqual(await epochNumbers(again), before.numbers)
    assert.equal((await again.epochs([])).incarnation, before.incarnation)
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
    ['replace', () => store.replace('a', 1, { value: bytes('x'), bump: false })],
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
