import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Store } from '../../src/cache/store.ts'
import { fromAuthCache } from '../../src/session/from-auth-cache.ts'
import { manualClock } from '../../src/testing/manual-clock.ts'
import { mapAuthCache } from '../support/map-auth-cache.ts'
import type { MapAuthCache, PlainOperation } from '../support/map-auth-cache.ts'

const key = 'session:x'
const idleMs = 1_800_000

interface Processes {
  mine: MapAuthCache
  one: Store
  other: Store
}

/** Two processes over one plain cache, with a session and a code verifier in it. */
async function twoProcesses(): Promise<Processes> {
  const clock = manualClock()
  const mine = mapAuthCache(clock)
  const processes = { mine, one: fromAuthCache(mine, { clock }), other: fromAuthCache(mine, { clock }) }
  await processes.one.create({ key, value: Uint8Array.of(0), lifetime: { idleMs } })
  await processes.one.create({ key: 'cv:x', value: Uint8Array.of(0), lifetime: { idleMs } })
  return processes
}

const replace = (store: Store, mark: number): Promise<{ outcome: string }> =>
  store.replace(key, 1, { value: Uint8Array.of(mark), bump: true })

async function markIn(store: Store): Promise<number | undefined> {
  return (await store.read([key])).entries[0]?.value[0]
}

/** Runs the race in every order that the operations of the cache can take effect in, as far as chance tries them. */
async function inAnyOrder(race: (processes: Processes) => Promise<() => Promise<void>>): Promise<void> {
  const property = fc.asyncProperty(fc.scheduler(), async (scheduler) => {
    const processes = await twoProcesses()
    processes.mine.around = (operation) => scheduler.schedule(Promise.resolve(), operation)
    const expectations = await scheduler.waitFor(race(processes))
    processes.mine.around = () => {}
    await expectations()
  })
  await fc.assert(property, { numRuns: 500 })
}

/** The first call of the operation waits until it is released. */
function holding(mine: MapAuthCache, held: PlainOperation): { reached: Promise<void>; release: () => void } {
  let reach = (): void => {}
  let release = (): void => {}
  const reached = new Promise<void>((resolve) => (reach = resolve))
  const released = new Promise<void>((resolve) => (release = resolve))
  mine.around = async (operation) => {
    if (operation !== held) return
    mine.around = () => {}
    reach()
    await released
  }
  return { reached, release }
}

describe('over a plain cache, in whatever order things happen', () => {
  test('a touch, here or in another process, never brings a removed session back', async () => {
    await inAnyOrder(async ({ mine, one, other }) => {
      await Promise.all([one.extend(key, idleMs), other.extend(key, idleMs), one.remove({ key })])
      return async () => assert.ok(!mine.sessions.has(key))
    })
  })

  test('no change of the same process brings a removed session back', async () => {
    await inAnyOrder(async ({ mine, one }) => {
      await Promise.all([replace(one, 1), one.extend(key, idleMs), one.remove({ key }), replace(one, 2)])
      return async () => assert.ok(!mine.sessions.has(key))
    })
  })

  test('of changes in one process that are made to the same version exactly one is done', async () => {
    await inAnyOrder(async ({ one }) => {
      const replies = await Promise.all([1, 2, 3].map((mark) => replace(one, mark)))
      return async () => {
        assert.deepEqual(replies.map(({ outcome }) => outcome).toSorted(), ['conflict', 'conflict', 'replaced'])
        assert.equal(await markIn(one), replies.findIndex(({ outcome }) => outcome === 'replaced') + 1)
      }
    })
  })

  test('a session is created once in one process', async () => {
    await inAnyOrder(async ({ one }) => {
      const entry = { key: 'session:new', value: Uint8Array.of(1), lifetime: { idleMs } }
      const replies = await Promise.all([one.create(entry), one.create(entry)])
      return async () => assert.deepEqual(replies.map(({ outcome }) => outcome).toSorted(), ['created', 'present'])
    })
  })
})

describe('the weaker promises of a plain cache', () => {
  test('a change in one process may bring back what another ends meanwhile', async () => {
    const { mine, one, other } = await twoProcesses()
    const { reached, release } = holding(mine, 'setAuthSession')
    const replaced = replace(one, 1)
    await reached
    assert.equal((await other.remove({ key })).removed, 1)
    release()
    await replaced
    assert.equal(await markIn(other), 1)
  })

  test('of two changes in two processes one may be lost, though both were told that they were done', async () => {
    const { mine, one, other } = await twoProcesses()
    const { reached, release } = holding(mine, 'setAuthSession')
    const first = replace(one, 1)
    await reached
    assert.equal((await replace(other, 2)).outcome, 'replaced')
    release()
    assert.equal((await first).outcome, 'replaced')
    assert.equal(await markIn(other), 1)
  })

  test('two processes may take the same code verifier', async () => {
    const { mine, one, other } = await twoProcesses()
    const { reached, release } = holding(mine, 'invalidateCodeVerifier')
    const first = one.take('cv:x')
    await reached
    const second = await other.take('cv:x')
    release()
    assert.deepEqual([(await first)?.key, second?.key], ['cv:x', 'cv:x'])
  })
})
