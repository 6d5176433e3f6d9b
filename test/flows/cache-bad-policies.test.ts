import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { EvictionPolicy } from '../../src/index.ts'
import { idsUpTo, readsToGet, recordEvents, sessionOf, setAll, startCache } from '../support/cached-sessions.ts'

/** A rejection that nobody handles fails the test that is running: let it come. */
const turnOfTheEventLoop = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

describe("a policy of one's own that fails is replaced, with one error in the log", () => {
  const sound = (): EvictionPolicy => {
    const slots: number[] = []
    const removed = (slot: number): void => void slots.splice(slots.indexOf(slot), 1)
    return { added: (slot) => void slots.push(slot), used() {}, removed, evict: () => slots.shift()! }
  }
  const fails = (): never => {
    throw new Error('a bug')
  }
  const broken: [what: string, make: () => unknown][] = [
    ['added throws', () => ({ ...sound(), added: fails })],
    ['used throws', () => ({ ...sound(), used: fails })],
    ['removed throws', () => ({ ...sound(), removed: fails })],
    ['evict throws', () => ({ ...sound(), evict: fails })],
    ['evict names a free slot', () => ({ ...sound(), evict: () => 9_999 })],
    ['evict returns NaN', () => ({ ...sound(), evict: () => NaN })],
    ['evict returns a fraction', () => ({ ...sound(), evict: () => 0.5 })],
    ['evict returns -1', () => ({ ...sound(), evict: () => -1 })],
    ['evict returns Infinity', () => ({ ...sound(), evict: () => Infinity })],
    ['evict returns nothing', () => ({ ...sound(), evict: () => undefined })],
    ['evict returns a text', () => ({ ...sound(), evict: () => '0' })],
    ['evict returns a promise', () => ({ ...sound(), evict: async () => 0 })],
    ['evict rejects', () => ({ ...sound(), evict: async () => fails() })],
    ['used rejects', () => ({ ...sound(), used: async () => fails() })],
    ['the factory throws', fails],
    ['the factory returns nothing', () => undefined],
    ['the factory returns null', () => null],
    ['the factory returns a text', () => 'lru'],
    ['the factory returns an empty object', () => ({})],
    ['the factory returns a policy without evict', () => ({ ...sound(), evict: undefined })],
    ['the factory returns a policy without used', () => ({ ...sound(), used: undefined })],
    ['the factory is async', async () => sound()],
    ['the factory rejects', async () => fails()],
  ]
  for (const [what, make] of broken) {
    it(what, async (t) => {
      const events = recordEvents(t)
      const started = startCache(t, { l1MaxCapacity: 8, l1EvictionPolicy: make as () => EvictionPolicy })
      for (let round = 0; round < 3; round += 1) {
        await setAll(started, idsUpTo(30))
        for (const id of idsUpTo(30).toReversed()) {
          assert.ok((await readsToGet(started, id)) <= 1)
          assert.ok((await readsToGet(started, id)) <= 1)
        }
        for (const id of idsUpTo(30).filter((_, i) => i % 4 === 0)) await started.cache.invalidateAuthSession(id)
        assert.ok(started.cache.stats().sessions.entries <= 8)
      }
      await setAll(started, idsUpTo(30))
      assert.equal(started.cache.stats().sessions.entries, 8)
      await turnOfTheEventLoop()
      // Whoever only rejects has done what it was asked to.
      if (what === 'used rejects') return
      assert.equal(events.filter(({ type }) => type === 'policy-failed').length, 1)
      assert.equal(started.lines.filter(({ level }) => level === 'error').length, 1)
    })
  }

  it('and of the verifiers by itself', async (t) => {
    const events = recordEvents(t)
    const { cache } = startCache(t, {
      verifiers: { l1MaxCapacity: 5, l1EvictionPolicy: () => ({ ...sound(), evict: fails }) },
    })
    for (const state of idsUpTo(30)) await cache.setCodeVerifier(state, `verifier of ${state}`)
    for (const state of idsUpTo(30)) assert.equal(await cache.getCodeVerifier(state), `verifier of ${state}`)
    assert.equal(cache.stats().verifiers.entries, 5)
    assert.equal(events.filter(({ type }) => type === 'policy-failed').length, 1)
  })
})

describe('l1Priority that fails harms nobody', () => {
  const wrong: [what: string, priority: (session: { data: object }) => unknown][] = [
    ['throws', () => assert.fail('a bug')],
    ['rejects', async () => assert.fail('a bug')],
    ['returns a promise', async () => 'high'],
    ['returns nothing', () => undefined],
    ['returns null', () => null],
    ['returns a number', () => 2],
    ['returns NaN', () => NaN],
    ['returns a class there is not', () => 'HIGH'],
    ['returns __proto__', () => '__proto__'],
    ['returns an object', () => ({})],
    ['changes the session', ({ data }) => (Reflect.set(data, 'owner', 'mallory'), 'high')],
    ['throws when it changes the session', ({ data }) => Object.assign(data, { owner: 'mallory' })],
    ['never says the same twice', () => ['low', 'normal', 'high'][(turn = (turn + 1) % 3)]],
  ]
  let turn = 0
  for (const [what, l1Priority] of wrong) {
    it(what, async (t) => {
      const started = startCache(t, { l1MaxCapacity: 5, l1Priority: l1Priority as () => 'normal' })
      for (let round = 0; round < 3; round += 1) {
        await setAll(started, idsUpTo(15))
        for (const id of idsUpTo(15)) {
          assert.deepEqual(await started.cache.getAuthSession(id), sessionOf(id))
          assert.deepEqual(await started.cache.getAuthSession(id), sessionOf(id))
        }
        assert.ok(started.cache.stats().sessions.entries <= 5)
      }
      await turnOfTheEventLoop()
    })
  }
})
