import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { inspect } from 'node:util'
import { isSallyportError } from '../../src/index.ts'
import type { ReadReply, Store, StoredEntry } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { manualClock } from '../../src/testing/manual-clock.ts'
import { batchingStore } from '../support/batching-store.ts'
import { alteredStore, idsUpTo, sessionOf, setAll, settled, startCache } from '../support/cached-sessions.ts'
import type { Started } from '../support/cached-sessions.ts'

const codes = ['ERR_STORE_UNAVAILABLE', 'ERR_STORE_CORRUPT', 'ERR_STORE_MISMATCH', 'ERR_SESSION_CONFLICT']

interface Lied extends Started {
  /** From now on, or no longer, the store answers wrongly. */
  lie: (isLying: boolean) => void
  /** How often it did. */
  lies: () => number
}

type Alteration = (reply: never) => unknown

/** A cache that has nothing in memory, over a store with the sessions id0 … id9 that can answer an operation wrongly. */
async function startLiedTo(t: TestContext, operation: keyof Store, alter: Alteration): Promise<Lied> {
  const clock = manualClock()
  const inner = batchingStore(memoryStore({ clock }))
  await setAll(startCache(t, { store: inner, clock }), idsUpTo(10))
  let [isLying, lies] = [false, 0]
  const altered = async (...args: unknown[]): Promise<unknown> => {
    const reply = await (inner[operation] as (...args: unknown[]) => Promise<unknown>)(...args)
    if (!isLying) return reply
    lies += 1
    return alter(reply as never)
  }
  const started = startCache(t, { store: alteredStore(inner, { [operation]: altered }), clock })
  await started.cache.ready()
  return { ...started, lie: (wanted) => void (isLying = wanted), lies: () => lies }
}

/** What a session's reading came to: `found`, `absent`, or the code of an error of ours, in time; never another's. */
async function readOwn({ cache, clock }: Started, id: string): Promise<string> {
  const { state, value, error, tookMs } = await settled(clock, cache.getAuthSession(id))
  assert.notEqual(state, 'pending', `${id} is still waited for after ${tookMs} ms`)
  if (state === 'rejected') {
    assert.ok(codes.includes(error!), `${id}: ${error}`)
    return error!
  }
  if (value === undefined) return 'absent'
  assert.deepEqual(value, sessionOf(id))
  return 'found'
}

const entriesOf =
  (change: (entry: StoredEntry, all: readonly (StoredEntry | undefined)[]) => unknown): Alteration =>
  (reply: ReadReply) => ({
    ...reply,
    entries: reply.entries.map((entry) => entry && change(entry, reply.entries)),
  })
const valueAs = (change: (value: Uint8Array) => unknown): Alteration =>
  entriesOf((entry) => ({ ...entry, value: change(entry.value) }))
const timesAs = (change: object): Alteration =>
  entriesOf((entry) => ({ ...entry, times: { ...entry.times, ...change } }))

const wrongReads: [what: string, alter: Alteration][] = [
  ['nothing', () => undefined],
  ['null', () => null],
  ['a text', () => 'sessions'],
  ['an empty object', () => ({})],
  ['rows that are no list', (reply: ReadReply) => ({ ...reply, entries: { 0: reply.entries[0] } })],
  ['more rows than asked for', (reply: ReadReply) => ({ ...reply, entries: [...reply.entries, ...reply.entries] })],
  ['one row too many, in front', (reply: ReadReply) => ({ ...reply, entries: [undefined, ...reply.entries] })],
  ['fewer rows', (reply: ReadReply) => ({ ...reply, entries: reply.entries.slice(1) })],
  ['no rows', (reply: ReadReply) => ({ ...reply, entries: [] })],
  ['rows in another order', (reply: ReadReply) => ({ ...reply, entries: reply.entries.toReversed() })],
  ['the first row for all', (reply: ReadReply) => ({ ...reply, entries: reply.entries.map(() => reply.entries[0]) })],
  [
    "another's row under the right key",
    (reply: ReadReply) => {
      const turned = [...reply.entries.slice(1), reply.entries[0]]
      const entries = reply.entries.map((entry, i) => entry && { ...turned[i]!, key: entry.key })
      return { ...reply, entries }
    },
  ],
  ['rows that are null', (reply: ReadReply) => ({ ...reply, entries: reply.entries.map(() => null) })],
  ['rows that are texts', (reply: ReadReply) => ({ ...reply, entries: reply.entries.map(() => 'row') })],
  ['no clock', (reply: ReadReply) => ({ ...reply, storeNow: undefined })],
  ['a clock that is NaN', (reply: ReadReply) => ({ ...reply, storeNow: NaN })],
  ['a clock that is a text', (reply: ReadReply) => ({ ...reply, storeNow: String(reply.storeNow) })],
  ['a clock that is infinite', (reply: ReadReply) => ({ ...reply, storeNow: -Infinity })],
  ['a foreign key', entriesOf((entry) => ({ ...entry, key: `${entry.key}x` }))],
  ['no key', entriesOf(({ key, ...entry }) => ({ ...entry, was: key.length }))],
  ...[undefined, null, NaN, Infinity, 0, -1, 1.5, '1', 2n, {}].map((version): [string, Alteration] => [
    `a version that is ${inspect(version)}`,
    entriesOf((entry) => ({ ...entry, version })),
  ]),
  ['no times', entriesOf((entry) => ({ ...entry, times: undefined }))],
  ['an end that is NaN', timesAs({ expiresAt: NaN })],
  ['an end that is missing', timesAs({ expiresAt: undefined })],
  ['an end that is a text', timesAs({ expiresAt: '2030-01-01' })],
  ['a last end that is NaN', timesAs({ absoluteExpiresAt: NaN })],
  ['a birth that is NaN', timesAs({ createdAt: NaN })],
  ['a last use that is NaN', timesAs({ lastSeenAt: NaN })],
  ['no value', valueAs(() => undefined)],
  ['a value that is null', valueAs(() => null)],
  ['a value that is a text', valueAs((value) => Buffer.from(value).toString('latin1'))],
  ['a value that is a list of numbers', valueAs((value) => [...value])],
  ['an empty value', valueAs(() => new Uint8Array())],
  ['one byte of value', valueAs((value) => value.subarray(0, 1))],
  ['half the value', valueAs((value) => value.subarray(0, value.length >> 1))],
  ['the value but for its last byte', valueAs((value) => value.subarray(0, -1))],
  ['the value and a byte more', valueAs((value) => Buffer.concat([value, Buffer.of(0)]))],
  ['garbage', valueAs((value) => value.map((_, i) => (i * 151) & 0xff))],
  [
    'a value with one bit turned',
    valueAs((value) => value.map((byte, i) => (i === value.length >> 1 ? byte ^ 4 : byte))),
  ],
  ['JSON in clear', valueAs(() => Buffer.from(JSON.stringify(sessionOf('mallory'))))],
]

describe('a store that answers a read with', () => {
  for (const [what, alter] of wrongReads) {
    it(`${what}: a clear error or nothing, never another's session, and all is well when it has recovered`, async (t) => {
      const lied = await startLiedTo(t, 'read', alter)
      lied.lie(true)
      const ids = idsUpTo(10)
      await Promise.all(ids.map((id) => readOwn(lied, id)))
      for (const id of ids) await readOwn(lied, id)
      assert.ok(lied.lies() > 0)
      lied.lie(false)
      await lied.clock.advance(2_000)
      for (const id of ids) assert.equal(await readOwn(lied, id), 'found', id)
    })
  }

  for (const [what, alter] of wrongReads) {
    it(`${what}: a write comes to an end, too, and what it acknowledged is there`, async (t) => {
      const lied = await startLiedTo(t, 'read', alter)
      lied.lie(true)
      const set = await settled(lied.clock, lied.cache.setAuthSession('id0', sessionOf('id0', { turn: 2 })))
      assert.notEqual(set.state, 'pending')
      if (set.state === 'rejected') assert.ok(codes.includes(set.error!), set.error)
      assert.ok(lied.counting.requestOperations() < 200, `${lied.counting.requestOperations()} operations`)
      lied.lie(false)
      await lied.clock.advance(2_000)
      const found = await lied.cache.getAuthSession('id0')
      assert.deepEqual(found, set.state === 'fulfilled' ? sessionOf('id0', { turn: 2 }) : sessionOf('id0'))
    })
  }

  it('another version every time: a write gives up, after a bounded number of tries', async (t) => {
    let version = 100
    const lied = await startLiedTo(
      t,
      'read',
      entriesOf((entry) => ({ ...entry, version: (version += 1) })),
    )
    lied.lie(true)
    const set = await settled(lied.clock, lied.cache.setAuthSession('id0', sessionOf('id0', { turn: 2 })))
    assert.equal(set.state, 'rejected')
    assert.ok(codes.includes(set.error!), set.error)
    assert.ok(lied.counting.requestOperations() < 200, `${lied.counting.requestOperations()} operations`)
  })
})

const times = { createdAt: NaN, lastSeenAt: NaN, expiresAt: NaN }
const wrongWrites: [what: string, reply: unknown][] = [
  ['nothing', undefined],
  ['null', null],
  ['a text', 'ok'],
  ['an empty object', {}],
  ['an outcome there is not', { outcome: 'done' }],
  ['no version', { outcome: 'created', times, storeNow: 1 }],
  ['times that are NaN', { outcome: 'replaced', version: 2, times, storeNow: NaN, bumps: [] }],
  ['a version that is a text', { outcome: 'extended', version: '2', times, storeNow: 1 }],
]
const wrongRemovals: [what: string, reply: unknown][] = [
  ['nothing', undefined],
  ['null', null],
  ['an empty object', {}],
  ['a number that is NaN', { removed: NaN, bumps: [] }],
  ['bumps that are no list', { removed: 1, bumps: {} }],
  ['a bump of no bucket', { removed: 1, bumps: [{ bucket: 9_999, prev: 0, n: 1, keys: [] }] }],
  ['a bump of bucket -1', { removed: 1, bumps: [{ bucket: -1, prev: 0, n: 1, keys: [] }] }],
  ['a bump to NaN', { removed: 1, bumps: [{ bucket: 1, prev: 0, n: NaN, keys: [] }] }],
  ['a bump without keys', { removed: 1, bumps: [{ bucket: 1, prev: 0, n: 1 }] }],
  ['a bump that is null', { removed: 1, bumps: [null] }],
]

describe('a store that answers a write with', () => {
  const writes: [operation: keyof Store, work: (lied: Lied) => Promise<unknown>][] = [
    ['create', ({ cache }) => cache.setAuthSession('new', sessionOf('new'))],
    ['replace', ({ cache }) => cache.setAuthSession('id0', sessionOf('id0'))],
    ['extend', ({ cache }) => cache.extendAuthSession('id0', 60)],
    ['writeMany', ({ cache }) => Promise.all(idsUpTo(5).map((id) => cache.setAuthSession(id, sessionOf(id))))],
  ]
  for (const [operation, work] of writes) {
    for (const [what, reply] of wrongWrites) {
      it(`${what} (${operation}): a clear error or the truth, and reads stay right`, async (t) => {
        const lied = await startLiedTo(t, operation, () => reply)
        for (const id of idsUpTo(10)) await readOwn(lied, id)
        lied.lie(true)
        const done = await settled(lied.clock, work(lied))
        assert.notEqual(done.state, 'pending')
        if (done.state === 'rejected') assert.ok(codes.includes(done.error!), done.error)
        lied.lie(false)
        await lied.clock.advance(2_000)
        for (const id of idsUpTo(10)) assert.equal(await readOwn(lied, id), 'found', id)
      })
    }
  }

  for (const [what, reply] of wrongRemovals) {
    it(`${what} (remove): what was ended is not served, and the next one ends`, async (t) => {
      const lied = await startLiedTo(t, 'remove', () => reply)
      for (const id of idsUpTo(10)) await readOwn(lied, id)
      lied.lie(true)
      const done = await settled(lied.clock, lied.cache.invalidateAuthSession('id0'))
      assert.notEqual(done.state, 'pending')
      if (done.state === 'rejected') assert.ok(codes.includes(done.error!), done.error)
      assert.notEqual(await readOwn(lied, 'id0'), 'found')
      lied.lie(false)
      await lied.clock.advance(2_000)
      await lied.cache.invalidateAuthSession('id1')
      assert.deepEqual([await readOwn(lied, 'id0'), await readOwn(lied, 'id1')], ['absent', 'absent'])
      for (const id of idsUpTo(10).slice(2)) assert.equal(await readOwn(lied, id), 'found', id)
    })
  }
})

/** As drivers do that were not written for us: what is thrown need not be an error. */
function throwing(thrown: unknown): () => never {
  return () => {
    throw thrown as Error
  }
}

describe('a store that throws', () => {
  for (const thrown of ['a text', undefined, null, 42, { code: 'ECONNRESET' }, new RangeError('at once')]) {
    for (const isSync of [true, false]) {
      it(`${inspect(thrown, { depth: 0, compact: true }).slice(0, 30)} ${isSync ? 'at once' : 'later'}: 503`, async (t) => {
        const clock = manualClock()
        const read = isSync ? throwing(thrown) : (): Promise<never> => Promise.resolve().then(throwing(thrown))
        const { cache } = startCache(t, { store: alteredStore(memoryStore({ clock }), { read }), clock })
        await assert.rejects(cache.getAuthSession('x'), (error) => isSallyportError(error) && error.status === 503)
      })
    }
  }
})
