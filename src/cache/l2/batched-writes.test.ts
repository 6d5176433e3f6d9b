import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { memoryStore } from '../../stores/memory.ts'
import { manualClock, type ManualClock } from '../../testing/manual-clock.ts'
import { batchingStore } from '../../../test/support/batching-store.ts'
import { heldStore, type HeldStore } from '../../../test/support/held-store.ts'
import { watch } from '../../../test/support/watch.ts'
import type { CreateReply, NewEntry, Store } from '../store.ts'
import { BatchedWrites } from './batched-writes.ts'

interface World {
  clock: ManualClock
  /** What is at the other end. */
  inner: Store
  held: HeldStore
  writes: BatchedWrites
  create(key: string): Promise<CreateReply>
}

function world(over: (inner: Store) => Store = batchingStore): World {
  const clock = manualClock()
  const inner = memoryStore({ clock })
  const held = heldStore(over(inner))
  const writes = new BatchedWrites(held.store, clock, 1_000)
  return { clock, inner, held, writes, create: (key) => writes.create(entry(key)) }
}

/** The first write keeps the store busy until it is released: those that come meanwhile go together. */
function busyWorld(over?: (inner: Store) => Store): World {
  const made = world(over)
  made.held.hold('create', 'answer')
  void made.create('first')
  return made
}

function entry(key: string): NewEntry {
  return { key, value: Uint8Array.of(1), lifetime: { idleMs: 60_000 } }
}

const change = { value: Uint8Array.of(2), bump: true }

describe('where the store takes several writes at once', () => {
  test('a lone one is sent by itself', () => {
    const { held, create } = world()
    void create('a')
    assert.deepEqual([held.calls('create'), held.calls('writeMany')], [1, 0])
  })

  test('those that arrive while one is under way go together', async () => {
    const { held, writes, create } = busyWorld()
    await Promise.all([create('b'), writes.replace('c', 1, change), writes.extend('d', 1)])
    assert.deepEqual([held.calls('writeMany'), held.calls('replace'), held.calls('extend')], [1, 0, 0])
  })

  test('each gets its own outcome', async () => {
    const { inner, writes, create } = busyWorld()
    for (const key of ['there', 'old', 'young']) await inner.create(entry(key))
    const replies = await Promise.all([
      create('new'),
      create('there'),
      writes.replace('old', 1, change),
      writes.replace('young', 7, change),
      writes.replace('nothing', 1, change),
      writes.extend('there', 1),
      writes.extend('nothing', 1),
    ])
    assert.deepEqual(
      replies.map(({ outcome }) => outcome),
      ['created', 'present', 'replaced', 'conflict', 'absent', 'extended', 'absent'],
    )
  })

  test('two of the same key keep their order', async () => {
    const { writes, create } = busyWorld()
    const replies = await Promise.all([create('a'), writes.replace('a', 1, change), writes.replace('a', 2, change)])
    assert.deepEqual(
      replies.map(({ outcome }) => outcome),
      ['created', 'replaced', 'replaced'],
    )
  })

  test('one that fails says why, and the others are answered', async () => {
    const broken = new Error('value too long')
    const { writes, create } = busyWorld((inner) =>
      batchingStore(Object.assign(inner, { extend: () => Promise.reject(broken) })),
    )
    const [before, failed, after] = [create('a'), writes.extend('b', 1), create('c')]
    await assert.rejects(failed, (error) => error === broken)
    assert.deepEqual([(await before).outcome, (await after).outcome], ['created', 'created'])
  })

  test('one that waited too long for its turn is not sent any more', async () => {
    const { clock, inner, held, create } = busyWorld()
    held.hold('writeMany', 'answer')
    for (let i = 0; i < 300; i++) create(`key ${i}`).catch(() => {})
    const late = watch(create('late'))
    await clock.advance(1_000)
    assert.equal(late.error, 'ERR_STORE_UNAVAILABLE')
    for (let i = 0; i < 3; i++) held.release('writeMany')
    held.release('create')
    await clock.advance(0)
    assert.deepEqual((await inner.read(['key 299', 'late'])).entries.map(Boolean), [true, false])
  })

  test('they are counted, and their round trips', async () => {
    const { writes, create } = world()
    await Promise.all(['a', 'b', 'c'].map(create))
    assert.deepEqual([writes.batches, writes.writes], [2, 3])
  })
})

describe('where the store takes one write at a time', () => {
  const oneByOne = (inner: Store): Store => inner

  test('each is sent at once, however many are under way', () => {
    const { held, create } = world(oneByOne)
    for (let i = 0; i < 200; i++) void create(`key ${i}`)
    assert.equal(held.calls('create'), 200)
  })

  test('each is a round trip', () => {
    const { writes, create } = world(oneByOne)
    for (const key of ['a', 'b', 'c']) void create(key)
    assert.deepEqual([writes.batches, writes.writes], [3, 3])
  })
})
