import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { putByAnother, startInstance, type Instance } from '../../test/support/tiers.ts'

const D = 1_000

/** The value memory answers with, if it may. */
function served({ partition }: Instance, text: string): string | undefined {
  return partition.serve(text)?.value
}

async function loaded({ partition }: Instance, text: string): Promise<string | undefined> {
  return (await partition.load(text, `key of ${text}`)).entry?.value
}

describe('while the store does not answer', () => {
  const down = (instance: Instance): void => {
    for (const operation of ['read', 'epochs'] as const) instance.held.hold(operation, 'request')
  }
  const asked = async (instance: Instance, fresh = false): Promise<string> => {
    const load = instance.partition.load('a', 'key of a', fresh)
    const outcome = load.then(
      ({ source, entry }) => `${source}: ${entry?.value}`,
      ({ code }: { code: string }) => code,
    )
    await instance.clock.advance(D)
    return outcome
  }

  test('memory does not answer beyond its lease', async (t) => {
    const instance = await startInstance(t)
    await putByAnother(instance.held.store, 'key of a', 'value')
    await loaded(instance, 'a')
    down(instance)
    await instance.clock.advance(2 * D)
    assert.equal(await asked(instance), 'ERR_STORE_UNAVAILABLE')
  })

  test('it does with a grace, as long as that lasts', async (t) => {
    const instance = await startInstance(t, { config: { serveStaleForSec: 10 } })
    await putByAnother(instance.held.store, 'key of a', 'value')
    await loaded(instance, 'a')
    down(instance)
    await instance.clock.advance(2 * D)
    assert.equal(served(instance, 'a'), undefined)
    assert.equal(await asked(instance), 'stale: value')
    assert.equal(instance.partition.stats().stale, 1)
    await instance.clock.advance(10 * D)
    assert.equal(await asked(instance), 'ERR_STORE_UNAVAILABLE')
  })

  test('but not to those who need a fresh answer', async (t) => {
    const instance = await startInstance(t, { config: { serveStaleForSec: 10 } })
    await putByAnother(instance.held.store, 'key of a', 'value')
    await loaded(instance, 'a')
    down(instance)
    assert.equal(await asked(instance, true), 'ERR_STORE_UNAVAILABLE')
  })

  test('nor with what this instance has ended, in doubt or not', async (t) => {
    const instance = await startInstance(t, { config: { serveStaleForSec: 10 } })
    await putByAnother(instance.held.store, 'key of a', 'value')
    await loaded(instance, 'a')
    down(instance)
    instance.held.hold('remove', 'request')
    const removing = assert.rejects(instance.writes.remove({ key: 'key of a' }), { code: 'ERR_STORE_UNAVAILABLE' })
    await instance.clock.advance(3 * D)
    await removing
    assert.equal(await asked(instance), 'ERR_STORE_UNAVAILABLE')
  })

  test('nor with what expired while this machine slept, however long the grace', async (t) => {
    const instance = await startInstance(t, { config: { serveStaleForSec: 86_400 } })
    await putByAnother(instance.held.store, 'key of a', 'value', 60_000)
    await loaded(instance, 'a')
    down(instance)
    // Asleep, the monotonic clock of many systems stands still.
    instance.clock.stepWall(60_000 - 2 * D)
    assert.equal(await asked(instance), 'stale: value')
    assert.equal(await asked(instance), 'ERR_STORE_UNAVAILABLE')
  })
})
