import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { alteredStore } from '../../test/support/cached-sessions.ts'
import { putByAnother, startInstance, type Instance } from '../../test/support/tiers.ts'
import { memoryStore } from '../stores/memory.ts'
import { manualClock } from '../testing/manual-clock.ts'
import type { EpochsReply, Store } from './store.ts'

const D = 1_000

interface Restorable extends Instance {
  /** From now on polls tell this; being told of a bound is not forgotten again. */
  restore(reply: Partial<EpochsReply>): void
}

/** One process on a store that can be set back to an earlier state. */
async function startRestorable(t: TestContext): Promise<Restorable> {
  const clock = manualClock()
  const inner = memoryStore({ clock })
  let restored: Partial<EpochsReply> = {}
  const epochs: Store['epochs'] = async (known) => ({ ...(await inner.epochs(known)), ...restored })
  const init: Store['init'] = async (bounds) => {
    await inner.init(bounds)
    const { maxStalenessMs: _, ...rest } = restored
    restored = rest
  }
  const instance = await startInstance(t, { clock, inner: alteredStore(inner, { epochs, init }) })
  return { ...instance, restore: (reply) => void (restored = reply) }
}

test('a store restored to a time before it knew our bound is told again, and until then there is no lease', async (t) => {
  const { restore, tiers, held, clock } = await startRestorable(t)
  restore({ maxStalenessMs: 0 })
  held.hold('init', 'request')
  await clock.advance(D / 2)
  await tiers.poller.poll()
  assert.equal(held.calls('init'), 2)
  await clock.advance(D / 2)
  assert.notEqual(tiers.lease(), 'held')
  held.pass('init')
  held.release('init')
  await tiers.poller.poll()
  await tiers.poller.poll()
  assert.equal(tiers.lease(), 'held')
  assert.equal((await held.store.epochs([])).maxStalenessMs, D)
})

test('numbers that fell in many buckets empty memory once', async (t) => {
  const { restore, tiers, held, partition } = await startRestorable(t)
  for (let i = 0; i < 500; i++) await held.store.remove({ key: `key ${i}` })
  await tiers.poller.poll()
  await putByAnother(held.store, 'key of a', 'value')
  await partition.load('a', 'key of a')
  const dropAll = t.mock.method(partition, 'dropAll')
  const dropBucket = t.mock.method(partition, 'dropBucket')
  restore({ numbers: Array.from({ length: tiers.buckets }, () => 0), recent: [] })
  await tiers.poller.poll()
  assert.deepEqual([dropAll.mock.callCount(), dropBucket.mock.callCount()], [1, 0])
  assert.equal(partition.stats().entries, 0)
})
