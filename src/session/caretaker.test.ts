import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import type { CacheEntry } from '../cache/entry.ts'
import {
  minute,
  nextTokens,
  startProcess,
  tokenLifeMs,
  type SessionProcess,
} from '../../test/support/session-process.ts'
import type { SessionRecord } from './record.ts'
import { RefreshFailure } from './tokens.ts'

/** A quarter of the idle timeout of half an hour. */
const quarterMs = 7.5 * minute

/** A session whose tokens never need a refresh. */
async function withLastingTokens(
  t: TestContext,
): Promise<{ started: SessionProcess; entry: CacheEntry<SessionRecord> }> {
  const started = await startProcess(t)
  const entry = await started.signIn({ tokens: { accessToken: 'lasting', tokenType: 'Bearer' } })
  return { started, entry }
}

/** Requests every `everyMs` for a while, each of which looks after the entry if it is time to. */
async function requests(
  { clock, parts }: SessionProcess,
  entry: CacheEntry<SessionRecord>,
  { everyMs, forMs }: { everyMs: number; forMs: number },
): Promise<void> {
  for (let passed = 0; passed < forMs; passed += everyMs) {
    await clock.advance(everyMs)
    if (clock.monotonic() >= entry.attentionAt) parts.caretaker.attend(entry, clock.monotonic())
  }
  await clock.advance(0)
}

describe('touch', () => {
  test('a session in use is extended once per quarter of its idle timeout', async (t) => {
    const { started, entry } = await withLastingTokens(t)
    await requests(started, entry, { everyMs: minute / 4, forMs: 4 * quarterMs + minute })
    assert.equal(started.held.calls('extend'), 4)
  })

  test('a session that is not in use for a quarter of its idle timeout is not extended', async (t) => {
    const { started, entry } = await withLastingTokens(t)
    await requests(started, entry, { everyMs: minute / 4, forMs: quarterMs - minute / 4 })
    assert.equal(started.held.calls('extend'), 0)
  })

  test('a session in use does not end', async (t) => {
    const { started, entry } = await withLastingTokens(t)
    await requests(started, entry, { everyMs: minute, forMs: 55 * minute })
    assert.ok(entry.times.expiresAt > started.clock.wall() + 20 * minute)
    assert.notEqual((await started.held.store.read([entry.key])).entries[0], undefined)
  })

  test('one touch at a time, however many requests come', async (t) => {
    const { started, entry } = await withLastingTokens(t)
    const { clock, parts, held } = started
    held.hold('extend', 'request')
    await clock.advance(quarterMs)
    for (let i = 0; i < 10; i++) parts.caretaker.attend(entry, clock.monotonic())
    await clock.advance(0)
    assert.equal(held.calls('extend'), 1)
  })

  test('that failed is tried again by a request a second later, not sooner', async (t) => {
    const { started, entry } = await withLastingTokens(t)
    const { held } = started
    held.hold('extend', 'request')
    await requests(started, entry, { everyMs: 100, forMs: quarterMs })
    assert.equal(held.calls('extend'), 1)
    // It fails after a second, at the timeout.
    await requests(started, entry, { everyMs: 100, forMs: 1_900 })
    assert.equal(held.calls('extend'), 1)
    held.pass('extend')
    await requests(started, entry, { everyMs: 100, forMs: 200 })
    assert.equal(held.calls('extend'), 2)
    await requests(started, entry, { everyMs: minute / 4, forMs: quarterMs / 2 })
    assert.equal(held.calls('extend'), 2)
  })

  test('that failed is nobody’s unhandled rejection, and no more than a detail in the log', async (t) => {
    const { started, entry } = await withLastingTokens(t)
    started.held.hold('extend', 'answer')
    await started.clock.advance(quarterMs)
    started.parts.caretaker.attend(entry, started.clock.monotonic())
    await started.clock.advance(0)
    started.held.lose('extend')
    await started.clock.advance(0)
    assert.deepEqual(
      started.lines.filter(({ message }) => message.includes('touched')).map(({ level }) => level),
      ['debug'],
    )
  })

  test('of a session that is gone ends it in memory', async (t) => {
    const { started, entry } = await withLastingTokens(t)
    await started.held.store.take(entry.key)
    await requests(started, entry, { everyMs: minute, forMs: 8 * minute })
    assert.equal(started.parts.partition.serve(entry.text), undefined)
  })
})

describe('early refresh', () => {
  test('starts when between a fifth and a tenth of the token’s life is left, by chance', async (t) => {
    for (const [fraction, share] of [
      [0, 0.2],
      [0.5, 0.15],
      [0.999_999, 0.1],
    ] as const) {
      const started = await startProcess(t)
      t.mock.method(started.parts.randomness, 'fraction', () => fraction)
      const entry = await started.signIn()
      await requests(started, entry, { everyMs: minute / 60, forMs: (1 - share) * tokenLifeMs - minute / 60 })
      assert.equal(started.endpoint.sent.length, 0)
      await requests(started, entry, { everyMs: minute / 60, forMs: minute / 30 })
      assert.equal(started.endpoint.sent.length, 1, `fraction ${fraction}`)
      t.mock.restoreAll()
    }
  })

  test('starts once, however many requests come', async (t) => {
    const started = await startProcess(t)
    const { clock, parts, endpoint } = started
    const entry = await started.signIn()
    endpoint.answer = () => new Promise(() => {})
    await clock.advance(tokenLifeMs - minute)
    for (let i = 0; i < 10; i++) parts.caretaker.attend(entry, clock.monotonic())
    await clock.advance(3_000)
    assert.equal(endpoint.sent.length, 1)
  })

  test('is tried again no sooner than a second later, and not before the provider says', async (t) => {
    const started = await startProcess(t)
    const { endpoint, clock } = started
    let entry = await started.signIn()
    endpoint.answer = async () => {
      throw new RefreshFailure('unavailable', { retryAfterSec: 30 })
    }
    await clock.advance(tokenLifeMs - 1.5 * minute)
    const inMemory = (): CacheEntry<SessionRecord> => started.parts.partition.serve(entry.text) ?? entry
    for (let passed = 0; passed < 29_000; passed += 250) {
      entry = inMemory()
      if (clock.monotonic() >= entry.attentionAt) started.parts.caretaker.attend(entry, clock.monotonic())
      await clock.advance(250)
    }
    assert.equal(endpoint.sent.length, 1)
    endpoint.answer = async () => nextTokens(clock, endpoint)
    for (let passed = 0; passed < 4_000; passed += 250) {
      entry = inMemory()
      if (clock.monotonic() >= entry.attentionAt) started.parts.caretaker.attend(entry, clock.monotonic())
      await clock.advance(250)
    }
    assert.equal(endpoint.sent.length, 2)
  })

  test('that has to wait for the provider asks the store nothing', async (t) => {
    const started = await startProcess(t)
    const { clock, parts, endpoint, held } = started
    let entry = await started.signIn()
    endpoint.answer = async () => {
      throw new RefreshFailure('unavailable', { retryAfterSec: 60 })
    }
    await clock.advance(tokenLifeMs - 1.5 * minute)
    parts.caretaker.attend(entry, clock.monotonic())
    await clock.advance(0)
    entry = parts.partition.serve(entry.text)!
    const [reads, writes] = [held.calls('read'), held.calls('replace')]
    for (let passed = 0; passed < 50_000; passed += 1_000) {
      parts.caretaker.attend(entry, clock.monotonic())
      await clock.advance(1_000)
    }
    assert.deepEqual([held.calls('read'), held.calls('replace')], [reads, writes])
  })

  for (const [what, refresh] of [
    ['that another process has begun', { fence: 1, leaseUntil: Number.MAX_SAFE_INTEGER }],
    ['with a token that may have been spent twice', { doubts: 2 }],
    ['with a token that may have been spent once, and that died with its lease', { doubts: 1, leaseUntil: 1 }],
  ] as const) {
    test(`${what} asks neither the provider nor the store`, async (t) => {
      const started = await startProcess(t)
      const { clock, parts, endpoint, held } = started
      const entry = await started.signIn()
      const record = { ...entry.value, refresh: { ...entry.value.refresh, ...refresh } }
      const changed = await parts.writes.replace(entry, record, { bump: false })
      assert.ok(typeof changed === 'object')
      const reads = held.calls('read')
      for (let passed = 0; passed < 3; passed++) {
        await clock.advance(tokenLifeMs - minute)
        parts.caretaker.attend(changed, clock.monotonic())
      }
      await clock.advance(0)
      assert.deepEqual([endpoint.sent, held.calls('read') - reads], [[], 0])
    })
  }

  test('that the store refuses at once is tried once a second, not with every request', async (t) => {
    const started = await startProcess(t)
    const entry = await started.signIn()
    await started.clock.advance(tokenLifeMs - minute)
    const read = t.mock.method(started.parts.tiers.store, 'read', () => Promise.reject(new Error('refused')))
    await requests(started, entry, { everyMs: 100, forMs: 5_000 })
    assert.ok(read.mock.callCount() >= 4 && read.mock.callCount() <= 6, `${read.mock.callCount()} reads in 5 s`)
  })

  test('does not happen to tokens that cannot be refreshed', async (t) => {
    const started = await startProcess(t)
    const { clock } = started
    const tokens = { accessToken: 'access', tokenType: 'Bearer', expiresAt: clock.wall() + minute }
    const entry = await started.signIn({ tokens })
    const reads = started.held.calls('read')
    await requests(started, entry, { everyMs: 1_000, forMs: 2 * minute })
    assert.deepEqual([started.endpoint.sent, started.held.calls('read')], [[], reads])
  })
})

test('a new entry wants attention when it is to be touched or refreshed, whichever is earlier', async (t) => {
  const started = await startProcess(t)
  const { clock } = started
  const touched = await started.signIn({ tokens: { accessToken: 'lasting', tokenType: 'Bearer' } })
  assert.equal(touched.attentionAt, clock.monotonic() + quarterMs)
  const expiresAt = clock.wall() + minute
  const refreshed = await started.signIn({
    tokens: { accessToken: 'short', tokenType: 'Bearer', expiresAt, refreshToken: 'refresh' },
  })
  assert.equal(refreshed.attentionAt, clock.monotonic() + 0.85 * minute)
})
