import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { memoryStore } from '../stores/memory.ts'
import { manualClock, type ManualClock } from '../testing/manual-clock.ts'
import { recordingLogger } from '../../test/support/recording-logger.ts'
import {
  evenRandomness,
  hour,
  neighbourOf,
  putByAnother,
  startInstance,
  type Instance,
} from '../../test/support/tiers.ts'
import { watch } from '../../test/support/watch.ts'
import { bucketOf } from './bucket.ts'
import { resolveCacheConfig } from './config.ts'
import type { RemoveTarget, Store } from './store.ts'
import { TwoTierCache } from './two-tier-cache.ts'

const D = 1_000

/** The value memory answers with, if it may. */
function served({ partition }: Instance, text: string): string | undefined {
  return partition.serve(text)?.value
}

async function loaded({ partition }: Instance, text: string, key = `key of ${text}`): Promise<string | undefined> {
  return (await partition.load(text, key)).entry?.value
}

describe('serve', () => {
  test('answers with what was loaded before, without asking the store', async (t) => {
    const instance = await startInstance(t)
    await putByAnother(instance.held.store, 'key of a', 'value')
    assert.equal(served(instance, 'a'), undefined)
    assert.equal(await loaded(instance, 'a'), 'value')
    const reads = instance.held.calls('read')
    assert.equal(served(instance, 'a'), 'value')
    assert.equal(instance.held.calls('read'), reads)
  })

  test('answers with the same object every time', async (t) => {
    const instance = await startInstance(t)
    await putByAnother(instance.held.store, 'key of a', 'value')
    const { entry } = await instance.partition.load('a', 'key of a')
    assert.equal(instance.partition.serve('a'), entry)
    assert.equal(instance.partition.holds(entry!), true)
  })

  test('answers nothing once the entry has expired in the store', async (t) => {
    const instance = await startInstance(t)
    await putByAnother(instance.held.store, 'key of a', 'value', 500)
    await loaded(instance, 'a')
    await instance.clock.advance(499)
    assert.equal(served(instance, 'a'), 'value')
    await instance.clock.advance(1)
    assert.equal(served(instance, 'a'), undefined)
  })

  test('answers nothing once the entry was kept for `l1TtlSec`', async (t) => {
    const instance = await startInstance(t, { config: { l1TtlSec: 2 } })
    await putByAnother(instance.held.store, 'key of a', 'value')
    await loaded(instance, 'a')
    await instance.clock.advance(1_999)
    assert.equal(served(instance, 'a'), 'value')
    await instance.clock.advance(1)
    assert.equal(served(instance, 'a'), undefined)
  })

  test('answers nothing while the lease is lost, counts that, and answers again once it is renewed', async (t) => {
    const instance = await startInstance(t)
    await putByAnother(instance.held.store, 'key of a', 'value')
    await loaded(instance, 'a')
    instance.held.hold('epochs', 'request')
    await instance.clock.advance(2 * D)
    assert.equal(served(instance, 'a'), undefined)
    assert.equal(instance.partition.stats().bypasses.lease, 1)
    instance.held.pass('epochs')
    await instance.clock.advance(D)
    assert.equal(served(instance, 'a'), 'value')
    assert.equal(instance.partition.stats().bypasses.lease, 1)
  })

  test('makes the entry the last to leave', async (t) => {
    const instance = await startInstance(t, { config: { l1MaxCapacity: 2, l1EvictionPolicy: 'lru' } })
    for (const text of ['a', 'b', 'c']) await putByAnother(instance.held.store, `key of ${text}`, text)
    await loaded(instance, 'a')
    await loaded(instance, 'b')
    served(instance, 'a')
    await loaded(instance, 'c')
    assert.deepEqual(
      ['a', 'b', 'c'].map((text) => served(instance, text)),
      ['a', undefined, 'c'],
    )
    assert.equal(instance.partition.stats().evictions.capacity, 1)
  })

  test('keeps the poll going', async (t) => {
    const instance = await startInstance(t)
    await putByAnother(instance.held.store, 'key of a', 'value')
    await loaded(instance, 'a')
    for (let passed = 0; passed < 30 * D; passed += D) {
      assert.equal(served(instance, 'a'), 'value')
      await instance.clock.advance(D)
    }
  })
})

describe('a second text for the same key', () => {
  test('replaces the first in memory', async (t) => {
    const instance = await startInstance(t)
    await putByAnother(instance.held.store, 'key', 'value')
    await loaded(instance, 'first', 'key')
    await loaded(instance, 'second', 'key')
    assert.deepEqual([served(instance, 'first'), served(instance, 'second')], [undefined, 'value'])
    assert.equal(instance.partition.stats().entries, 1)
  })

  test('does not join the read for the first', async (t) => {
    const instance = await startInstance(t)
    await putByAnother(instance.held.store, 'key', 'value')
    instance.held.hold('read', 'answer')
    const first = instance.partition.load('first', 'key')
    const second = instance.partition.load('second', 'key')
    await instance.clock.advance(0)
    assert.equal(instance.held.waiting('read'), 2)
    instance.held.release('read')
    instance.held.release('read')
    assert.deepEqual([(await first).entry?.text, (await second).entry?.text], ['first', 'second'])
  })
})

describe('join', () => {
  test('all who miss the same key at once wait for one read', async (t) => {
    const instance = await startInstance(t)
    await putByAnother(instance.held.store, 'key of a', 'value')
    const loads = await Promise.all(Array.from({ length: 50 }, () => instance.partition.load('a', 'key of a')))
    assert.equal(instance.held.calls('read'), 1)
    assert.equal(new Set(loads.map(({ entry }) => entry)).size, 1)
    assert.equal(loads.filter(({ source }) => source === 'joined').length, 49)
  })

  for (const [what, config, limit] of [
    ['D', { maxStalenessMs: 300, operationTimeoutMs: 1_000 }, 300],
    ['the operation timeout', { maxStalenessMs: 1_000, operationTimeoutMs: 300 }, 300],
  ] as const) {
    test(`nobody joins a read that was sent longer ago than ${what}`, async (t) => {
      const instance = await startInstance(t, { config })
      const { partition, held, clock } = instance
      held.hold('read', 'request')
      partition.load('a', 'key of a').catch(() => {})
      await clock.advance(limit - 1)
      partition.load('a', 'key of a').catch(() => {})
      await clock.advance(0)
      assert.equal(held.calls('read'), 1)
      await clock.advance(2)
      partition.load('a', 'key of a').catch(() => {})
      await clock.advance(0)
      assert.equal(held.calls('read'), 2)
    })
  }

  test('whoever wants it fresh does not join a read that was sent', async (t) => {
    const { partition, held, clock } = await startInstance(t)
    held.hold('read', 'answer')
    void partition.load('a', 'key of a')
    await clock.advance(0)
    void partition.load('a', 'key of a', true)
    await clock.advance(0)
    assert.equal(held.calls('read'), 2)
  })

  test('with L1 off nobody joins a read that was sent', async (t) => {
    const { partition, held, clock } = await startInstance(t, { config: { enableL1: false } })
    held.hold('read', 'answer')
    void partition.load('a', 'key of a')
    await clock.advance(0)
    void partition.load('a', 'key of a')
    await clock.advance(0)
    assert.equal(held.calls('read'), 2)
  })

  for (const [what, config, fresh] of [
    ['with L1 off', { enableL1: false }, false],
    ['who wants it fresh', {}, true],
  ] as const) {
    test(`anybody may join a read that waits to be sent: ${what}`, async (t) => {
      const { partition, held, clock } = await startInstance(t, { config })
      await putByAnother(held.store, 'key of a', 'value')
      held.hold('read', 'answer')
      // One batch is under way, so the next goes with the next turn.
      void partition.load('other', 'key of other')
      const loads = [1, 2, 3].map(() => partition.load('a', 'key of a', fresh))
      await clock.advance(0)
      assert.equal(held.calls('read'), 2)
      held.release('read')
      held.release('read')
      assert.deepEqual(
        (await Promise.all(loads)).map(({ entry, source }) => [entry?.value, source]),
        [
          ['value', 'l2'],
          ['value', 'joined'],
          ['value', 'joined'],
        ],
      )
    })
  }

  for (const [what, drop] of [
    [
      'its bucket was dropped',
      ({ partition, tiers }: Instance) => partition.dropBucket(bucketOf('key of a', tiers.buckets)),
    ],
    ['everything was dropped', ({ partition }: Instance) => partition.dropAll()],
    ['its key was dropped', ({ tiers }: Instance) => tiers.drop('key of a')],
  ] as const) {
    test(`nobody joins a read that was sent before ${what}, and it is not kept`, async (t) => {
      const instance = await startInstance(t)
      const { partition, held, clock } = instance
      await putByAnother(held.store, 'key of a', 'value')
      held.hold('read', 'answer')
      const load = partition.load('a', 'key of a')
      await clock.advance(0)
      drop(instance)
      void partition.load('a', 'key of a')
      await clock.advance(0)
      assert.equal(held.calls('read'), 2)
      held.release('read')
      await load
      assert.equal(served(instance, 'a'), undefined)
    })
  }

  test('nobody joins a read that was under way while the machine slept', async (t) => {
    const { partition, held, clock } = await startInstance(t)
    held.hold('read', 'answer')
    void partition.load('a', 'key of a')
    await clock.advance(0)
    clock.stepWall(8 * hour)
    void partition.load('a', 'key of a')
    await clock.advance(0)
    assert.equal(held.calls('read'), 2)
  })

  test('all who wait for a read that fails fail with it, and the next asks again', async (t) => {
    const { partition, held, clock } = await startInstance(t)
    await putByAnother(held.store, 'key of a', 'value')
    held.hold('read', 'answer')
    const loads = [1, 2, 3].map(() => watch(partition.load('a', 'key of a')))
    await clock.advance(0)
    held.lose('read')
    held.pass('read')
    await clock.advance(0)
    assert.deepEqual(
      loads.map(({ error }) => error),
      Array.from({ length: 3 }, () => 'ERR_STORE_UNAVAILABLE'),
    )
    assert.equal((await partition.load('a', 'key of a')).entry?.value, 'value')
  })
})

describe('a read is kept', () => {
  test('not if its bucket moved while it was under way, though it is a good answer', async (t) => {
    const instance = await startInstance(t)
    const { held, partition, clock } = instance
    await putByAnother(held.store, 'key of a', 'value')
    held.hold('read', 'answer')
    const load = partition.load('a', 'key of a')
    await clock.advance(0)
    await held.store.remove({ key: neighbourOf('key of a') })
    await instance.tiers.poller.poll()
    held.release('read')
    assert.equal((await load).entry?.value, 'value')
    assert.equal(served(instance, 'a'), undefined)
    assert.equal(partition.stats().discardedFills, 1)
  })

  test('as of when it was sent, not as of when it was answered', async (t) => {
    const instance = await startInstance(t)
    const { held, partition, clock } = instance
    await putByAnother(held.store, 'key of a', 'value')
    held.hold('read', 'answer')
    const load = partition.load('a', 'key of a')
    await clock.advance(0)
    held.hold('epochs', 'request')
    await clock.advance(600)
    held.release('read')
    await load
    assert.equal(served(instance, 'a'), 'value')
    await clock.advance(390)
    assert.equal(served(instance, 'a'), 'value')
    await clock.advance(10 + D / 3)
    assert.equal(served(instance, 'a'), undefined)
  })

  test('at the epoch that was known when it was sent, not when it was planned', async (t) => {
    const instance = await startInstance(t)
    const { held, partition, clock, tiers } = instance
    await putByAnother(held.store, 'key of a', 'value')
    held.hold('read', 'answer')
    // Four batches under way: the read of `a` waits for its turn.
    for (let i = 0; i < 302; i++) partition.load(`other ${i}`, `key of other ${i}`).catch(() => {})
    await clock.advance(0)
    const load = partition.load('a', 'key of a')
    await clock.advance(0)
    assert.equal(held.waiting('read'), 4)
    await held.store.remove({ key: neighbourOf('key of a') })
    await tiers.poller.poll()
    held.pass('read')
    for (let i = 0; i < 4; i++) held.release('read')
    await load
    assert.equal(served(instance, 'a'), 'value')
  })

  test('not with L1 off', async (t) => {
    const instance = await startInstance(t, { config: { enableL1: false } })
    await putByAnother(instance.held.store, 'key of a', 'value')
    assert.equal(await loaded(instance, 'a'), 'value')
    assert.equal(instance.partition.stats().entries, 0)
    assert.equal(instance.partition.stats().discardedFills, 0)
  })

  test('not if a newer read of the key was answered before it', async (t) => {
    const instance = await startInstance(t)
    const { held, partition, clock } = instance
    await putByAnother(held.store, 'key of a', 'version 1')
    held.hold('read', 'answer')
    const older = partition.load('a', 'key of a')
    await clock.advance(0)
    await instance.tiers.store.replace('key of a', 1, { value: Buffer.from('version 2'), bump: false })
    const newer = partition.load('a', 'key of a', true)
    await clock.advance(0)
    held.release('read', 1)
    assert.equal((await newer).entry?.value, 'version 2')
    held.release('read')
    assert.equal((await older).entry?.value, 'version 1')
    assert.equal(served(instance, 'a'), 'version 2')
  })

  test('not if one that was sent before it is answered first: it may have been read later', async (t) => {
    const instance = await startInstance(t)
    const { held, partition, clock } = instance
    await putByAnother(held.store, 'key of a', 'version 1')
    held.hold('read', 'request')
    const first = partition.load('a', 'key of a')
    await clock.advance(0)
    held.hold('read', 'answer')
    const second = partition.load('a', 'key of a', true)
    await clock.advance(0)
    await instance.tiers.store.replace('key of a', 1, { value: Buffer.from('version 2'), bump: false })
    held.release('read')
    assert.equal((await first).entry?.value, 'version 2')
    held.release('read')
    assert.equal((await second).entry?.value, 'version 1')
    assert.equal(served(instance, 'a'), undefined)
  })

  test('and if it may not be, what is older than it is not served any more either', async (t) => {
    const instance = await startInstance(t)
    const { held, partition, clock, tiers } = instance
    await putByAnother(held.store, 'key of a', 'version 1')
    await loaded(instance, 'a')
    await tiers.store.replace('key of a', 1, { value: Buffer.from('version 2'), bump: false })
    held.hold('read', 'answer')
    const load = partition.load('a', 'key of a', true)
    await clock.advance(0)
    partition.detach('key of a')
    held.release('read')
    assert.equal((await load).entry?.value, 'version 2')
    assert.equal(served(instance, 'a'), undefined)
  })
})

describe('nothing under the key', () => {
  test('is told as such, with the store’s clock', async (t) => {
    const { partition, clock } = await startInstance(t)
    assert.deepEqual(await partition.load('a', 'key of a'), {
      entry: undefined,
      storeNow: clock.wall(),
      source: 'l2',
    })
  })

  test('deletes what memory has', async (t) => {
    const instance = await startInstance(t)
    await putByAnother(instance.held.store, 'key of a', 'value')
    await loaded(instance, 'a')
    await instance.held.store.take('key of a')
    assert.equal(await loaded(instance, 'a'), undefined)
    assert.equal(served(instance, 'a'), undefined)
  })

  test('is what a value is that does not open, and it is left alone', async (t) => {
    const instance = await startInstance(t)
    await putByAnother(instance.held.store, 'key of a', 'unreadable')
    assert.equal(await loaded(instance, 'a'), undefined)
    assert.equal(instance.partition.stats().entries, 0)
    assert.notEqual((await instance.held.store.read(['key of a'])).entries[0], undefined)
  })
})

test('every new entry is planned for, once', async (t) => {
  const clock = manualClock()
  const store = memoryStore({ clock })
  const config = resolveCacheConfig()
  const tiers = new TwoTierCache({ store, config, clock, randomness: evenRandomness, logger: recordingLogger().logger })
  t.after(() => tiers.close())
  const planned: string[] = []
  const partition = tiers.partition({
    name: 'values',
    room: config,
    open: (_text, { value }) => Buffer.from(value).toString(),
    plan: (entry) => void planned.push(entry.value),
  })
  await putByAnother(store, 'key', 'value')
  await partition.load('text', 'key')
  partition.serve('text')
  assert.deepEqual(planned, ['value'])
})

describe('on a store that counts no epochs', () => {
  const uncounted = (clock: ManualClock): Store => {
    const inner = memoryStore({ clock })
    const capabilities = { ...inner.capabilities, buckets: 0 }
    return new Proxy(inner, {
      get: (store, name: keyof Store) => {
        if (name === 'capabilities') return capabilities
        if (name === 'remove') return async (target: RemoveTarget) => ({ ...(await store.remove(target)), bumps: [] })
        const value: unknown = store[name]
        return typeof value === 'function' ? (value.bind(store) as unknown) : value
      },
    })
  }

  test('memory trusts an entry for D after it was read, and no longer', async (t) => {
    const clock = manualClock()
    const instance = await startInstance(t, { clock, inner: uncounted(clock) })
    await putByAnother(instance.held.store, 'key of a', 'value')
    await loaded(instance, 'a')
    await clock.advance(D - 1)
    assert.equal(served(instance, 'a'), 'value')
    await clock.advance(1)
    assert.equal(served(instance, 'a'), undefined)
    assert.equal(await loaded(instance, 'a'), 'value')
  })

  test('nothing is polled, and there is no lease to lose', async (t) => {
    const clock = manualClock()
    const instance = await startInstance(t, { clock, inner: uncounted(clock) })
    await putByAnother(instance.held.store, 'key of a', 'value')
    await loaded(instance, 'a')
    await clock.advance(10 * D)
    assert.equal(instance.held.calls('epochs'), 0)
    assert.equal(instance.tiers.lease(), 'off')
  })

  test('a write of our own is kept, and a removal is final here at once', async (t) => {
    const clock = manualClock()
    const instance = await startInstance(t, { clock, inner: uncounted(clock) })
    await instance.writes.create({ text: 'a', key: 'key of a', value: 'value' }, { lifetime: { idleMs: hour } })
    assert.equal(served(instance, 'a'), 'value')
    await instance.writes.remove({ key: 'key of a' })
    assert.equal(served(instance, 'a'), undefined)
  })
})

test('a text that was cut from a long header is kept as a copy of its own', async (t) => {
  const instance = await startInstance(t)
  await putByAnother(instance.held.store, 'key', 'value')
  for (const text of ['plain text', 't\u00e9xt', 'te\u0142t', '\ud800']) {
    await loaded(instance, text, 'key')
    assert.equal(served(instance, text), 'value')
  }
})
