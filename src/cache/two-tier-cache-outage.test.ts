import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { putByAnother, startInstance, type Instance } from '../../test/support/tiers.ts'
import { watch, type Watched } from '../../test/support/watch.ts'
import type { StoreOperation } from '../../test/support/wrapped-store.ts'

function ask({ partition }: Instance): Watched<unknown> {
  return watch(partition.load('a', 'key of a', true))
}

/** Five reads in a row are lost: from then on the store is spared. */
async function loseFiveReads(instance: Instance): Promise<void> {
  const { held, clock } = instance
  held.hold('read', 'answer')
  for (let i = 0; i < 5; i++) {
    ask(instance)
    await clock.advance(0)
    held.lose('read')
    await clock.advance(0)
  }
  held.pass('read')
}

/** Nothing is answered; a question every 50 ms. */
async function hang(instance: Instance, ms: number): Promise<void> {
  const { held, clock } = instance
  for (const operation of ['read', 'epochs'] as const) held.hold(operation, 'request')
  for (let passed = 0; passed < ms; passed += 50) {
    ask(instance)
    await clock.advance(50)
  }
  for (const operation of ['read', 'epochs'] as const) held.pass(operation)
}

test('a store that is spared is asked again as soon as it answered a poll', async (t) => {
  const instance = await startInstance(t)
  await loseFiveReads(instance)
  const refused = ask(instance)
  await instance.clock.advance(320)
  const answered = ask(instance)
  await instance.clock.advance(0)
  assert.deepEqual([refused.error, answered.state], ['ERR_STORE_UNAVAILABLE', 'fulfilled'])
})

test('the lease is renewed as soon as the store answers again, however rare polls have become', async (t) => {
  const instance = await startInstance(t)
  await hang(instance, 20_000)
  assert.equal(instance.tiers.lease(), 'lost')
  for (let passed = 0; passed < 2_000; passed += 50) {
    ask(instance)
    await instance.clock.advance(50)
  }
  assert.equal(instance.tiers.lease(), 'held')
})

test('while the store hangs it is asked one thing at a time, and everybody is told within the operation’s time', async (t) => {
  const instance = await startInstance(t)
  await hang(instance, 3_000)
  const reads = instance.held.calls('read')
  for (const operation of ['read', 'epochs'] as const) instance.held.hold(operation, 'request')
  const asked: Watched<unknown>[] = []
  for (let passed = 0; passed < 4_000; passed += 50) {
    asked.push(ask(instance))
    await instance.clock.advance(50)
  }
  await instance.clock.advance(1_000)
  assert.ok(asked.every(({ error }) => error === 'ERR_STORE_UNAVAILABLE'))
  assert.ok(instance.held.calls('read') - reads <= 5, `${instance.held.calls('read') - reads} reads in 4 s`)
})

test('what was asked, what failed and what was refused can be read off', async (t) => {
  const instance = await startInstance(t)
  await putByAnother(instance.held.store, 'key of a', 'value')
  await loseFiveReads(instance)
  ask(instance)
  await instance.clock.advance(0)
  const { readBatches, reads, failures, refusals, breaker } = instance.tiers.trafficStats()
  assert.deepEqual([readBatches, reads, failures, refusals, breaker], [6, 6, 5, 1, 'open'])
  const { polls, pollFailures } = instance.tiers.coherenceStats()
  assert.deepEqual([polls, pollFailures], [2, 0])
})

describe('what is slow can be read off', () => {
  const kinds: [what: string, operation: StoreOperation, send: (instance: Instance) => Promise<unknown>][] = [
    ['a read', 'read', ({ partition }) => partition.load('a', 'key of a', true)],
    ['a poll', 'epochs', ({ tiers }) => tiers.poller.poll()],
    ['a removal', 'remove', ({ tiers }) => tiers.store.remove({ key: 'key of a' })],
  ]
  for (const [what, operation, send] of kinds) {
    test(`${what}, once`, async (t) => {
      const instance = await startInstance(t)
      instance.held.hold(operation, 'answer')
      void watch(send(instance))
      await instance.clock.advance(250)
      instance.held.release(operation)
      await instance.clock.advance(0)
      assert.equal(instance.tiers.trafficStats().slow, 1)
    })
  }

  test('by the threshold chosen', async (t) => {
    const instance = await startInstance(t, { config: { slowOperationMs: 300 } })
    instance.held.hold('read', 'answer')
    ask(instance)
    await instance.clock.advance(250)
    instance.held.release('read')
    await instance.clock.advance(0)
    assert.equal(instance.tiers.trafficStats().slow, 0)
  })
})

describe('what the store says of itself', () => {
  test('is told, without counting as something asked', async (t) => {
    const { held, tiers } = await startInstance(t)
    await putByAnother(held.store, 'key of a', 'value')
    assert.equal((await tiers.storeStats()).entries, 1)
    assert.equal(tiers.trafficStats().reads, 0)
  })

  test('is told while the store is spared', async (t) => {
    const instance = await startInstance(t)
    await loseFiveReads(instance)
    assert.equal((await instance.tiers.storeStats()).entries, 0)
    assert.equal(instance.tiers.trafficStats().breaker, 'open')
  })
})

test('what was swept can be read off, and what is told does not change afterwards', async (t) => {
  const instance = await startInstance(t)
  await putByAnother(instance.held.store, 'key of a', 'value', 1_000)
  const before = instance.tiers.trafficStats().sweeper
  await instance.clock.advance(instance.held.store.cleanupIntervalSec * 1_000 + 1_000)
  assert.deepEqual(instance.tiers.trafficStats().sweeper, { runs: 1, deleted: 1, failures: 0 })
  assert.deepEqual(before, { runs: 0, deleted: 0, failures: 0 })
})
