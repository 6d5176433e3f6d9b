import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { memoryStore } from '../../stores/memory.ts'
import { manualClock, type ManualClock } from '../../testing/manual-clock.ts'
import { heldStore, type HeldStore } from '../../../test/support/held-store.ts'
import { recordingLogger } from '../../../test/support/recording-logger.ts'
import { slowOperations } from '../../../test/support/slow-operations.ts'
import { evenRandomness, putByAnother } from '../../../test/support/tiers.ts'
import { watch } from '../../../test/support/watch.ts'
import { BatchedReads, type ReadOutcome } from './batched-reads.ts'
import type { Store } from '../store.ts'
import { resilientStore, type ResilientStore } from './resilient-store.ts'

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
  const reads = new BatchedReads(resilient(store, clock), clock, 1_000)
  return { clock, held, reads, batches, read: (key) => reads.read(key, () => {}) }
}

function resilient(store: Store, clock: ManualClock): ResilientStore {
  const { logger } = recordingLogger()
  const seams = { clock, randomness: evenRandomness, logger, slow: slowOperations(clock) }
  return resilientStore(store, { ...seams, timeoutMs: 1_000, onRecovery() {} })
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

  test('one whose entry cannot be true fails alone', async () => {
    const clock = manualClock()
    const inner = memoryStore({ clock })
    for (const key of ['a', 'b']) await putByAnother(inner, key, 'value')
    const damaged: Store = Object.assign(Object.create(inner) as Store, {
      async read(keys: readonly string[]) {
        const reply = await inner.read(keys)
        const [first] = reply.entries
        if (first?.key === 'b') first.version = NaN
        return reply
      },
    })
    const reads = new BatchedReads(resilient(damaged, clock), clock, 1_000)
    const outcomes = ['a', 'b', 'c'].map((key) => watch(reads.read(key, () => {})))
    await clock.advance(0)
    assert.deepEqual(
      outcomes.map(({ error }) => error),
      [undefined, 'ERR_STORE_CORRUPT', undefined],
    )
    assert.equal(reads.batches, 2)
  })
})

test('it counts the batches and the keys in them', async () => {
  const { clock, reads, read } = world()
  await Promise.all(['a', 'b', 'c'].map(read))
  await clock.advance(0)
  assert.deepEqual([reads.batches, reads.keys], [2, 3])
})
