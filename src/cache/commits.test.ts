import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { neighbourOf, putByAnother, startInstance, type Instance } from '../../test/support/tiers.ts'
import { watch } from '../../test/support/watch.ts'
import { bucketOf } from './bucket.ts'
import type { Kept, Unit } from './commits.ts'
import { BreakerOpenError } from './l2/circuit-breaker.ts'
import type { Bump } from './store.ts'

const key = 'key of a'

/** A write whose answer the test gives, and what it was told may be kept. */
interface ManualWrite {
  done: Promise<string>
  answer(bumps?: Bump[]): void
  fail(): void
  kept: Kept | undefined
}

function write({ tiers }: Instance, unit: Partial<Unit<string>> = {}): ManualWrite {
  let answer = (_: string): void => {}
  let fail = (_: Error): void => {}
  let bumps: Bump[] = []
  const made: ManualWrite = {
    done: tiers.commits.commit<string>({
      key,
      send: () => new Promise<string>((resolve, reject) => ([answer, fail] = [resolve, reject])),
      bumps: () => bumps,
      apply: (_reply, kept) => void (made.kept = kept),
      ...unit,
    }),
    answer(given = []) {
      bumps = given
      answer('answer')
    },
    fail: () => fail(new Error('in doubt')),
    kept: undefined,
  }
  made.done.catch(() => {})
  return made
}

/** The next bump of the key’s bucket, as this instance would see it. */
async function nextBump({ tiers, held }: Instance): Promise<Bump> {
  const { incarnation } = await held.store.epochs([])
  const bucket = bucketOf(key, tiers.buckets)
  const prev = tiers.coherence.mark(bucket).stamp
  return { incarnation, bucket, prev, n: prev + 1, keys: [key] }
}

/** An instance that has the entry in memory. */
async function warm(t: Parameters<typeof startInstance>[0]): Promise<Instance> {
  const instance = await startInstance(t)
  await putByAnother(instance.held.store, key, 'value')
  await instance.partition.load('a', key)
  return instance
}

test('a write goes in this order: detach, send, bumps, keep or drop, announce', async (t) => {
  const instance = await warm(t)
  const { tiers, clock } = instance
  const steps: string[] = []
  const bump = await nextBump(instance)
  const bucket = bucketOf(key, tiers.buckets)
  t.mock.method(tiers, 'detach', () => void steps.push('detach'))
  t.mock.method(tiers, 'announce', () => void steps.push('announce'))
  const writing = write(instance, {
    send: async () => {
      steps.push('send')
      return 'answer'
    },
    bumps: () => [bump],
    apply: () =>
      void steps.push(`keep at ${tiers.coherence.mark(bucket).stamp === bump.n ? 'the new' : 'the old'} epoch`),
  })
  await writing.done
  await clock.advance(0)
  assert.deepEqual(steps, ['detach', 'send', 'detach', 'keep at the new epoch', 'announce'])
})

describe('the outcome of a write may be kept', () => {
  test('at the mark it was sent at, if nothing moved', async (t) => {
    const instance = await warm(t)
    const { clock, tiers } = instance
    await clock.advance(70)
    const sentAt = clock.monotonic()
    const writing = write(instance)
    await clock.advance(50)
    writing.answer()
    await writing.done
    const { stamp } = tiers.coherence.mark(bucketOf(key, tiers.buckets))
    assert.deepEqual([writing.kept?.mayKeep, writing.kept?.stamp, writing.kept?.at.monotonic], [true, stamp, sentAt])
  })

  test('at its own bump, if that is the last', async (t) => {
    const instance = await warm(t)
    const bump = await nextBump(instance)
    const writing = write(instance)
    await instance.clock.advance(0)
    writing.answer([bump])
    await writing.done
    assert.deepEqual([writing.kept?.mayKeep, writing.kept?.stamp], [true, bump.n])
  })

  test('not if somebody else’s bump came in between', async (t) => {
    const instance = await warm(t)
    const writing = write(instance)
    await instance.clock.advance(0)
    await instance.held.store.remove({ key: neighbourOf(key) })
    await instance.tiers.poller.poll()
    writing.answer()
    await writing.done
    assert.equal(writing.kept?.mayKeep, false)
  })

  test('not if another write of the key was sent since, or is still under way', async (t) => {
    for (const firstAnswered of [0, 1] as const) {
      const instance = await warm(t)
      const writes = [write(instance), write(instance)]
      await instance.clock.advance(0)
      writes[firstAnswered]!.answer()
      await instance.clock.advance(0)
      writes[1 - firstAnswered]!.answer()
      await Promise.all(writes.map(({ done }) => done))
      assert.deepEqual(
        writes.map(({ kept }) => kept?.mayKeep),
        [false, firstAnswered === 0],
      )
    }
  })

  test('not with L1 off', async (t) => {
    const instance = await startInstance(t, { config: { enableL1: false } })
    const writing = write(instance)
    await instance.clock.advance(0)
    writing.answer()
    await writing.done
    assert.equal(writing.kept?.mayKeep, false)
  })

  test('not beside a version that a read brought meanwhile and that is newer', async (t) => {
    const instance = await warm(t)
    const writing = write(instance)
    await instance.clock.advance(0)
    await instance.held.store.replace(key, 1, { value: Buffer.from('newer'), bump: false })
    await instance.partition.load('a', key, true)
    writing.answer()
    await writing.done
    assert.equal(writing.kept?.newestRead, 2)
  })
})

describe('while a key is being written, no read of it is kept', () => {
  test('not one that was sent before the write', async (t) => {
    const instance = await startInstance(t)
    const { held, partition, clock } = instance
    await putByAnother(held.store, key, 'value')
    held.hold('read', 'answer')
    const load = partition.load('a', key)
    await clock.advance(0)
    const writing = write(instance)
    await clock.advance(0)
    writing.answer()
    await writing.done
    held.release('read')
    await load
    assert.equal(partition.serve('a'), undefined)
  })

  test('not one that was sent during the write and is answered after it', async (t) => {
    const instance = await startInstance(t)
    const { held, partition, clock } = instance
    await putByAnother(held.store, key, 'value')
    const writing = write(instance)
    await clock.advance(0)
    held.hold('read', 'answer')
    const load = partition.load('a', key)
    await clock.advance(0)
    writing.answer()
    await writing.done
    held.release('read')
    await load
    assert.equal(partition.serve('a'), undefined)
  })

  test('not one that was sent and answered during the write', async (t) => {
    const instance = await startInstance(t)
    const { held, partition, clock } = instance
    await putByAnother(held.store, key, 'value')
    const writing = write(instance)
    await clock.advance(0)
    assert.equal((await partition.load('a', key)).entry?.value, 'value')
    assert.equal(partition.serve('a'), undefined)
    writing.answer()
    await writing.done
  })

  test('not one that was sent and answered while the second of two writes was still under way', async (t) => {
    const instance = await startInstance(t)
    const { held, partition, clock } = instance
    await putByAnother(held.store, key, 'value')
    const [first, second] = [write(instance), write(instance)]
    await clock.advance(0)
    second.answer()
    await second.done
    await partition.load('a', key)
    assert.equal(partition.serve('a'), undefined)
    first.answer()
    await first.done
    await partition.load('a', key)
    assert.equal(partition.serve('a')?.value, 'value')
  })

  test('but any other key’s is', async (t) => {
    const instance = await startInstance(t)
    await putByAnother(instance.held.store, 'key of b', 'value')
    const writing = write(instance)
    await instance.clock.advance(0)
    await instance.partition.load('b', 'key of b')
    assert.equal(instance.partition.serve('b')?.value, 'value')
    writing.answer()
  })

  test('and nobody joins a read that was sent before the write', async (t) => {
    const instance = await startInstance(t)
    const { held, partition, clock } = instance
    await putByAnother(held.store, key, 'value')
    held.hold('read', 'answer')
    void partition.load('a', key)
    await clock.advance(0)
    const writing = write(instance)
    await clock.advance(0)
    void partition.load('a', key)
    await clock.advance(0)
    assert.equal(held.calls('read'), 2)
    writing.answer()
  })
})

describe('a write in doubt', () => {
  test('leaves nothing in memory', async (t) => {
    const instance = await warm(t)
    const writing = write(instance)
    await instance.clock.advance(0)
    assert.equal(instance.partition.serve('a')?.value, 'value')
    writing.fail()
    await assert.rejects(writing.done, /in doubt/)
    assert.equal(instance.partition.serve('a'), undefined)
  })

  test('that is harmless leaves memory as it was', async (t) => {
    const instance = await warm(t)
    const writing = write(instance, { harmlessInDoubt: true })
    await instance.clock.advance(0)
    writing.fail()
    await assert.rejects(writing.done, /in doubt/)
    assert.equal(instance.partition.serve('a')?.value, 'value')
  })

  test('lets reads of the key be kept again', async (t) => {
    const instance = await warm(t)
    const writing = write(instance)
    await instance.clock.advance(0)
    writing.fail()
    await assert.rejects(writing.done)
    assert.equal(instance.tiers.commits.isWriting(key), false)
    await instance.partition.load('a', key)
    assert.equal(instance.partition.serve('a')?.value, 'value')
  })

  test('that could not even be sent is one too', async (t) => {
    const instance = await warm(t)
    const writing = write(instance, {
      send: () => {
        throw new Error('not sealed')
      },
    })
    await assert.rejects(writing.done, /not sealed/)
    assert.equal(instance.tiers.commits.isWriting(key), false)
    assert.equal(instance.partition.serve('a'), undefined)
  })
})

describe('a write the breaker refused, so that nothing was sent,', () => {
  const send = (): Promise<string> => Promise.reject(new BreakerOpenError('refused'))

  test('leaves memory as it was', async (t) => {
    const instance = await warm(t)
    await assert.rejects(write(instance, { send }).done, BreakerOpenError)
    assert.equal(instance.partition.serve('a')?.value, 'value')
  })

  test('does not if it is a removal', async (t) => {
    const instance = await warm(t)
    await assert.rejects(write(instance, { send, dropFirst: true }).done, BreakerOpenError)
    assert.equal(instance.partition.serve('a'), undefined)
  })
})

test('a removal lets go of the entry before it is sent', async (t) => {
  const instance = await warm(t)
  let atSending: unknown = 'not sent'
  const writing = write(instance, {
    dropFirst: true,
    send: async () => {
      atSending = instance.partition.serve('a')
      return 'answer'
    },
  })
  await writing.done
  assert.equal(atSending, undefined)
})

test('a write of no key in particular still has its bumps applied', async (t) => {
  const instance = await warm(t)
  const bump = await nextBump(instance)
  const unit: Partial<Unit<string>> = { bumps: () => [bump], send: async () => 'answer' }
  await instance.tiers.commits.commit<string>({ ...(unit as Unit<string>) })
  assert.equal(instance.partition.serve('a'), undefined)
})

test('a write of a session wakes the poll', async (t) => {
  const instance = await startInstance(t)
  await instance.clock.advance(60_000)
  assert.equal(instance.tiers.lease(), 'idle')
  const writing = watch(write(instance).done)
  await instance.clock.advance(0)
  assert.equal(writing.state, 'pending')
  assert.equal(instance.tiers.lease(), 'held')
})
