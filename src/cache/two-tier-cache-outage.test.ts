import assert from 'node:assert/strict'
import { test } from 'node:test'
import { putByAnother, startInstance, type Instance } from '../../test/support/tiers.ts'
import { watch, type Watched } from '../../test/support/watch.ts'

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
  const { readBatches, reads, failures, refusals, breaker } = instance.tiers.storeStats()
  assert.deepEqual([readBatches, reads, failures, refusals, breaker], [6, 6, 5, 1, 'open'])
  const { polls, pollFailures } = instance.tiers.coherenceStats()
  assert.deepEqual([polls, pollFailures], [2, 0])
})
