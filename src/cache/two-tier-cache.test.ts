import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { alteredStore } from '../../test/support/cached-sessions.ts'
import { heldStore } from '../../test/support/held-store.ts'
import { recordingLogger } from '../../test/support/recording-logger.ts'
import { evenRandomness, hour, putByAnother, startInstance, type Instance } from '../../test/support/tiers.ts'
import { watch, type Watched } from '../../test/support/watch.ts'
import { memoryStore } from '../stores/memory.ts'
import { manualClock } from '../testing/manual-clock.ts'
import { bucketOf } from './bucket.ts'
import { resolveCacheConfig, type TwoTierCacheConfig } from './config.ts'
import type { Bump, Store } from './store.ts'
import { TwoTierCache } from './two-tier-cache.ts'

const D = 1_000
const key = 'key of a'
const oneEntry = { name: 'second', room: resolveCacheConfig({ l1MaxCapacity: 1 }) }

function tiersOn(store: Store, clock = manualClock(), config?: TwoTierCacheConfig): TwoTierCache {
  const { logger } = recordingLogger()
  return new TwoTierCache({ store, config: resolveCacheConfig(config), clock, randomness: evenRandomness, logger })
}

/** Both have the entry in memory. */
async function twoProcesses(t: TestContext): Promise<[Instance, Instance]> {
  const clock = manualClock()
  const inner = memoryStore({ clock })
  const both: [Instance, Instance] = [
    await startInstance(t, { clock, inner }),
    await startInstance(t, { clock, inner }),
  ]
  await putByAnother(inner, key, 'value')
  for (const { partition } of both) await partition.load('a', key)
  return both
}

describe('ready', () => {
  test('prepares the store once, however many ask', async () => {
    const held = heldStore(memoryStore())
    const tiers = tiersOn(held.store)
    await Promise.all([tiers.ready(), tiers.ready()])
    await tiers.ready()
    assert.equal(held.calls('init'), 1)
    assert.equal(tiers.isReady, true)
  })

  test('that failed is tried again by the next who asks', async () => {
    const clock = manualClock()
    const held = heldStore(memoryStore({ clock }))
    const tiers = tiersOn(held.store, clock)
    held.hold('init', 'request')
    const first = watch(tiers.ready())
    await clock.advance(1_000)
    assert.equal(first.error, 'ERR_STORE_UNAVAILABLE')
    held.pass('init')
    await tiers.ready()
    assert.equal(tiers.isReady, true)
  })

  test('tells the store what staleness this instance was promised', async () => {
    const store = memoryStore()
    await tiersOn(store).ready()
    assert.equal((await store.epochs([])).maxStalenessMs, D)
  })

  test('knows the store’s epochs, so that the first read is kept', async (t) => {
    const { tiers, partition, held } = await startInstance(t)
    assert.equal(tiers.lease(), 'held')
    await putByAnother(held.store, key, 'value')
    await partition.load('a', key)
    assert.equal(partition.serve('a')?.value, 'value')
  })

  test('waits for the first poll no longer than for any operation, however long D is', async () => {
    const clock = manualClock()
    const held = heldStore(memoryStore({ clock }))
    const tiers = tiersOn(held.store, clock, { maxStalenessMs: 60_000 })
    held.hold('epochs', 'request')
    const readied = watch(tiers.ready())
    await clock.advance(1_000)
    assert.equal(readied.state, 'fulfilled')
    await tiers.close()
  })

  test('does not fail because the first poll does', async () => {
    const clock = manualClock()
    const held = heldStore(memoryStore({ clock }))
    const tiers = tiersOn(held.store, clock)
    held.hold('epochs', 'request')
    const readied = watch(tiers.ready())
    await clock.advance(D / 3)
    assert.equal(readied.state, 'fulfilled')
  })

  test('is begun by whoever reads first', async () => {
    const store = memoryStore()
    await putByAnother(store, key, 'value')
    const partition = tiersOn(store).partition({ ...oneEntry, open: (_, { value }) => Buffer.from(value).toString() })
    assert.equal((await partition.load('a', key)).entry?.value, 'value')
  })

  test('without L1 polls nothing', async (t) => {
    const { held, clock } = await startInstance(t, { config: { enableL1: false } })
    await clock.advance(10 * D)
    assert.equal(held.calls('epochs'), 0)
  })
})

describe('lease', () => {
  test('is held while polls are answered, and lost when they are not', async (t) => {
    const { tiers, partition, held, clock } = await startInstance(t)
    void partition.load('a', key)
    await clock.advance(5 * D)
    assert.equal(tiers.lease(), 'held')
    held.hold('epochs', 'request')
    await clock.advance(D + D / 3)
    assert.equal(tiers.lease(), 'lost')
  })

  test('is idle when nobody read for long', async (t) => {
    const { tiers, clock } = await startInstance(t)
    await clock.advance(20 * D)
    assert.equal(tiers.lease(), 'idle')
  })

  test('is off without L1', async (t) => {
    const { tiers } = await startInstance(t, { config: { enableL1: false } })
    assert.equal(tiers.lease(), 'off')
  })
})

describe('two caches on one store object', () => {
  test('tell each other at once what they removed', async (t) => {
    const clock = manualClock()
    const mine = await startInstance(t, { clock })
    const { logger } = recordingLogger()
    const options = { store: mine.held.store, config: resolveCacheConfig(), clock, randomness: evenRandomness, logger }
    const other = new TwoTierCache(options)
    const partition = other.partition({ ...oneEntry, open: (_, { value }) => Buffer.from(value).toString() })
    await putByAnother(mine.held.store, key, 'value')
    await partition.load('a', key)
    await mine.writes.remove({ key })
    assert.equal(partition.serve('a'), undefined)
    assert.equal(other.coherence.pushGaps, 0)
  })
})

test('a cache without L1 tells another on its store object at once what it removed', async (t) => {
  const clock = manualClock()
  const mine = await startInstance(t, { clock, config: { enableL1: false } })
  const other = tiersOn(mine.held.store, clock)
  const partition = other.partition({ ...oneEntry, open: (_, { value }) => Buffer.from(value).toString() })
  await putByAnother(mine.held.store, key, 'value')
  await partition.load('a', key)
  await mine.writes.remove({ key })
  assert.equal(partition.serve('a'), undefined)
})

test('a store that cannot announce anything is polled, and that is said once', async (t) => {
  const clock = manualClock()
  const subscribe = (): never => {
    throw new Error('the connection was refused')
  }
  const inner = alteredStore(memoryStore({ clock }), { subscribe })
  const { tiers, partition, held, lines } = await startInstance(t, { clock, inner })
  void partition.load('a', key)
  await clock.advance(5 * D)
  assert.equal(tiers.lease(), 'held')
  assert.ok(held.calls('epochs') >= 15, `${held.calls('epochs')} polls`)
  assert.deepEqual(
    lines.map(({ level, message }) => [level, message]),
    [['warn', 'the store announces nothing: changes are seen by polling']],
  )
})

test('an announcement that makes no sense, or is of another store, is ignored', async (t) => {
  const clock = manualClock()
  const inner = memoryStore({ clock })
  let announce = (_: unknown): void => {}
  const subscribe: Store['subscribe'] = (listener) => {
    announce = listener as typeof announce
    return () => {}
  }
  const { partition } = await startInstance(t, { clock, inner: alteredStore(inner, { subscribe }) })
  await putByAnother(inner, key, 'value')
  await partition.load('a', key)
  const { incarnation } = await inner.epochs([])
  const bucket = bucketOf(key, inner.capabilities.buckets)
  const foreign = { incarnation: 'another', bucket, prev: 0, n: 1, keys: [key] }
  for (const push of [undefined, {}, { incarnation }, { incarnation, bucket, prev: 0, n: 1 }, foreign]) announce(push)
  assert.equal(partition.serve('a')?.value, 'value')
})

test('a bump that the store announces is applied at once', async () => {
  const clock = manualClock()
  const inner = memoryStore({ clock })
  let announce = (_: Bump): void => {}
  let isListening = false
  const store: Store = new Proxy(inner, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (name !== 'subscribe') return typeof value === 'function' ? (value.bind(target) as unknown) : value
      return (listener: typeof announce) => {
        announce = listener
        isListening = true
        return () => (isListening = false)
      }
    },
  })
  const tiers = tiersOn(store, clock)
  const partition = tiers.partition({ ...oneEntry, open: (_, { value }) => Buffer.from(value).toString() })
  await putByAnother(inner, key, 'value')
  await partition.load('a', key)
  const { bumps } = await inner.remove({ key })
  announce(bumps[0]!)
  assert.equal(partition.serve('a'), undefined)
  await tiers.close()
  assert.equal(isListening, false)
})

describe('what one process removed, another', () => {
  test('does not serve from memory after D, though it is asked all the time', async (t) => {
    const [mine, other] = await twoProcesses(t)
    const { clock } = mine
    for (let passed = 0; passed < 5 * D; passed += 50) {
      other.partition.serve('a')
      await clock.advance(50)
    }
    await mine.writes.remove({ key })
    const removedAt = clock.monotonic()
    let lastServedAt = -Infinity
    for (let passed = 0; passed < 3 * D; passed += 10) {
      if (other.partition.serve('a') !== undefined) lastServedAt = clock.monotonic()
      await clock.advance(10)
    }
    assert.ok(lastServedAt - removedAt < D / 2, 'a poll takes it away long before')
  })

  test('does not serve from memory after D, though it is cut off from the store', async (t) => {
    const [mine, other] = await twoProcesses(t)
    other.held.hold('epochs', 'request')
    await mine.writes.remove({ key })
    for (let passed = 0; passed < D; passed += 10) {
      other.partition.serve('a')
      await mine.clock.advance(10)
    }
    assert.equal(other.partition.serve('a'), undefined)
  })

  test('loses alone: its other entries stay in memory', async (t) => {
    const [mine, other] = await twoProcesses(t)
    await putByAnother(mine.held.store, 'key of b', 'value')
    await other.partition.load('b', 'key of b')
    await mine.writes.remove({ key })
    await mine.clock.advance(D)
    assert.equal(other.partition.serve('b')?.value, 'value')
  })
})

test('another store under the same address empties the memory', async (t) => {
  const instance = await startInstance(t)
  await instance.writes.create({ text: 'a', key, value: 'value' }, { lifetime: { idleMs: hour } })
  const another = memoryStore({ clock: instance.clock })
  await another.init({ maxStalenessMs: D })
  t.mock.method(instance.held.store, 'epochs', (known: number[]) => another.epochs(known))
  await instance.tiers.poller.poll()
  assert.equal(instance.partition.serve('a'), undefined)
  assert.equal(instance.partition.stats().entries, 0)
})

test('an entry that expired by the store’s clock while this machine slept is not served when it wakes', async (t) => {
  const instance = await startInstance(t)
  await instance.writes.create({ text: 'a', key, value: 'value' }, { lifetime: { idleMs: hour } })
  // Asleep, the monotonic clock of many systems stands still.
  instance.clock.stepWall(8 * hour)
  assert.equal(instance.partition.serve('a'), undefined)
  await instance.tiers.poller.poll()
  assert.equal(instance.tiers.lease(), 'held')
  assert.equal(instance.partition.serve('a'), undefined)
})

test('partitions have room of their own, and a key is dropped from all of them', async (t) => {
  const { tiers, held, partition } = await startInstance(t, { config: { l1MaxCapacity: 1 } })
  const second = tiers.partition({ ...oneEntry, open: (_, { value }) => Buffer.from(value).toString() })
  await putByAnother(held.store, key, 'value')
  await partition.load('a', key)
  await second.load('a', key)
  assert.deepEqual([partition.stats().entries, second.stats().entries], [1, 1])
  tiers.drop(key)
  assert.deepEqual([partition.stats().entries, second.stats().entries], [0, 0])
})

describe('close', () => {
  test('leaves no timer and closes the store', async (t) => {
    const { tiers, held, clock, partition } = await startInstance(t)
    void partition.load('a', key)
    await clock.advance(D)
    await tiers.close()
    assert.equal(clock.pending(), 0)
    await assert.rejects(held.store.ping(), { code: 'ERR_CLOSED' })
  })

  test('is final: memory answers no more, and nothing is ready', async (t) => {
    const { tiers, partition, held } = await startInstance(t)
    await putByAnother(held.store, key, 'value')
    await partition.load('a', key)
    await tiers.close()
    assert.equal(partition.serve('a'), undefined)
    await assert.rejects(tiers.ready(), { code: 'ERR_CLOSED' })
    await assert.rejects(partition.load('a', key), { code: 'ERR_CLOSED' })
  })

  test('can be repeated', async (t) => {
    const { tiers } = await startInstance(t)
    await tiers.close()
    await tiers.close()
  })

  test('of a store whose own close hangs fails in time', async () => {
    const clock = manualClock()
    const tiers = tiersOn(alteredStore(memoryStore({ clock }), { close: () => new Promise(() => {}) }), clock)
    const closing = watch(tiers.close())
    await clock.advance(10_000)
    assert.equal(closing.error, 'ERR_STORE_UNAVAILABLE')
  })

  test('while a write is under way keeps nothing of its outcome in memory', async (t) => {
    const { tiers, held, partition, writes, clock } = await startInstance(t)
    held.hold('create', 'answer')
    const writing = watch(writes.create({ text: 'a', key, value: 'value' }, { lifetime: { idleMs: hour } }))
    await clock.advance(0)
    await tiers.close()
    held.release('create')
    await clock.advance(0)
    assert.equal(writing.state, 'fulfilled')
    assert.equal(partition.stats().entries, 0)
  })

  test('before it was ready makes it never ready', async () => {
    const tiers = tiersOn(memoryStore())
    await tiers.close()
    await assert.rejects(tiers.ready(), { code: 'ERR_CLOSED' })
  })

  test('while it prepares itself leaves no timer', async () => {
    const clock = manualClock()
    const held = heldStore(memoryStore({ clock }))
    const tiers = tiersOn(held.store, clock)
    held.hold('init', 'answer')
    const readied = watch(tiers.ready())
    await clock.advance(0)
    await tiers.close()
    held.release('init')
    await clock.advance(0)
    assert.equal(readied.error, 'ERR_CLOSED')
    assert.equal(clock.pending(), 0)
  })
})

test('the store is closed by the last cache of this process that uses it', async (t) => {
  const store = memoryStore()
  t.after(() => store.close())
  const [first, second] = [tiersOn(store), tiersOn(store)]
  await first.close()
  await first.close()
  await store.ping()
  await second.close()
  await assert.rejects(store.ping(), { code: 'ERR_CLOSED' })
})

describe('until it is gone everywhere', () => {
  const begun = async (instance: Instance): Promise<Watched<void>> => {
    const waiting = watch(instance.tiers.untilGoneEverywhere())
    await instance.clock.advance(0)
    return waiting
  }

  test('takes as long as the slowest instance may answer from memory, and a little more', async (t) => {
    const clock = manualClock()
    const inner = memoryStore({ clock })
    const mine = await startInstance(t, { clock, inner })
    await startInstance(t, { clock, inner, config: { maxStalenessMs: 5 * D } })
    const waiting = await begun(mine)
    await clock.advance(5 * D)
    assert.equal(waiting.state, 'pending')
    await clock.advance(D / 2)
    assert.equal(waiting.state, 'fulfilled')
  })

  test('counts the grace an instance may have while the store does not answer', async (t) => {
    const clock = manualClock()
    const inner = memoryStore({ clock })
    const mine = await startInstance(t, { clock, inner, config: { enableL1: false } })
    await startInstance(t, { clock, inner, config: { serveStaleForSec: 10 } })
    const waiting = await begun(mine)
    await clock.advance(11 * D)
    assert.equal(waiting.state, 'pending')
    await clock.advance(D)
    assert.equal(waiting.state, 'fulfilled')
  })

  test('is not promised if the store cannot say how long that is', async (t) => {
    const instance = await startInstance(t)
    instance.held.hold('epochs', 'request')
    const refused = assert.rejects(instance.tiers.untilGoneEverywhere(), { code: 'ERR_STORE_UNAVAILABLE' })
    await instance.clock.advance(D)
    await refused
  })
})
