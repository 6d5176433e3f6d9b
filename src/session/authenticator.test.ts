import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { cookieName, minute, startProcess, type SessionProcess } from '../../test/support/session-process.ts'
import { watch, type Watched } from '../../test/support/watch.ts'
import type { Answer } from '../cache/answer.ts'
import type { TwoTierCacheConfig } from '../cache/config.ts'
import type { CacheEntry } from '../cache/entry.ts'
import { memoryStore } from '../stores/memory.ts'
import { manualClock } from '../testing/manual-clock.ts'
import { Authenticator } from './authenticator.ts'
import { createKeyRing } from './key-ring.ts'
import { issueTicket } from './cookie-text.ts'
import type { SessionRecord } from './record.ts'
import { systemRandomness } from '../shared/randomness.ts'

type Found = CacheEntry<SessionRecord> | undefined

interface Asking extends SessionProcess {
  authenticator: Authenticator
  answers: Answer[]
  /** Every operation but polls. */
  operations(): number
}

function asking(started: SessionProcess): Asking {
  const answers: Answer[] = []
  const authenticator = new Authenticator(started.parts, (answer) => void answers.push(answer))
  const counted = ['read', 'create', 'replace', 'extend', 'take', 'remove', 'list', 'ping'] as const
  const operations = (): number => counted.reduce((sum, name) => sum + started.held.calls(name), 0)
  return { ...started, authenticator, answers, operations }
}

async function start(t: TestContext): Promise<Asking> {
  return asking(await startProcess(t))
}

describe('a warm session', () => {
  test('is answered at once, from memory, without any store operation', async (t) => {
    const { authenticator, signIn, cookieOf, operations, answers } = await start(t)
    const entry = await signIn()
    const before = operations()
    for (let i = 0; i < 100; i++) assert.equal(authenticator.find(cookieOf(entry)), entry)
    assert.equal(operations(), before)
    assert.deepEqual(authenticator.counts, { l1: 100, l2: 0, joined: 0, stale: 0, refused: 0 })
    assert.deepEqual(answers[0], { source: 'l1', durationMs: 0 })
  })

  test('that is to be touched is touched beside the answer', async (t) => {
    const { authenticator, signIn, cookieOf, clock, held } = await start(t)
    const entry = await signIn()
    for (let passed = 0; passed < 8; passed++) {
      await clock.advance(minute)
      const found = authenticator.find(cookieOf(entry))
      if (found instanceof Promise) await found
    }
    await clock.advance(0)
    assert.equal(held.calls('extend'), 1)
  })
})

describe('a cold session', () => {
  test('is answered by the store, once for all who ask at the same time', async (t) => {
    const mine = await start(t)
    const entry = await mine.signIn()
    const cold = asking(await startProcess(t, { clock: mine.clock, inner: mine.held.store }))
    const found = await Promise.all(
      Array.from({ length: 10 }, async () => cold.authenticator.find(mine.cookieOf(entry))),
    )
    assert.equal(new Set(found.map((each) => each?.key)).size, 1)
    assert.deepEqual(cold.authenticator.counts, { l1: 0, l2: 1, joined: 9, stale: 0, refused: 0 })
    assert.equal(cold.held.calls('read'), 1)
    assert.deepEqual(cold.answers.map(({ source }) => source).sort(), [
      'joined',
      'joined',
      'joined',
      'joined',
      'joined',
      'joined',
      'joined',
      'joined',
      'joined',
      'l2',
    ])
  })

  test('that is gone is refused as absent', async (t) => {
    const { authenticator, signIn, cookieOf, held, parts, answers } = await start(t)
    const entry = await signIn()
    await held.store.take(entry.key)
    parts.tiers.drop(entry.key)
    assert.equal(await authenticator.find(cookieOf(entry)), undefined)
    assert.deepEqual(answers, [{ source: 'refused', reason: 'absent', durationMs: 0 }])
  })

  test('that the store cannot tell of is no answer at all', async (t) => {
    const { authenticator, signIn, cookieOf, held, parts, clock, answers } = await start(t)
    const entry = await signIn()
    parts.tiers.drop(entry.key)
    held.hold('read', 'request')
    const outcome = watch(Promise.resolve(authenticator.find(cookieOf(entry))))
    await clock.advance(1_000)
    assert.equal(outcome.error, 'ERR_STORE_UNAVAILABLE')
    assert.deepEqual(answers, [{ source: 'refused', reason: 'unavailable', durationMs: 1_000 }])
  })
})

describe('nobody is let in and no store is asked', () => {
  const { text } = issueTicket(createKeyRing(['another secret, of other people!!']), systemRandomness)
  for (const [what, header, reason] of [
    ['without any cookie', undefined, 'anonymous'],
    ['with an empty header', '', 'anonymous'],
    ['with other cookies', 'a=b; c=d', 'anonymous'],
    ['with an empty one', `${cookieName}=`, 'forged'],
    ['with one of 8 KB', `${cookieName}=${'A'.repeat(8_192)}`, 'forged'],
    ['with one that others made', `${cookieName}=${text}`, 'forged'],
    ['with two', `${cookieName}=${text}; ${cookieName}=${text}`, 'forged'],
    ['with one of non-ASCII', `${cookieName}=${'\u00e9'.repeat(text.length)}`, 'forged'],
  ] as const) {
    test(what, async (t) => {
      const { authenticator, operations, answers } = await start(t)
      assert.equal(authenticator.find(header), undefined)
      assert.equal(operations(), 0)
      assert.deepEqual(
        answers.map((answer) => [answer.source, answer.reason]),
        [['refused', reason]],
      )
    })
  }

  test('with a genuine one beside a second', async (t) => {
    const { authenticator, signIn, cookieOf, operations } = await start(t)
    const entry = await signIn()
    const before = operations()
    assert.equal(authenticator.find(`${cookieOf(entry)}; ${cookieOf(entry)}`), undefined)
    assert.equal(operations(), before)
  })
})

describe('you read your own writes', () => {
  /** Memory here has version 1; the browser wrote version 2 elsewhere. */
  async function behind(
    t: TestContext,
    cache: TwoTierCacheConfig = {},
  ): Promise<{ here: Asking; header: string; session: string }> {
    const clock = manualClock()
    const inner = memoryStore({ clock })
    const elsewhere = await startProcess(t, { clock, inner })
    const here = asking(await startProcess(t, { clock, inner, cache }))
    const entry = await elsewhere.signIn()
    const session = elsewhere.cookieOf(entry)
    await here.authenticator.find(session)
    const record = { ...entry.value, data: { written: true } }
    const written = await elsewhere.parts.writes.replace(entry, record, { bump: true })
    assert.ok(typeof written === 'object')
    const [version] = elsewhere.parts.cookies.version(written.version, entry.text).split(';')
    return { here, header: `${session}; ${version}`, session }
  }

  test('memory that is behind the browser is passed by', async (t) => {
    const { here, header, session } = await behind(t)
    const old = here.authenticator.find(session)
    assert.ok(old !== undefined && !(old instanceof Promise))
    assert.equal(old.version, 1)
    const fresh = await here.authenticator.find(header)
    assert.deepEqual([fresh?.version, fresh?.value.data], [2, { written: true }])
    assert.equal(here.authenticator.find(header), fresh)
  })

  test('a version nobody vouches for changes nothing', async (t) => {
    const { here, header } = await behind(t)
    const forged = header.replace('version=2.', 'version=3.')
    const found = here.authenticator.find(forged)
    assert.ok(found !== undefined && !(found instanceof Promise))
    assert.equal(found.version, 1)
  })

  test('a read that was sent before is not good enough', async (t) => {
    const { here, header, session } = await behind(t)
    const { parts, held, clock } = here
    const old = here.authenticator.find(session)
    assert.ok(old !== undefined && !(old instanceof Promise))
    parts.tiers.drop(old.key)
    const reads = held.calls('read')
    held.hold('read', 'answer')
    void here.authenticator.find(session)
    await clock.advance(0)
    void here.authenticator.find(header)
    await clock.advance(0)
    assert.equal(held.calls('read') - reads, 2)
  })

  describe('also while the store is down and memory may answer stale', () => {
    async function askedInOutage(here: Asking, header: string): Promise<Watched<Found>> {
      here.held.hold('read', 'request')
      here.held.hold('epochs', 'request')
      await here.clock.advance(2_000)
      const outcome = watch(Promise.resolve(here.authenticator.find(header)))
      await here.clock.advance(1_000)
      return outcome
    }

    test('which it does for a browser whose write memory has', async (t) => {
      const { here, header } = await behind(t, { serveStaleForSec: 60 })
      await here.authenticator.find(header)
      const outcome = await askedInOutage(here, header)
      assert.deepEqual([outcome.value?.version, here.answers.at(-1)?.source], [2, 'stale'])
    })

    test('and does not where memory is behind the browser', async (t) => {
      const { here, header } = await behind(t, { serveStaleForSec: 60 })
      const outcome = await askedInOutage(here, header)
      assert.equal(outcome.error, 'ERR_STORE_UNAVAILABLE')
      assert.equal(here.parts.partition.stats().entries, 1)
    })
  })
})
