import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import type { Bump, EpochsReply } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { manualClock } from '../../src/testing/manual-clock.ts'
import {
  alteredStore,
  idsUpTo,
  keepAsking,
  readsToGet,
  sessionOf,
  setAll,
  settled,
  startCache,
} from '../support/cached-sessions.ts'
import type { Started } from '../support/cached-sessions.ts'

type Alteration = (reply: EpochsReply) => unknown

interface LiedTo {
  /** Hears the truth. */
  other: Started
  /** Is told something else while `lie` is set. */
  mine: Started
  lie: (alter: Alteration | undefined) => void
}

/** Two instances as of two processes, the sessions id0 … id19 in the memory of both; some epochs are above 0. */
async function startLiedTo(t: TestContext, first?: Alteration): Promise<LiedTo> {
  const clock = manualClock()
  const inner = memoryStore({ clock })
  let alter = first
  const epochs = async (known: readonly number[]): Promise<EpochsReply> => {
    const reply = await inner.epochs(known)
    return (alter === undefined ? reply : alter(reply)) as EpochsReply
  }
  const [other, mine] = [
    startCache(t, { store: inner, clock }),
    startCache(t, { store: alteredStore(inner, { epochs }), clock }),
  ]
  await setAll(other, [...idsUpTo(20), ...idsUpTo(100, 'gone')])
  for (const id of idsUpTo(100, 'gone')) await other.cache.invalidateAuthSession(id)
  for (const id of idsUpTo(20)) for (const instance of [other, mine]) await readsToGet(instance, id)
  return { other, mine, lie: (wanted) => void (alter = wanted) }
}

const numbersAs =
  (change: (numbers: number[]) => unknown): Alteration =>
  (reply) => ({ ...reply, numbers: change([...reply.numbers]), recent: [] })
const recentAs =
  (...recent: unknown[]): Alteration =>
  (reply) => ({ ...reply, recent })
/** The same, of this very store. */
const recentOf =
  (bump: object): Alteration =>
  (reply) => ({ ...reply, recent: [{ incarnation: reply.incarnation, ...bump }] })

/** Which cannot be true, and can be seen not to be. */
const wrong: [what: string, alter: Alteration][] = [
  ['nothing', () => undefined],
  ['null', () => null],
  ['a text', () => 'epochs'],
  ['an empty object', () => ({})],
  ['no numbers', (reply) => ({ ...reply, numbers: undefined })],
  ['numbers that are no list', (reply) => ({ ...reply, numbers: { length: 256 } })],
  ['one bucket too many', numbersAs((numbers) => [...numbers, 0])],
  ['twice as many buckets', numbersAs((numbers) => [...numbers, ...numbers])],
  ['numbers that are texts', numbersAs((numbers) => numbers.map(String))],
  ['numbers that are BigInts', numbersAs((numbers) => numbers.map(BigInt))],
  ['one number that is a text', numbersAs((numbers) => numbers.map((n, i) => (i === 7 ? String(n) : n)))],
  ['one number that is NaN', numbersAs((numbers) => numbers.map((n, i) => (i === 7 ? NaN : n)))],
  ['numbers that are all NaN', numbersAs((numbers) => numbers.map(() => NaN))],
  ['numbers that are infinite', numbersAs((numbers) => numbers.map(() => Infinity))],
  ['negative numbers', numbersAs((numbers) => numbers.map((n) => -1 - n))],
  ['no incarnation', (reply) => ({ ...reply, incarnation: undefined })],
  ['an incarnation that is a number', (reply) => ({ ...reply, incarnation: 42 })],
  ['another incarnation every time', (reply) => ({ ...reply, incarnation: `${reply.incarnation}${Math.random()}` })],
  ['no greatest staleness', (reply) => ({ ...reply, maxStalenessMs: undefined })],
  ['a greatest staleness that is NaN', (reply) => ({ ...reply, maxStalenessMs: NaN })],
  ['a greatest staleness that is negative', (reply) => ({ ...reply, maxStalenessMs: -1 })],
  ['a greatest staleness that is infinite', (reply) => ({ ...reply, maxStalenessMs: Infinity })],
  ['no clock', (reply) => ({ ...reply, storeNow: undefined })],
  ['a clock that is NaN', (reply) => ({ ...reply, storeNow: NaN })],
  ['no recent bumps', (reply) => ({ ...reply, recent: undefined })],
  ['recent bumps that are null', recentAs(null, null)],
  ['a recent bump of no bucket', recentOf({ bucket: 256, prev: 0, n: 1, keys: '*' })],
  ['a recent bump of bucket -1', recentOf({ bucket: -1, prev: 0, n: 1, keys: [] })],
  ['a recent bump of bucket NaN', recentOf({ bucket: NaN, prev: 0, n: 1, keys: [] })],
  ['a recent bump of a named bucket', recentOf({ bucket: '__proto__', prev: 0, n: 1, keys: [] })],
  ['a recent bump to NaN', recentOf({ bucket: 1, prev: 0, n: NaN, keys: [] })],
  ['a recent bump of no store', recentAs({ bucket: 1, prev: 0, n: 1, keys: [] })],
  ['a recent bump without keys', recentOf({ bucket: 1, prev: 0, n: 1 })],
  ['a recent bump with keys that are no texts', recentOf({ bucket: 1, prev: 0, n: 1, keys: [1, null, {}] })],
]

/** Which a store that lost something, or another one, might say. */
const suspect: [what: string, alter: Alteration][] = [
  ['an empty list of numbers', numbersAs(() => [])],
  ['no number of the last bucket', numbersAs((numbers) => numbers.slice(0, -1))],
  ['no number of the first bucket, so that all others move up', numbersAs((numbers) => numbers.slice(1))],
  ['the numbers of half the buckets', numbersAs((numbers) => numbers.slice(0, 128))],
  ['holes instead of every other number', numbersAs((numbers) => numbers.map((n, i) => (i % 2 === 0 ? n : undefined)))],
  ['null instead of every number', numbersAs((numbers) => numbers.map(() => null))],
  ['fractions', numbersAs((numbers) => numbers.map((n) => n + 0.5))],
  ['numbers beyond the safe ones', numbersAs((numbers) => numbers.map(() => 2 ** 60))],
  ['numbers that are 0 again', numbersAs((numbers) => numbers.map(() => 0))],
  ['numbers that are lower by one', numbersAs((numbers) => numbers.map((n) => Math.max(0, n - 1)))],
  ['half of the numbers that are 0 again', numbersAs((numbers) => numbers.map((n, i) => (i % 2 === 0 ? 0 : n)))],
  ['numbers that rose by one', numbersAs((numbers) => numbers.map((n) => n + 1))],
  [
    'numbers that fall and rise',
    numbersAs((numbers) => ((turn += 1), numbers.map((n) => Math.max(0, n - (turn % 2))))),
  ],
  ['another incarnation', (reply) => ({ ...reply, incarnation: 'another' })],
  [
    'recent bumps that name no keys',
    (reply) => ({ ...reply, recent: reply.recent.map((bump) => ({ ...bump, keys: [] as string[] })) }),
  ],
  ['recent bumps of numbers there never were', recentOf({ bucket: 1, prev: 5, n: 6, keys: [] })],
]
let turn = 0

/** A store that says the same for ever, or leaves out what it promised to name: no instance can tell. */
const untellable = [
  'numbers that are 0 again',
  'half of the numbers that are 0 again',
  'numbers beyond the safe ones',
  'recent bumps that name no keys',
]

for (const [what, alter] of [...wrong, ...suspect]) {
  describe(`a store that answers a poll with ${what}`, () => {
    const canBeTold = !untellable.includes(what)

    it('keeps nobody signed in beyond maxStalenessMs, and nobody out', async (t) => {
      const { other, mine, lie } = await startLiedTo(t)
      lie(alter)
      await keepAsking(mine.clock, { forMs: 1_000, stepMs: 100 }, () => readsToGet(mine, 'id0'))
      for (const id of idsUpTo(10)) await other.cache.invalidateAuthSession(id)
      await mine.clock.advance(1_000)
      for (const id of idsUpTo(10)) if (canBeTold) assert.equal(await mine.cache.getAuthSession(id), undefined)
      for (const id of idsUpTo(20).slice(10)) assert.deepEqual(await mine.cache.getAuthSession(id), sessionOf(id))
    })

    it('is found out of: memory answers again when it has recovered', async (t) => {
      const { other, mine, lie } = await startLiedTo(t)
      lie(alter)
      await keepAsking(mine.clock, { forMs: 3_000 }, () => readsToGet(mine, 'id0'))
      lie(undefined)
      await keepAsking(mine.clock, { forMs: 2_000 }, () => readsToGet(mine, 'id0'))
      await readsToGet(mine, 'id2')
      assert.deepEqual([await readsToGet(mine, 'id0'), await readsToGet(mine, 'id2')], [0, 0])
      await other.cache.invalidateAuthSession('id2')
      await mine.clock.advance(1_000)
      assert.equal(await mine.cache.getAuthSession('id2'), undefined)
    })

    it('may do so from the first poll on', async (t) => {
      const { other, mine, lie } = await startLiedTo(t, alter)
      for (const id of idsUpTo(20)) await readsToGet(mine, id)
      for (const id of idsUpTo(20).slice(10)) await other.cache.invalidateAuthSession(id)
      await mine.clock.advance(1_000)
      for (const id of idsUpTo(20).slice(10))
        if (canBeTold) assert.equal(await mine.cache.getAuthSession(id), undefined)
      lie(undefined)
      await keepAsking(mine.clock, { forMs: 2_000 }, () => readsToGet(mine, 'id0'))
      assert.equal(await readsToGet(mine, 'id0'), 0)
    })
  })
}

describe('what is wrong with a poll is counted', () => {
  for (const [what, alter] of wrong) {
    // Each of these may be the first poll of a store that was made anew.
    if (what === 'another incarnation every time') continue
    it(`as a failed one, and memory does not answer on it: ${what}`, async (t) => {
      const { mine, lie } = await startLiedTo(t)
      lie(alter)
      await keepAsking(mine.clock, { forMs: 3_000 }, () => readsToGet(mine, 'id0'))
      const { pollFailures, lease } = mine.cache.stats().coherence
      assert.ok(pollFailures >= 3, `${pollFailures} failures`)
      assert.equal(lease, 'lost')
    })
  }
})

describe('a push that makes no sense', () => {
  const wrongPushes: [what: string, push: (right: Bump) => unknown][] = [
    ['nothing', () => undefined],
    ['null', () => null],
    ['a text', () => 'push'],
    ['no bump', ({ incarnation }) => ({ incarnation })],
    ['a bump of no store', ({ incarnation: _, ...bump }) => bump],
    ['a bump of a store that is a number', (bump) => ({ ...bump, incarnation: 42 })],
    ['a bump of no bucket', (bump) => ({ ...bump, bucket: 256 })],
    ['a bump of a bucket that is a text', (bump) => ({ ...bump, bucket: String(bump.bucket) })],
    ['a bump to NaN', (bump) => ({ ...bump, n: NaN })],
    ['a bump to infinity', (bump) => ({ ...bump, n: Infinity })],
    ['a bump without keys', ({ keys: _, ...bump }) => bump],
    ['keys that are no texts', (bump) => ({ ...bump, keys: [null, 1] })],
    ['another incarnation', (bump) => ({ ...bump, incarnation: 'another' })],
    ['the same twice', (right) => right],
    ['an older one', (bump) => ({ ...bump, n: 1, prev: 0 })],
    ['a gap', (bump) => ({ ...bump, prev: bump.n + 1, n: bump.n + 2 })],
  ]
  for (const [what, make] of wrongPushes) {
    it(`does no harm: ${what}`, async (t) => {
      const clock = manualClock()
      const inner = memoryStore({ clock })
      const listeners: ((bump: Bump) => void)[] = []
      const store = alteredStore(inner, {
        capabilities: { ...inner.capabilities, push: true },
        subscribe: (listener) => (listeners.push(listener), () => {}),
      })
      const [other, mine] = [startCache(t, { store: inner, clock }), startCache(t, { store, clock })]
      await setAll(other, idsUpTo(20))
      for (const id of idsUpTo(20)) await readsToGet(mine, id)
      assert.equal(listeners.length, 1)
      const { bumps } = await inner.remove({ key: 'session:nobody' })
      const right = bumps[0]!
      listeners[0]!(right)
      listeners[0]!(make(right) as Bump)
      for (const id of idsUpTo(20)) assert.ok((await readsToGet(mine, id)) <= 1)
      await other.cache.invalidateAuthSession('id0')
      await clock.advance(1_000)
      assert.equal(await mine.cache.getAuthSession('id0'), undefined)
      await readsToGet(mine, 'id1')
      assert.equal(await readsToGet(mine, 'id1'), 0)
      assert.equal(mine.cache.stats().coherence.lease, 'held')
    })
  }
})

describe('a store that has another number of buckets than it says', () => {
  for (const buckets of [1, 16, 255, 257, -1, 1.5, NaN]) {
    it(`serves nothing that was ended (it says ${buckets})`, async (t) => {
      const clock = manualClock()
      const inner = memoryStore({ clock })
      const store = alteredStore(inner, { capabilities: { ...inner.capabilities, buckets } })
      const other = startCache(t, { store: inner, clock })
      await setAll(other, ['x'])
      let mine: Started
      try {
        mine = startCache(t, { store, clock })
      } catch (error) {
        assert.equal((error as { code: string }).code, 'ERR_CONFIG_INVALID')
        return
      }
      for (let ask = 0; ask < 3; ask += 1) await settled(clock, mine.cache.getAuthSession('x'))
      await other.cache.invalidateAuthSession('x')
      await clock.advance(1_000)
      const { value, error } = await settled(clock, mine.cache.getAuthSession('x'))
      assert.equal(value, undefined)
      if (error !== undefined) assert.match(error, /^ERR_STORE_/)
    })
  }
})
