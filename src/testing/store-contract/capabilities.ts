import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import type { Bump, Store } from '../../cache/store.ts'
import type { DefineCase } from './bench.ts'
import {
  assertValue,
  createAll,
  entry,
  epochNumbers,
  isAbsent,
  names,
  needsAtomicRemoval,
  needsDurability,
  needsPush,
  onlyBump,
  present,
  valueOf,
} from './bench.ts'

/** What a store says it can do it must do. */
export function capabilityCases(define: DefineCase): void {
  define('what a store says of itself makes sense', async ({ store }) => {
    const { removeByIndex, clock, granularityMs, push, durable, buckets, values } = store.capabilities
    assert.ok(store.name.length > 0)
    assert.ok(Number.isInteger(store.cleanupIntervalSec) && store.cleanupIntervalSec >= 0)
    assert.ok(['atomic', 'per-key-atomic', 'none'].includes(removeByIndex))
    assert.ok(['store', 'estimated'].includes(clock))
    assert.ok(granularityMs >= 1)
    assert.equal(typeof push, 'boolean')
    assert.equal(typeof durable, 'boolean')
    assert.ok(Number.isInteger(buckets) && buckets >= 1 && buckets <= 65_536)
    assert.ok([undefined, 'json'].includes(values))
  })

  define('deadlines are as exact as the store says', async ({ store, advance, brief }) => {
    const { granularityMs } = store.capabilities
    await createAll(store, [entry('a', { lifetime: { idleMs: brief } })])
    const { expiresAt } = (await present(store, 'a')).times
    for (let isThere = true; isThere; await advance(Math.ceil(brief / 20))) {
      const { entries, storeNow } = await store.read(['a'])
      isThere = entries[0] !== undefined
      const early = expiresAt - storeNow
      if (isThere) assert.ok(early > -granularityMs, `it was still there ${-early} ms after its deadline`)
      else assert.ok(early <= granularityMs, `it was gone ${early} ms before its deadline`)
    }
  })

  define(
    'a removal by index that is one unit is never seen half done',
    async ({ store }) => {
      const keys = names('key', 60)
      await createAll(
        store,
        keys.map((key) => entry(key, { indexes: { subject: 'alice' } })),
      )
      const removal = store.remove({ index: 'subject', values: ['alice'] })
      const seen = new Set([keys.length])
      while (!seen.has(0)) {
        const { entries } = await store.read(keys)
        seen.add(entries.filter((found) => found !== undefined).length)
      }
      assert.equal((await removal).removed, keys.length)
      assert.deepEqual(seen, new Set([keys.length, 0]))
    },
    needsAtomicRemoval,
  )

  durabilityCases(define)
  pushCases(define)
}

function durabilityCases(define: DefineCase): void {
  define(
    'a durable store keeps entries, removals and epochs when it is opened again',
    async ({ store, reopen }) => {
      await createAll(store, [entry('kept', { indexes: { subject: 'alice' } }), entry('removed')])
      await store.replace('kept', 1, { value: valueOf('kept'), bump: false })
      await store.remove({ key: 'removed' })
      const before = await epochNumbers(store)
      await store.close()
      const again = await reopen!()
      const kept = await present(again, 'kept')
      assert.equal(kept.version, 2)
      assertValue(kept.value, 'kept')
      assert.ok(await isAbsent(again, 'removed'))
      assert.deepEqual(await epochNumbers(again), before)
    },
    needsDurability,
  )

  define(
    'a durable store is the same store when it is opened again, and so are its bumps',
    async ({ store, reopen }) => {
      const { incarnation } = await store.epochs([])
      const before = onlyBump((await store.remove({ key: 'a' })).bumps)
      await store.close()
      const again = await reopen!()
      const after = onlyBump((await again.remove({ key: 'a' })).bumps)
      assert.deepEqual(
        [before.incarnation, (await again.epochs([])).incarnation, after.incarnation],
        [incarnation, incarnation, incarnation],
      )
      assert.equal(after.prev, before.n)
    },
    needsDurability,
  )
}

function pushCases(define: DefineCase): void {
  define('a store offers subscribe if and only if it says that it pushes', async ({ store }) => {
    assert.equal(typeof store.subscribe === 'function', store.capabilities.push)
  })

  define(
    'a bump made through another store on the same data is pushed as it was made',
    async ({ store, reopen }) => {
      const heard: Bump[] = []
      store.subscribe!((bump) => heard.push(bump))
      const made = await bumpUntil(await reopen!(), () => heard.length > 0)
      assert.ok(made.some((bump) => isSame(bump, heard[0])))
    },
    needsPush,
  )

  define(
    'whoever stopped listening hears nothing more, and the others do',
    async ({ store, reopen }) => {
      const heard: Bump[] = []
      const other = await reopen!()
      const stop = store.subscribe!(() => assert.fail('it heard'))
      store.subscribe!((bump) => heard.push(bump))
      stop()
      stop()
      await bumpUntil(other, () => heard.length > 0)
    },
    needsPush,
  )
}

/** Makes bumps until a push of one has arrived: any may be lost, or made before somebody was listening. */
async function bumpUntil(store: Store, hasArrived: () => boolean): Promise<Bump[]> {
  const made: Bump[] = []
  for (const deadline = Date.now() + 10_000; !hasArrived(); await pause(20)) {
    assert.ok(Date.now() < deadline, `${made.length} bumps were made in 10 s and none was pushed`)
    made.push(onlyBump((await store.remove({ key: `key-${made.length}` })).bumps))
  }
  return made
}

function isSame(bump: Bump, other: Bump | undefined): boolean {
  try {
    assert.deepEqual(bump, other)
    return true
  } catch {
    return false
  }
}
