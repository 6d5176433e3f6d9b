import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { memoryStore } from '../../stores/memory.ts'
import { manualClock, type ManualClock } from '../../testing/manual-clock.ts'
import { heldStore, type HeldStore } from '../../../test/support/held-store.ts'
import { putByAnother } from '../../../test/support/tiers.ts'
import { watch } from '../../../test/support/watch.ts'
import { BatchedReads, type ReadOutcome } from './batched-reads.ts'
import type { Store } from '../store.ts'
import { timedStore } from './timed-store.ts'

interface World {
  clock: ManualClock
  held: HeldStore
  reads: BatchedReads
  /** The keys of each batch, as sent. */
  batches: string[][]
  read(key: string): Promise<ReadOutcome>
}

function world(): World {
  const clock = manualClock()
  const held = heldStore(memoryStore({ clock }))
  const batches: string[][] = []
  const store: Store = Object.assign(Object.create(held.store) as Store, {
    read: (keys: readonly string[]) => {
      batches.push([...keys])
      return held.store.read(keys)
    },
  })
  const reads = new BatchedReads(timedStore(store, clock, 1_000), clock, 1_000)
  return { clock, held, reads, batches, read: (key) => reads.read(key, () => {}) }
}

/** Keys from `first` on, `count` of them. */
function keysFrom(first: number, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `key ${first + i}`)
}

describe('reads of different keys', () => {
  test('a lone read is sent at once', () => {
    const { batches, read } = world()
    void read('a')
    assert.deepEqual(batches, [['a']])
  })

  test('those that arrive while one is under way go together', async () => {
    const { clock, held, batches, read } = world()
    held.hold('read', 'answer')
    void read('a')
    for (const key of ['b', 'c', 'd']) void read(key)
    assert.deepEqual(batches, [['a']])
    await clock.advance(0)
    assert.deepEqual(batches, [['a'], ['b', 'c', 'd']])
  })

  test('each gets its own entry, or none', async () => {
    const { held, read } = world()
    await putByAnother(held.store, 'a', 'value of a')
    await putByAnother(held.store, 'c', 'value of c')
    const outcomes = await Promise.all(['a', 'b', 'c'].map(read))
    assert.deepEqual(
      outcomes.map(({ entry }) => entry && Buffer.from(entry.value).toString()),
      ['value of a', undefined, 'value of c'],
    )
  })

  test('each is told of its sending just before its batch leaves', async () => {
    const { clock, held, reads, batches } = world()
    held.hold('read', 'answer')
    const sent: [string, number][] = []
    for (const key of ['a', 'b', 'c']) {
      reads.read(key, () => void sent.push([key, batches.length])).catch(() => {})
    }
    await clock.advance(0)
    assert.deepEqual(sent, [
      ['a', 0],
      ['b', 1],
      ['c', 1],
    ])
  })

  test('at most a hundred go together', async () => {
    const { clock, held, batches, read } = world()
    held.hold('read', 'answer')
    for (const key of keysFrom(0, 251)) read(key).catch(() => {})
    await clock.advance(0)
    assert.deepEqual(
      batches.map((batch) => batch.length),
      [1, 100, 100, 50],
    )
  })

  test('at most four batches are under way; the rest waits for one of them', async () => {
    const { clock, held, batches, read } = world()
    held.hold('read', 'answer')
    for (const key of keysFrom(0, 451)) read(key).catch(() => {})
    await clock.advance(0)
    assert.equal(batches.length, 4)
    held.release('read')
    await clock.advance(0)
    assert.equal(batches.length, 5)
    assert.deepEqual(batches.flat(), keysFrom(0, 401))
  })

  test('are answered in whatever order the store answers', async () => {
    const { clock, held, read } = world()
    held.hold('read', 'answer')
    const answered: string[] = []
    for (const key of ['a', 'b']) void read(key).then(() => answered.push(key))
    await clock.advance(0)
    held.release('read', 1)
    await clock.advance(0)
    held.release('read')
    await clock.advance(0)
    assert.deepEqual(answered, ['b', 'a'])
  })

  test('an entry under another key is nobody’s', async () => {
    const clock = manualClock()
    const inner = memoryStore({ clock })
    await putByAnother(inner, 'b', 'value')
    const confused: Store = Object.assign(Object.create(inner) as Store, { read: () => inner.read(['b']) })
    const reads = new BatchedReads(timedStore(confused, clock, 1_000), clock, 1_000)
    assert.equal((await reads.read('a', () => {})).entry, undefined)
  })
})

describe('a batch that fails', () => {
  test('fails all who are in it, and nobody else', async () => {
    const { clock, held, read } = world()
    held.hold('read', 'answer')
    const outcomes = ['a', 'b', 'c'].map((key) =>
      read(key).then(
        () => 'answered',
        () => 'failed',
      ),
    )
    await clock.advance(0)
    held.release('read')
    held.lose('read')
    assert.deepEqual(await Promise.all(outcomes), ['answered', 'failed', 'failed'])
  })

  test('makes room for the next', async () => {
    const { clock, held, batches, read } = world()
    held.hold('read', 'answer')
    for (const key of keysFrom(0, 401)) read(key).catch(() => {})
    await clock.advance(0)
    held.lose('read')
    await clock.advance(0)
    assert.equal(batches.length, 5)
  })
})

describe('while the store hangs', () => {
  test('a read that waits for its turn fails when its own time is over', async () => {
    const { clock, held, read } = world()
    held.hold('read', 'request')
    for (const key of keysFrom(0, 301)) read(key).catch(() => {})
    await clock.advance(500)
    const late = watch(read('late'))
    await clock.advance(999)
    assert.equal(late.state, 'pending')
    await clock.advance(1)
    assert.equal(late.error, 'ERR_STORE_UNAVAILABLE')
  })

  test('whoever gave up waiting is not read for any more', async () => {
    const { clock, held, batches, read } = world()
    held.hold('read', 'request')
    for (const key of keysFrom(0, 1_001)) read(key).catch(() => {})
    await clock.advance(1_000)
    const sent = batches.length
    held.pass('read')
    void read('fresh')
    await clock.advance(0)
    assert.deepEqual(batches.slice(sent), [['fresh']])
  })
})

test('it counts the batches it sent', async () => {
  const { clock, reads, read } = world()
  await Promise.all(['a', 'b', 'c'].map(read))
  await clock.advance(0)
  assert.equal(reads.sent, 2)
})
