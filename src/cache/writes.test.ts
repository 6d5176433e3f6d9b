import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { batchingStore } from '../../test/support/batching-store.ts'
import { hour, putByAnother, startInstance, type Instance } from '../../test/support/tiers.ts'
import { watch, type Watched } from '../../test/support/watch.ts'
import { memoryStore } from '../stores/memory.ts'
import { manualClock } from '../testing/manual-clock.ts'
import type { CacheEntry } from './entry.ts'
import type { RemoveTarget } from './store.ts'

const key = 'key of a'
const lifetime = { idleMs: hour }

function created({ writes }: Instance, value = 'value'): Promise<CacheEntry<string> | undefined> {
  return writes.create({ text: 'a', key, value }, { lifetime })
}

/** What the store has under the key, as `value v version`. */
async function stored({ held }: Instance): Promise<string | undefined> {
  const [entry] = (await held.store.read([key])).entries
  return entry && `${Buffer.from(entry.value).toString()} v${entry.version}`
}

/** Two processes on one store that do not hear of each other but by polls. */
async function twoProcesses(t: TestContext): Promise<[Instance, Instance]> {
  const clock = manualClock()
  const inner = memoryStore({ clock })
  return [await startInstance(t, { clock, inner }), await startInstance(t, { clock, inner })]
}

describe('create', () => {
  test('puts the entry into the store and into memory', async (t) => {
    const instance = await startInstance(t)
    const entry = await created(instance)
    assert.equal(await stored(instance), 'value v1')
    assert.equal(instance.partition.serve('a'), entry)
  })

  test('under a key that is taken does nothing', async (t) => {
    const instance = await startInstance(t)
    await putByAnother(instance.held.store, key, 'of another')
    assert.equal(await created(instance), undefined)
    assert.equal(await stored(instance), 'of another v1')
    assert.equal(instance.partition.serve('a'), undefined)
  })

  test('in doubt is not sent again, and not removed: somebody may use the key again', async (t) => {
    const instance = await startInstance(t)
    instance.held.hold('create', 'answer')
    const outcome = watch(created(instance))
    await instance.clock.advance(0)
    instance.held.lose('create')
    await instance.clock.advance(0)
    assert.equal(outcome.error, 'ERR_STORE_UNAVAILABLE')
    assert.equal(instance.held.calls('create'), 1)
    assert.equal(instance.held.calls('remove'), 0)
    assert.equal(instance.partition.serve('a'), undefined)
  })
})

describe('replace', () => {
  test('changes the value, counts the version on, and memory has it', async (t) => {
    const instance = await startInstance(t)
    const entry = (await created(instance))!
    const replaced = await instance.writes.replace(entry, 'second', { bump: true })
    assert.equal(await stored(instance), 'second v2')
    assert.equal(instance.partition.serve('a'), replaced)
  })

  test('that bumps is seen by another process with the next poll', async (t) => {
    const [mine, other] = await twoProcesses(t)
    const entry = (await created(mine))!
    await other.partition.load('a', key)
    await mine.writes.replace(entry, 'second', { bump: true })
    await other.tiers.poller.poll()
    assert.equal(other.partition.serve('a'), undefined)
  })

  test('that does not bump leaves other processes with what they have', async (t) => {
    const [mine, other] = await twoProcesses(t)
    const entry = (await created(mine))!
    await other.partition.load('a', key)
    await mine.writes.replace(entry, 'second', { bump: false })
    await other.tiers.poller.poll()
    assert.equal(other.partition.serve('a')?.value, 'value')
  })

  test('of a version that is no more is a conflict, and memory lets go of it', async (t) => {
    const instance = await startInstance(t)
    const entry = (await created(instance))!
    await instance.held.store.replace(key, 1, { value: Buffer.from('of another'), bump: false })
    assert.equal(await instance.writes.replace(entry, 'second', { bump: true }), 'conflict')
    assert.equal(await stored(instance), 'of another v2')
    assert.equal(instance.partition.serve('a'), undefined)
  })

  test('of an entry that is gone creates nothing, and memory lets go of it', async (t) => {
    const instance = await startInstance(t)
    const entry = (await created(instance))!
    await instance.held.store.take(key)
    assert.equal(await instance.writes.replace(entry, 'second', { bump: true }), 'absent')
    assert.equal(await stored(instance), undefined)
    assert.equal(instance.partition.serve('a'), undefined)
  })

  test('that is answered after a read brought something newer is not kept', async (t) => {
    const instance = await startInstance(t)
    const { held, writes, partition, clock } = instance
    const entry = (await created(instance))!
    held.hold('replace', 'answer')
    const replacing = writes.replace(entry, 'second', { bump: false })
    await clock.advance(0)
    held.pass('replace')
    await held.store.replace(key, 2, { value: Buffer.from('third, of another'), bump: false })
    assert.equal((await partition.load('a', key, true)).entry?.value, 'third, of another')
    held.release('replace')
    await replacing
    assert.equal(partition.serve('a'), undefined)
  })

  test('keeps the deadlines, unless it is told others', async (t) => {
    const instance = await startInstance(t)
    const entry = (await created(instance))!
    await instance.clock.advance(1_000)
    const same = (await instance.writes.replace(entry, 'second', { bump: false })) as CacheEntry<string>
    assert.equal(same.times.expiresAt, entry.times.expiresAt)
    const other = (await instance.writes.replace(same, 'third', { bump: false, lifetime })) as CacheEntry<string>
    assert.equal(other.times.expiresAt, Math.floor(instance.clock.wall()) + hour)
  })
})

describe('extend', () => {
  test('prolongs the very entry that is in memory', async (t) => {
    const instance = await startInstance(t)
    const entry = (await created(instance))!
    await instance.clock.advance(1_000)
    assert.equal(await instance.writes.extend(key, 2 * hour, entry), 'extended')
    assert.equal(instance.partition.serve('a'), entry)
    assert.equal(entry.times.expiresAt, Math.floor(instance.clock.wall()) + 2 * hour)
  })

  test('tells nobody and bumps nothing', async (t) => {
    const instance = await startInstance(t)
    const entry = (await created(instance))!
    const before = await instance.held.store.epochs([])
    await instance.writes.extend(key, 2 * hour, entry)
    assert.deepEqual((await instance.held.store.epochs([])).numbers, before.numbers)
  })

  test('revives nothing, and memory lets go of what is gone', async (t) => {
    const instance = await startInstance(t)
    const entry = (await created(instance))!
    await instance.held.store.take(key)
    assert.equal(await instance.writes.extend(key, hour, entry), 'absent')
    assert.equal(await stored(instance), undefined)
    assert.equal(instance.partition.serve('a'), undefined)
  })

  test('of an entry that is another version in the store lets go of it', async (t) => {
    const instance = await startInstance(t)
    const entry = (await created(instance))!
    await instance.held.store.replace(key, 1, { value: Buffer.from('of another'), bump: false })
    assert.equal(await instance.writes.extend(key, hour, entry), 'extended')
    assert.equal(instance.partition.serve('a'), undefined)
  })

  test('of an entry that was removed and made anew under the same key lets go of it', async (t) => {
    const instance = await startInstance(t)
    const entry = (await created(instance))!
    await instance.held.store.take(key)
    await instance.clock.advance(1)
    await putByAnother(instance.held.store, key, 'of another')
    assert.equal(await instance.writes.extend(key, hour, entry), 'extended')
    assert.equal(instance.partition.serve('a'), undefined)
  })

  test('puts nothing into memory that left it meanwhile', async (t) => {
    const instance = await startInstance(t)
    const entry = (await created(instance))!
    instance.partition.drop(key)
    await instance.writes.extend(key, hour, entry)
    assert.equal(instance.partition.serve('a'), undefined)
  })

  test('that is overtaken by a removal does not make the entry young again', async (t) => {
    const instance = await startInstance(t)
    const entry = (await created(instance))!
    const { readAt, expiresAt } = entry
    instance.held.hold('extend', 'answer')
    const extending = instance.writes.extend(key, 2 * hour, entry)
    await instance.clock.advance(10)
    await instance.writes.remove({ key })
    instance.held.release('extend')
    await extending
    assert.equal(instance.partition.serve('a'), undefined)
    assert.deepEqual([entry.readAt, entry.expiresAt], [readAt, expiresAt])
  })

  test('in doubt leaves the entry in memory', async (t) => {
    const instance = await startInstance(t)
    const entry = (await created(instance))!
    instance.held.hold('extend', 'answer')
    const outcome = watch(instance.writes.extend(key, hour, entry))
    await instance.clock.advance(0)
    instance.held.lose('extend')
    await instance.clock.advance(0)
    assert.equal(outcome.error, 'ERR_STORE_UNAVAILABLE')
    assert.equal(instance.partition.serve('a'), entry)
  })
})

describe('remove', () => {
  test('of a key takes it from the store and from memory', async (t) => {
    const instance = await startInstance(t)
    await created(instance)
    assert.equal((await instance.writes.remove({ key })).removed, 1)
    assert.equal(await stored(instance), undefined)
    assert.equal(instance.partition.serve('a'), undefined)
  })

  test('of a key that is not there tells everybody just the same', async (t) => {
    const [mine, other] = await twoProcesses(t)
    await created(mine)
    await other.partition.load('a', key)
    await mine.held.store.take(key)
    assert.equal((await mine.writes.remove({ key })).removed, 0)
    await other.tiers.poller.poll()
    assert.equal(other.partition.serve('a'), undefined)
  })

  test('of a version that is no more removes nothing', async (t) => {
    const instance = await startInstance(t)
    await created(instance)
    assert.equal((await instance.writes.remove({ key, ifVersion: 7 })).removed, 0)
    assert.equal(await stored(instance), 'value v1')
  })

  test('by index takes all of them from memory, and no other', async (t) => {
    const instance = await startInstance(t)
    const { writes, partition } = instance
    for (const [text, subject] of [
      ['a', 'alice'],
      ['b', 'alice'],
      ['c', 'carol'],
    ] as const) {
      await writes.create({ text, key: `key of ${text}`, value: text }, { lifetime, indexes: { subject } })
    }
    assert.equal((await writes.remove({ index: 'subject', values: ['alice'] })).removed, 2)
    assert.deepEqual(
      ['a', 'b', 'c'].map((text) => partition.serve(text)?.value),
      [undefined, undefined, 'c'],
    )
  })

  test('whose answer is lost is sent again', async (t) => {
    const instance = await startInstance(t)
    await created(instance)
    instance.held.hold('remove', 'answer')
    const outcome = watch(instance.writes.remove({ key }))
    await instance.clock.advance(0)
    instance.held.pass('remove')
    instance.held.lose('remove')
    await instance.clock.advance(200)
    assert.equal(outcome.state, 'fulfilled')
    assert.equal(instance.held.calls('remove'), 2)
  })

  test('that hangs until the timeout fails, and memory lets go of the entry', async (t) => {
    const instance = await startInstance(t)
    await created(instance)
    instance.held.hold('remove', 'request')
    const outcome = watch(instance.writes.remove({ key }))
    await instance.clock.advance(1_000)
    assert.equal(outcome.error, 'ERR_STORE_UNAVAILABLE')
    assert.equal(instance.held.calls('remove'), 1)
    assert.equal(instance.partition.serve('a'), undefined)
  })

  test('that fails twice fails', async (t) => {
    const instance = await startInstance(t)
    instance.held.hold('remove', 'answer')
    const outcome = watch(instance.writes.remove({ key }))
    await instance.clock.advance(0)
    instance.held.lose('remove')
    await instance.clock.advance(100)
    instance.held.lose('remove')
    await instance.clock.advance(0)
    assert.equal(outcome.error, 'ERR_STORE_UNAVAILABLE')
  })

  test('ends within the time of one operation, its second try included', async (t) => {
    const instance = await startInstance(t)
    instance.held.hold('remove', 'answer')
    const outcome = watch(instance.writes.remove({ key }))
    await instance.clock.advance(490)
    instance.held.lose('remove')
    await instance.clock.advance(509)
    assert.equal(outcome.state, 'pending')
    await instance.clock.advance(1)
    assert.equal(outcome.error, 'ERR_STORE_UNAVAILABLE')
    assert.equal(instance.held.calls('remove'), 2)
  })

  describe('whose first try may have removed what the second finds gone', () => {
    async function removedInDoubt(t: TestContext, target: RemoveTarget): Promise<number | undefined> {
      const instance = await startInstance(t)
      await created(instance)
      instance.held.hold('remove', 'answer')
      const outcome = watch(instance.writes.remove(target))
      await instance.clock.advance(0)
      instance.held.pass('remove')
      instance.held.lose('remove')
      await instance.clock.advance(200)
      return outcome.value?.removed
    }

    test('counts as one that removed the entry', async (t) => {
      assert.equal(await removedInDoubt(t, { key }), 1)
    })

    test('does not, if it was of one version: another may live', async (t) => {
      assert.equal(await removedInDoubt(t, { key, ifVersion: 1 }), 0)
    })
  })

  test('by index that was retried in doubt empties memory: nobody knows the names of what the first try ended', async (t) => {
    const instance = await startInstance(t)
    const { writes, partition, held, clock } = instance
    await writes.create({ text: 'a', key, value: 'value' }, { lifetime, indexes: { subject: 'alice' } })
    held.hold('remove', 'answer')
    const outcome = watch(writes.remove({ index: 'subject', values: ['alice'] }))
    await clock.advance(0)
    held.pass('remove')
    held.lose('remove')
    await clock.advance(200)
    assert.deepEqual([outcome.value?.removed, outcome.value?.bumps], [0, []])
    assert.equal(partition.serve('a'), undefined)
  })

  test('that was refused at first knows whether it removed anything', async (t) => {
    const instance = await startInstance(t)
    instance.held.hold('read', 'answer')
    for (let i = 0; i < 5; i++) {
      void watch(instance.partition.load('a', key, true))
      await instance.clock.advance(0)
      instance.held.lose('read')
      await instance.clock.advance(0)
    }
    const outcome = watch(instance.writes.remove({ key }))
    await instance.clock.advance(100)
    assert.deepEqual([outcome.value?.removed, instance.held.calls('remove')], [0, 1])
  })

  test('while its outcome is open, what is read of the key is not kept', async (t) => {
    const instance = await startInstance(t)
    await created(instance)
    instance.held.hold('remove', 'request')
    const removing = instance.writes.remove({ key })
    await instance.clock.advance(0)
    await instance.partition.load('a', key)
    assert.equal(instance.partition.serve('a'), undefined)
    instance.held.release('remove')
    await removing
  })
})

describe('cycles of one key', () => {
  test('run one after the other', async (t) => {
    const { writes, clock } = await startInstance(t)
    const steps: string[] = []
    const cycle = (name: string) => async (): Promise<string> => {
      steps.push(`${name} begins`)
      await new Promise<void>((resolve) => void clock.setTimer(resolve, 10))
      steps.push(`${name} ends`)
      return name
    }
    const done = watch(Promise.all(['first', 'second'].map((name) => writes.inTurn(key, cycle(name)))))
    await clock.advance(20)
    assert.deepEqual(done.value, ['first', 'second'])
    assert.deepEqual(steps, ['first begins', 'first ends', 'second begins', 'second ends'])
  })

  test('are tried twenty times', async (t) => {
    const { writes, clock } = await startInstance(t)
    let tries = 0
    const done = watch(
      writes.inTurn(key, async () => {
        tries++
        return undefined
      }),
    )
    await clock.advance(1_000)
    assert.deepEqual([done.state, done.value, tries], ['fulfilled', undefined, 20])
  })

  test('fail if their turn has not come within the time of one operation', async (t) => {
    const { writes, clock } = await startInstance(t)
    const slow = (): Promise<string> => new Promise((resolve) => void clock.setTimer(() => resolve('done'), 1_000))
    const [first, second] = [watch(writes.inTurn(key, slow)), watch(writes.inTurn(key, slow))]
    await clock.advance(1_000)
    assert.deepEqual([first.value, second.error], ['done', 'ERR_STORE_UNAVAILABLE'])
  })

  describe('that stand behind one that takes its time', () => {
    async function behindASlowOne(t: TestContext): Promise<Instance & { begun: string[]; second: Watched<unknown> }> {
      const instance = await startInstance(t)
      const begun: string[] = []
      const cycle = (name: string) => (): Promise<string> => {
        begun.push(name)
        return new Promise((resolve) => void instance.clock.setTimer(() => resolve(name), 3_000))
      }
      void instance.writes.inTurn(key, cycle('first'))
      return { ...instance, begun, second: watch(instance.writes.inTurn(key, cycle('second'))) }
    }

    test('wait no longer than one operation may take', async (t) => {
      const { clock, second } = await behindASlowOne(t)
      await clock.advance(999)
      assert.equal(second.state, 'pending')
      await clock.advance(1)
      assert.equal(second.error, 'ERR_STORE_UNAVAILABLE')
    })

    test('are never begun once nobody waits for them', async (t) => {
      const { clock, begun } = await behindASlowOne(t)
      await clock.advance(10_000)
      assert.deepEqual(begun, ['first'])
    })
  })

  test('that fail let the next begin', async (t) => {
    const { writes } = await startInstance(t)
    await assert.rejects(
      writes.inTurn(key, () => Promise.reject(new Error('broken'))),
      /broken/,
    )
    assert.equal(await writes.inTurn(key, async () => 'next'), 'next')
  })
})

describe('where the store takes several writes at once', () => {
  /** As many round trips are under way as there may be: further writes wait for their turn. */
  async function busyInstance(t: TestContext): Promise<Instance> {
    const clock = manualClock()
    const instance = await startInstance(t, { clock, inner: batchingStore(memoryStore({ clock })) })
    instance.held.hold('extend', 'answer')
    for (let i = 0; i < 4; i++) {
      void instance.writes.extend(`busy ${i}`, hour)
      await clock.advance(0)
    }
    return instance
  }

  test('those that wait share a round trip', async (t) => {
    const instance = await busyInstance(t)
    const both = [created(instance), instance.writes.create({ text: 'b', key: 'key of b', value: 'b' }, { lifetime })]
    await instance.clock.advance(0)
    assert.equal(instance.held.calls('writeMany'), 0)
    instance.held.release('extend')
    await Promise.all(both)
    assert.deepEqual([instance.held.calls('writeMany'), instance.held.calls('create')], [1, 0])
  })

  test('what is kept is dated before its wait', async (t) => {
    const instance = await busyInstance(t)
    const outcome = created(instance)
    const handedOverAt = instance.clock.monotonic()
    await instance.clock.advance(400)
    instance.held.release('extend')
    assert.equal((await outcome)?.readAt.monotonic, handedOverAt)
    assert.equal(instance.partition.serve('a'), await outcome)
  })

  test('a read of the key meanwhile is not kept', async (t) => {
    const instance = await busyInstance(t)
    await putByAnother(instance.held.store, key, 'value')
    const { entry } = await instance.partition.load('a', key)
    const outcome = instance.writes.replace(entry!, 'next', { bump: false })
    await instance.clock.advance(0)
    instance.partition.drop(key)
    await instance.partition.load('a', key)
    assert.equal(instance.partition.serve('a'), undefined)
    instance.held.release('extend')
    await outcome
    assert.equal(await stored(instance), 'next v2')
  })
})

test('a write that ends after another was told that the entry is gone does not put it back into memory', async (t) => {
  const instance = await startInstance(t)
  const entry = (await created(instance))!
  instance.held.hold('extend', 'request')
  const extending = instance.writes.extend(key, hour)
  instance.held.hold('replace', 'answer')
  const replacing = instance.writes.replace(entry, 'second', { bump: false })
  await instance.clock.advance(0)
  await instance.held.store.take(key)
  instance.held.release('extend')
  assert.equal(await extending, 'absent')
  instance.held.release('replace')
  await replacing
  assert.equal(instance.partition.serve('a'), undefined)
})
