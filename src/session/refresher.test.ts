import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import {
  minute,
  nextTokens,
  startProcess,
  tokenEndpoint,
  tokenLifeMs,
  type SessionProcess,
} from '../../test/support/session-process.ts'
import { watch } from '../../test/support/watch.ts'
import type { CacheEntry } from '../cache/entry.ts'
import { memoryStore } from '../stores/memory.ts'
import { manualClock } from '../testing/manual-clock.ts'
import type { SessionRecord } from './record.ts'

type Entry = CacheEntry<SessionRecord>

/** The access token each call got. */
function tokensOf(entries: Entry[]): string[] {
  return entries.map(({ value }) => value.tokens.accessToken)
}

/** Lets the holder of the lease wait for the provider until `finish`. */
function slowEndpoint({ clock, endpoint }: SessionProcess): { finish(): void; die(): void } {
  let finish = (): void => {}
  let isDead = false
  endpoint.answer = () =>
    new Promise((resolve) => {
      finish = () => {
        if (!isDead) resolve(nextTokens(clock, endpoint))
      }
    })
  return { finish: () => finish(), die: () => void (isDead = true) }
}

/** Two processes that share one store and one provider, and a session they both have in memory. */
async function twoProcesses(
  t: TestContext,
): Promise<{ mine: SessionProcess; other: SessionProcess; entries: [Entry, Entry] }> {
  const clock = manualClock()
  const inner = memoryStore({ clock })
  const endpoint = tokenEndpoint(clock)
  const mine = await startProcess(t, { clock, inner, endpoint })
  const other = await startProcess(t, { clock, inner, endpoint })
  const entry = await mine.signIn()
  const { entry: theirs } = await other.parts.partition.load(entry.text, entry.key)
  return { mine, other, entries: [entry, theirs!] }
}

describe('a token that is good', () => {
  test('is given at once: nobody is asked', async (t) => {
    const { parts, signIn, held, endpoint, clock } = await startProcess(t)
    const entry = await signIn()
    await clock.advance(tokenLifeMs - 1)
    const reads = held.calls('read')
    assert.equal(await parts.refresher.current(entry), entry)
    assert.deepEqual([held.calls('read') - reads, endpoint.sent], [0, []])
  })

  test('may be one that never expires', async (t) => {
    const { parts, signIn, endpoint, clock } = await startProcess(t)
    const entry = await signIn({ tokens: { accessToken: 'lasting', tokenType: 'Bearer', refreshToken: 'refresh' } })
    await clock.advance(600 * minute)
    assert.equal(await parts.refresher.current(entry), entry)
    assert.deepEqual(endpoint.sent, [])
  })
})

describe('a token that expired', () => {
  test('is refreshed', async (t) => {
    const { parts, signIn, endpoint, clock } = await startProcess(t)
    const entry = await signIn()
    await clock.advance(tokenLifeMs)
    const refreshed = await parts.refresher.current(entry)
    assert.equal(refreshed.value.tokens.accessToken, 'access 1')
    assert.deepEqual(endpoint.sent, ['refresh 0'])
    assert.equal(parts.partition.serve(entry.text), refreshed)
  })

  test('is refreshed once, however many ask in this process', async (t) => {
    const { parts, signIn, endpoint, clock, held } = await startProcess(t)
    const entry = await signIn()
    await clock.advance(tokenLifeMs)
    const reads = held.calls('read')
    const refreshed = await Promise.all(Array.from({ length: 50 }, () => parts.refresher.current(entry)))
    assert.deepEqual([new Set(tokensOf(refreshed)), endpoint.sent.length], [new Set(['access 1']), 1])
    assert.equal(held.calls('read') - reads, 1)
  })

  test('is refreshed once, however many ask in two processes', async (t) => {
    const { mine, other, entries } = await twoProcesses(t)
    await mine.clock.advance(tokenLifeMs)
    const calls = [mine, other].flatMap(({ parts }, i) =>
      Array.from({ length: 25 }, () => parts.refresher.current(entries[i]!)),
    )
    const refreshed = watch(Promise.all(calls))
    await mine.clock.advance(200)
    assert.deepEqual(new Set(tokensOf(refreshed.value!)), new Set(['access 1']))
    assert.equal(mine.endpoint.sent.length, 1)
  })

  test('is refreshed for every session by itself', async (t) => {
    const { parts, signIn, endpoint, clock } = await startProcess(t)
    const entries = [await signIn(), await signIn()]
    await clock.advance(tokenLifeMs)
    await Promise.all(entries.map((entry) => parts.refresher.current(entry)))
    assert.equal(endpoint.sent.length, 2)
  })

  test('that another process has refreshed is adopted, also if memory here does not know of it', async (t) => {
    const { mine, other, entries } = await twoProcesses(t)
    await mine.clock.advance(tokenLifeMs)
    await mine.parts.refresher.current(entries[0])
    assert.deepEqual(tokensOf([entries[1]]), ['access 0'])
    assert.deepEqual(tokensOf([await other.parts.refresher.current(entries[1])]), ['access 1'])
    assert.equal(mine.endpoint.sent.length, 1)
  })

  test('is looked at anew: a read that was sent before is not good enough', async (t) => {
    const { parts, signIn, held, clock } = await startProcess(t)
    const entry = await signIn()
    await clock.advance(tokenLifeMs)
    held.hold('read', 'answer')
    void parts.partition.load(entry.text, entry.key)
    await clock.advance(0)
    const reads = held.calls('read')
    void parts.refresher.current(entry)
    await clock.advance(0)
    assert.equal(held.calls('read') - reads, 1)
  })

  test('of a session that has ended is ERR_SESSION_ENDED', async (t) => {
    const { parts, signIn, held, clock, endpoint } = await startProcess(t)
    const entry = await signIn()
    await clock.advance(tokenLifeMs)
    await held.store.take(entry.key)
    await assert.rejects(parts.refresher.current(entry), { code: 'ERR_SESSION_ENDED' })
    assert.deepEqual(endpoint.sent, [])
  })

  test('without a refresh token takes a login', async (t) => {
    const { parts, signIn, clock } = await startProcess(t)
    const entry = await signIn({ tokens: { accessToken: 'access', tokenType: 'Bearer', expiresAt: clock.wall() + 1 } })
    await clock.advance(1)
    await assert.rejects(parts.refresher.current(entry), { code: 'ERR_LOGIN_REQUIRED' })
  })

  for (const operation of ['read', 'replace'] as const) {
    test(`is not refreshed while the store does not ${operation}: the new one could not be kept`, async (t) => {
      const { parts, signIn, held, clock, endpoint } = await startProcess(t)
      const entry = await signIn()
      await clock.advance(tokenLifeMs)
      held.hold(operation, 'request')
      const outcome = watch(parts.refresher.current(entry))
      await clock.advance(1_000)
      assert.equal(outcome.error, 'ERR_STORE_UNAVAILABLE')
      assert.deepEqual(endpoint.sent, [])
    })
  }

  test('whose refresh failed is tried again by the next who asks', async (t) => {
    const { parts, signIn, held, clock } = await startProcess(t)
    const entry = await signIn()
    await clock.advance(tokenLifeMs)
    held.hold('read', 'request')
    const outcome = watch(parts.refresher.current(entry))
    await clock.advance(1_000)
    assert.equal(outcome.state, 'rejected')
    held.pass('read')
    assert.deepEqual(tokensOf([await parts.refresher.current(entry)]), ['access 1'])
  })
})

describe('while another process holds the lease', () => {
  test('a token that is still good is used on', async (t) => {
    const { mine, other, entries } = await twoProcesses(t)
    slowEndpoint(mine)
    await mine.clock.advance(tokenLifeMs - minute)
    mine.parts.refresher.startEarly(entries[0])
    await mine.clock.advance(0)
    const reads = other.held.calls('read')
    other.parts.refresher.startEarly(entries[1])
    await mine.clock.advance(0)
    assert.deepEqual([mine.endpoint.sent.length, other.held.calls('read') - reads], [1, 1])
    assert.deepEqual(tokensOf([await other.parts.refresher.current(entries[1])]), ['access 0'])
  })

  test('who needs a new token looks for it every 50 ms, and has it soon after it is there', async (t) => {
    const { mine, other, entries } = await twoProcesses(t)
    const endpoint = slowEndpoint(mine)
    await mine.clock.advance(tokenLifeMs)
    void mine.parts.refresher.current(entries[0])
    await mine.clock.advance(0)
    const before = other.held.calls('read')
    const waiting = watch(other.parts.refresher.current(entries[1]))
    await mine.clock.advance(1_000)
    assert.equal(waiting.state, 'pending')
    assert.equal(other.held.calls('read') - before, 21)
    endpoint.finish()
    await mine.clock.advance(50)
    assert.equal(waiting.value?.value.tokens.accessToken, 'access 1')
  })

  test('the looks are spread between 25 and 75 ms', async (t) => {
    for (const [fraction, looks] of [
      [0, 41],
      [0.999_999, 14],
    ] as const) {
      const { mine, other, entries } = await twoProcesses(t)
      slowEndpoint(mine)
      await mine.clock.advance(tokenLifeMs)
      void mine.parts.refresher.current(entries[0])
      await mine.clock.advance(0)
      t.mock.method(other.parts.randomness, 'fraction', () => fraction)
      const before = other.held.calls('read')
      other.parts.refresher.current(entries[1]).catch(() => {})
      await mine.clock.advance(1_000)
      assert.equal(other.held.calls('read') - before, looks)
      t.mock.restoreAll()
    }
  })

  test('nobody waits longer than the provider may take', async (t) => {
    const { mine, other, entries } = await twoProcesses(t)
    slowEndpoint(mine)
    await mine.clock.advance(tokenLifeMs)
    void mine.parts.refresher.current(entries[0])
    await mine.clock.advance(0)
    const waiting = watch(other.parts.refresher.current(entries[1]))
    await mine.clock.advance(4_950)
    assert.equal(waiting.state, 'pending')
    await mine.clock.advance(100)
    assert.equal(waiting.error, 'ERR_REFRESH_UNAVAILABLE')
  })
})

describe('a process that dies while it refreshes', () => {
  /** Mine died with the refresh token on its way; the lease is over. */
  async function afterDeath(t: TestContext): Promise<{ other: SessionProcess; entry: Entry }> {
    const { mine, other, entries } = await twoProcesses(t)
    slowEndpoint(mine).die()
    await mine.clock.advance(tokenLifeMs)
    void mine.parts.refresher.current(entries[0])
    await mine.clock.advance(0)
    await mine.clock.advance(10_000)
    return { other, entry: entries[1] }
  }

  test('costs at most one refresh more', async (t) => {
    const { other, entry } = await afterDeath(t)
    other.endpoint.answer = async () => nextTokens(other.clock, other.endpoint)
    assert.deepEqual(tokensOf([await other.parts.refresher.current(entry)]), ['access 2'])
    assert.deepEqual(other.endpoint.sent, ['refresh 0', 'refresh 0'])
  })

  test('twice in a row takes a login: nobody sends the token a third time', async (t) => {
    const { other, entry } = await afterDeath(t)
    slowEndpoint(other).die()
    void other.parts.refresher.current(entry)
    await other.clock.advance(10_000)
    const third = await startProcess(t, {
      clock: other.clock,
      inner: other.held.store,
      endpoint: other.endpoint,
    })
    const { entry: theirs } = await third.parts.partition.load(entry.text, entry.key)
    const outcome = watch(third.parts.refresher.current(theirs!))
    await other.clock.advance(0)
    assert.equal(outcome.error, 'ERR_LOGIN_REQUIRED')
    assert.equal(other.endpoint.sent.length, 2)
  })
})

test('a process stopped beyond its lease has, when it goes on, what another got meanwhile', async (t) => {
  const [clock, stopped] = [manualClock(), manualClock()]
  const inner = memoryStore({ clock })
  const mine = await startProcess(t, { clock: stopped, inner })
  const other = await startProcess(t, { clock, inner })
  const entry = await other.signIn()
  const { entry: theirs } = await mine.parts.partition.load(entry.text, entry.key)
  await Promise.all([clock.advance(tokenLifeMs), stopped.advance(tokenLifeMs)])
  mine.endpoint.answer = (_refreshToken, signal) =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
  const waiting = watch(mine.parts.refresher.current(theirs!))
  await stopped.advance(0)
  await clock.advance(10_000)
  const refreshed = await other.parts.refresher.current(entry)
  await stopped.advance(10_000)
  assert.deepEqual([waiting.error, waiting.value?.value.tokens], [undefined, refreshed.value.tokens])
})

describe('when an early refresh is due', () => {
  test('is never, for a token that does not expire or cannot be refreshed', async (t) => {
    const { parts, signIn, clock } = await startProcess(t)
    const expiresAt = clock.wall() + minute
    for (const tokens of [
      { accessToken: 'lasting', tokenType: 'Bearer', refreshToken: 'refresh' },
      { accessToken: 'short', tokenType: 'Bearer', expiresAt },
    ]) {
      assert.equal(parts.refresher.dueInMs(await signIn({ tokens })), Infinity)
    }
  })

  test('is now, for a token that expired', async (t) => {
    const { parts, signIn, clock } = await startProcess(t)
    const entry = await signIn()
    await clock.advance(2 * tokenLifeMs)
    assert.equal(parts.refresher.dueInMs(entry), 0)
  })
})
