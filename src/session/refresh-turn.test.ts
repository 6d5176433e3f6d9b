import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import {
  minute,
  nextTokens,
  startProcess,
  tokenLifeMs,
  type SessionProcess,
} from '../../test/support/session-process.ts'
import { watch, type Watched } from '../../test/support/watch.ts'
import type { CacheEntry } from '../cache/entry.ts'
import type { SessionRecord } from './record.ts'
import { RefreshFailure, type RefreshOutcome, type TokenSet } from './tokens.ts'

type Entry = CacheEntry<SessionRecord>

interface Expired extends SessionProcess {
  entry: Entry
  /** Asks for the access token, and lets everything happen that can happen at once. */
  ask(): Promise<Watched<Entry>>
  /** What the store has of the session now. */
  record(): Promise<SessionRecord | undefined>
  /** Another process changes the record. */
  changeElsewhere(change: (record: SessionRecord) => SessionRecord): Promise<void>
  /** Another process takes over the lease and refreshes the tokens, whose texts are `theirs`. */
  refreshElsewhere(): Promise<void>
}

/** A session whose access token has just expired. */
async function expired(t: TestContext, options: { refreshTimeoutMs?: number } = {}): Promise<Expired> {
  const started = await startProcess(t, { options })
  const { clock, held, parts } = started
  const entry = await started.signIn()
  await clock.advance(tokenLifeMs)
  const other = await startProcess(t, { clock, inner: held.store, endpoint: started.endpoint })
  const elsewhere = async (): Promise<Entry | undefined> =>
    (await other.parts.partition.load(entry.text, entry.key, true)).entry
  const changeElsewhere = async (change: (record: SessionRecord) => SessionRecord): Promise<void> => {
    const theirs = (await elsewhere())!
    assert.ok(typeof (await other.parts.writes.replace(theirs, change(theirs.value), { bump: true })) === 'object')
  }
  return {
    ...started,
    entry,
    async ask() {
      const asked = watch(parts.refresher.current(entry))
      await clock.advance(0)
      return asked
    },
    record: async () => (await elsewhere())?.value,
    changeElsewhere,
    refreshElsewhere: () =>
      changeElsewhere((record) => ({
        ...record,
        tokens: {
          ...record.tokens,
          accessToken: 'theirs',
          refreshToken: 'theirs',
          expiresAt: clock.wall() + minute,
        },
        tokensAt: clock.wall(),
        refresh: { count: record.refresh.count + 1, fence: record.refresh.fence + 1, doubts: 0, failures: 0 },
      })),
  }
}

/** Makes the provider answer only when the test says so. */
function heldBack({ endpoint, clock }: SessionProcess): {
  answer(tokens?: Partial<TokenSet>): void
  refuse(outcome: RefreshOutcome): void
} {
  let resolve = (_: TokenSet): void => {}
  let reject = (_: Error): void => {}
  endpoint.answer = () => new Promise((...settle) => ([resolve, reject] = settle))
  return {
    answer: (tokens = {}) => resolve({ ...nextTokens(clock, endpoint), ...tokens }),
    refuse: (outcome) => reject(new RefreshFailure(outcome)),
  }
}

function failing(outcome: RefreshOutcome, retryAfterSec?: number): () => Promise<TokenSet> {
  return async () => {
    throw new RefreshFailure(outcome, { retryAfterSec })
  }
}

describe('a refresh that succeeds', () => {
  test('is written with the lease given back, and counted', async (t) => {
    const session = await expired(t)
    await session.ask()
    const record = await session.record()
    assert.deepEqual(record?.tokens, {
      accessToken: 'access 1',
      tokenType: 'Bearer',
      expiresAt: session.clock.wall() + tokenLifeMs,
      refreshToken: 'refresh 1',
      idToken: 'id 0',
      scope: 'openid',
    })
    assert.deepEqual(record.refresh, { count: 1, fence: 1, doubts: 0, failures: 0 })
    assert.equal(record.tokensAt, session.clock.wall())
  })

  test('holds the lease while the provider is asked', async (t) => {
    const session = await expired(t)
    heldBack(session)
    await session.ask()
    const refresh = (await session.record())?.refresh
    assert.deepEqual([refresh?.fence, refresh?.leaseUntil], [1, Math.floor(session.clock.wall()) + 10_000])
  })

  test('keeps a refresh token that was not rotated', async (t) => {
    const session = await expired(t)
    session.endpoint.answer = async () => ({ accessToken: 'new', tokenType: 'Bearer' })
    await session.ask()
    assert.equal((await session.record())?.tokens.refreshToken, 'refresh 0')
  })

  test('of a token whose life the provider does not tell has none that ended before', async (t) => {
    const session = await expired(t)
    session.endpoint.answer = async () => ({ accessToken: 'new', tokenType: 'Bearer' })
    await session.ask()
    assert.equal((await session.record())?.tokens.expiresAt, undefined)
    await session.ask()
    assert.equal(session.endpoint.sent.length, 1)
  })

  test('stores the new refresh token also if the access token is the same as before', async (t) => {
    const session = await expired(t)
    session.endpoint.answer = async () => ({ ...nextTokens(session.clock, session.endpoint), accessToken: 'access 0' })
    const asked = await session.ask()
    assert.equal(asked.value?.value.tokens.refreshToken, 'refresh 1')
    const record = await session.record()
    assert.deepEqual([record?.tokens.refreshToken, record?.refresh.leaseUntil], ['refresh 1', undefined])
  })

  test('bumps nothing: others use the old token until it expires', async (t) => {
    const session = await expired(t)
    const { numbers } = await session.held.store.epochs([])
    await session.ask()
    assert.deepEqual((await session.held.store.epochs([])).numbers, numbers)
  })

  test('keeps what was changed meanwhile', async (t) => {
    const session = await expired(t)
    const provider = heldBack(session)
    const asked = await session.ask()
    await session.changeElsewhere((record) => ({ ...record, data: { changed: true } }))
    provider.answer()
    await session.clock.advance(0)
    assert.equal(asked.value?.value.tokens.accessToken, 'access 1')
    assert.deepEqual(asked.value.value.data, { changed: true })
  })

  test('is told to the hook once', async (t) => {
    const session = await expired(t)
    await session.ask()
    assert.deepEqual(session.told, ['alice refreshed'])
  })
})

describe('a session that ended meanwhile', () => {
  for (const [what, end] of [
    ['by a logout here', ({ parts, entry }: Expired) => parts.writes.remove({ key: entry.key })],
    ['by a logout elsewhere', ({ held, entry }: Expired) => held.store.remove({ key: entry.key })],
  ] as const) {
    test(`${what} is not brought back, and the new refresh token is given back`, async (t) => {
      const session = await expired(t)
      const provider = heldBack(session)
      const asked = await session.ask()
      await end(session)
      provider.answer()
      await session.clock.advance(0)
      assert.equal(asked.error, 'ERR_SESSION_ENDED')
      assert.deepEqual(session.endpoint.revoked, ['refresh 1'])
      assert.equal(await session.record(), undefined)
      assert.equal(session.parts.partition.serve(session.entry.text), undefined)
    })
  }

  test('leaves a refresh token alone that was not rotated: the logout gave it back', async (t) => {
    const session = await expired(t)
    const provider = heldBack(session)
    await session.ask()
    await session.held.store.remove({ key: session.entry.key })
    provider.answer({ refreshToken: 'refresh 0' })
    await session.clock.advance(0)
    assert.deepEqual(session.endpoint.revoked, [])
  })

  test('before the lease was written is ERR_SESSION_ENDED, and nothing is sent', async (t) => {
    const session = await expired(t)
    session.held.hold('replace', 'request')
    const asked = await session.ask()
    await session.held.store.take(session.entry.key)
    session.held.release('replace')
    await session.clock.advance(0)
    assert.equal(asked.error, 'ERR_SESSION_ENDED')
    assert.deepEqual(session.endpoint.sent, [])
  })
})

describe('a lease that was lost', () => {
  test('makes the new refresh token an orphan, which is given back, and the other’s tokens are used', async (t) => {
    const session = await expired(t)
    const provider = heldBack(session)
    const asked = await session.ask()
    await session.refreshElsewhere()
    provider.answer()
    await session.clock.advance(0)
    assert.equal(asked.value?.value.tokens.accessToken, 'theirs')
    assert.deepEqual(session.endpoint.revoked, ['refresh 1'])
  })

  test('to somebody else before it was had sends nothing', async (t) => {
    const session = await expired(t)
    session.held.hold('replace', 'request')
    const asked = await session.ask()
    session.held.pass('replace')
    await session.refreshElsewhere()
    session.held.release('replace')
    await session.clock.advance(0)
    assert.equal(asked.value?.value.tokens.accessToken, 'theirs')
    assert.deepEqual(session.endpoint.sent, [])
  })

  test('for want of time is given back before anything is sent', async (t) => {
    const session = await expired(t, { refreshTimeoutMs: 300 })
    session.held.hold('replace', 'answer')
    const asked = await session.ask()
    await session.clock.advance(400)
    session.held.pass('replace')
    session.held.release('replace')
    await session.clock.advance(0)
    assert.deepEqual(session.endpoint.sent, ['refresh 0'])
    assert.equal(asked.value?.value.tokens.accessToken, 'access 1')
    assert.deepEqual(asked.value.value.refresh, { count: 1, fence: 2, doubts: 0, failures: 0 })
  })
})

describe('new tokens that cannot be stored at once', () => {
  test('are stored as soon as the store is back, and the provider is not asked again', async (t) => {
    const session = await expired(t)
    const provider = heldBack(session)
    const asked = await session.ask()
    session.held.hold('replace', 'request')
    provider.answer()
    await session.clock.advance(3_000)
    assert.equal(asked.state, 'pending')
    session.held.pass('replace')
    await session.clock.advance(1_200)
    assert.equal(asked.value?.value.tokens.accessToken, 'access 1')
    assert.deepEqual([session.endpoint.sent, session.endpoint.revoked], [['refresh 0'], []])
  })

  test('but were, as nobody was told, and have been refreshed elsewhere since: they are no orphan', async (t) => {
    const session = await expired(t)
    const provider = heldBack(session)
    const asked = await session.ask()
    session.held.hold('replace', 'answer')
    provider.answer()
    await session.clock.advance(0)
    session.held.lose('replace')
    session.held.pass('replace')
    await session.refreshElsewhere()
    await session.clock.advance(1_200)
    assert.equal(asked.value?.value.tokens.accessToken, 'theirs')
    assert.deepEqual(session.endpoint.revoked, [])
  })

  test('before the lease is over are given up, as a store that does not answer', async (t) => {
    const session = await expired(t)
    const provider = heldBack(session)
    const asked = await session.ask()
    session.held.hold('replace', 'request')
    provider.answer()
    await session.clock.advance(12_000)
    assert.equal(asked.error, 'ERR_STORE_UNAVAILABLE')
  })

  test('but only the store’s answer was lost, are not stored twice, nor given back', async (t) => {
    const session = await expired(t)
    const provider = heldBack(session)
    const asked = await session.ask()
    session.held.hold('replace', 'answer')
    provider.answer()
    await session.clock.advance(0)
    session.held.pass('replace')
    session.held.lose('replace')
    await session.clock.advance(200)
    assert.equal(asked.value?.value.tokens.accessToken, 'access 1')
    assert.deepEqual([asked.value.value.refresh.count, session.endpoint.revoked], [1, []])
  })

  test('but were, and the next process is refreshing already, are not given back either', async (t) => {
    const session = await expired(t)
    const provider = heldBack(session)
    await session.ask()
    session.held.hold('replace', 'answer')
    provider.answer()
    await session.clock.advance(0)
    session.held.pass('replace')
    await session.changeElsewhere((record) => ({ ...record, refresh: { ...record.refresh, fence: 2 } }))
    session.held.lose('replace')
    await session.clock.advance(200)
    assert.deepEqual(session.endpoint.revoked, [])
  })
})

describe('a refresh token that is refused', () => {
  test('ends the session, and the hook is told', async (t) => {
    const session = await expired(t)
    session.endpoint.answer = failing('refused')
    assert.equal((await session.ask()).error, 'ERR_SESSION_ENDED')
    assert.equal(await session.record(), undefined)
    assert.deepEqual(session.told, ['alice signed out: refused-by-provider'])
  })

  test('because another process had sent it already: its tokens are used, and nobody is signed out', async (t) => {
    const session = await expired(t)
    const provider = heldBack(session)
    const asked = await session.ask()
    await session.refreshElsewhere()
    provider.refuse('refused')
    await session.clock.advance(0)
    assert.equal(asked.value?.value.tokens.accessToken, 'theirs')
    assert.deepEqual(session.told, [])
  })

  test('while another process is sending it ends nothing: that one may have got the new ones', async (t) => {
    const session = await expired(t)
    const provider = heldBack(session)
    const asked = await session.ask()
    const leaseUntil = session.clock.wall() + minute
    await session.changeElsewhere((record) => ({ ...record, refresh: { ...record.refresh, fence: 2, leaseUntil } }))
    provider.refuse('refused')
    await session.clock.advance(1_000)
    assert.equal(asked.state, 'pending')
    assert.equal((await session.record())?.tokens.refreshToken, 'refresh 0')
  })

  test('ends the session also if its data was changed just then', async (t) => {
    const session = await expired(t)
    const provider = heldBack(session)
    const asked = await session.ask()
    session.held.hold('remove', 'request')
    provider.refuse('refused')
    await session.clock.advance(0)
    await session.changeElsewhere((record) => ({ ...record, data: { changed: true } }))
    session.held.pass('remove')
    session.held.release('remove')
    await session.clock.advance(0)
    assert.equal(asked.error, 'ERR_SESSION_ENDED')
    assert.equal(await session.record(), undefined)
  })

  test('of a session that has ended already is not told again', async (t) => {
    const session = await expired(t)
    const provider = heldBack(session)
    const asked = await session.ask()
    await session.held.store.remove({ key: session.entry.key })
    provider.refuse('refused')
    await session.clock.advance(0)
    assert.equal(asked.error, 'ERR_SESSION_ENDED')
    assert.deepEqual(session.told, [])
  })
})

describe('a provider that is unavailable', () => {
  test('costs nobody the session: ERR_REFRESH_UNAVAILABLE', async (t) => {
    const session = await expired(t)
    session.endpoint.answer = failing('unavailable')
    assert.equal((await session.ask()).error, 'ERR_REFRESH_UNAVAILABLE')
    const record = await session.record()
    assert.equal(record?.tokens.refreshToken, 'refresh 0')
    assert.deepEqual([record.refresh.leaseUntil, record.refresh.failures, record.refresh.doubts], [undefined, 1, 0])
  })

  test('is asked again later and later: after 1, 2, 4 … and at most 60 seconds', async (t) => {
    const session = await expired(t)
    session.endpoint.answer = failing('unavailable')
    const waits: number[] = []
    for (let tries = 0; tries < 8; tries++) {
      await session.ask()
      const { notBefore } = (await session.record())!.refresh
      waits.push(Math.round(notBefore! - session.clock.wall()))
      await session.clock.advance(notBefore! - session.clock.wall())
    }
    assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
    assert.equal(session.endpoint.sent.length, 8)
  })

  test('is not asked before that: whoever needs the token is told when to come again', async (t) => {
    const session = await expired(t)
    session.endpoint.answer = failing('unavailable', 30)
    await assert.rejects(session.parts.refresher.current(session.entry), { retryAfterSec: 30 })
    await session.clock.advance(20_000)
    await assert.rejects(session.parts.refresher.current(session.entry), {
      code: 'ERR_REFRESH_UNAVAILABLE',
      retryAfterSec: 10,
    })
    assert.equal(session.endpoint.sent.length, 1)
    await session.clock.advance(10_000)
    session.endpoint.answer = async () => nextTokens(session.clock, session.endpoint)
    assert.equal((await session.ask()).value?.value.tokens.accessToken, 'access 2')
  })

  test('and works again is forgiven everything', async (t) => {
    const session = await expired(t)
    session.endpoint.answer = failing('unavailable')
    await session.ask()
    await session.clock.advance(2_000)
    session.endpoint.answer = async () => nextTokens(session.clock, session.endpoint)
    await session.ask()
    assert.deepEqual((await session.record())?.refresh, { count: 1, fence: 2, doubts: 0, failures: 0 })
  })

  test('for an early refresh leaves the old token in use', async (t) => {
    const started = await startProcess(t)
    const entry = await started.signIn()
    started.endpoint.answer = failing('unavailable')
    await started.clock.advance(tokenLifeMs - minute)
    started.parts.refresher.startEarly(entry)
    await started.clock.advance(0)
    assert.equal((await started.parts.refresher.current(entry)).value.tokens.accessToken, 'access 0')
    assert.deepEqual(started.endpoint.sent, ['refresh 0'])
  })
})

describe('an answer that never came', () => {
  test('is in doubt: one more try is made, and then only a login helps', async (t) => {
    const session = await expired(t)
    session.endpoint.answer = failing('in-doubt')
    assert.equal((await session.ask()).error, 'ERR_REFRESH_UNAVAILABLE')
    await session.clock.advance(minute)
    assert.equal((await session.ask()).error, 'ERR_LOGIN_REQUIRED')
    await session.clock.advance(10 * minute)
    assert.equal((await session.ask()).error, 'ERR_LOGIN_REQUIRED')
    assert.equal(session.endpoint.sent.length, 2)
    assert.notEqual(await session.record(), undefined)
  })

  test('once is forgotten when the next try succeeds', async (t) => {
    const session = await expired(t)
    session.endpoint.answer = failing('in-doubt')
    await session.ask()
    await session.clock.advance(minute)
    session.endpoint.answer = async () => nextTokens(session.clock, session.endpoint)
    await session.ask()
    assert.equal((await session.record())?.refresh.doubts, 0)
  })

  test('is what an error is that says nothing of the token', async (t) => {
    const session = await expired(t)
    session.endpoint.answer = () => Promise.reject(new Error('what?'))
    assert.equal((await session.ask()).error, 'ERR_REFRESH_UNAVAILABLE')
    assert.equal((await session.record())?.refresh.doubts, 1)
  })

  test('is not waited for longer than the timeout', async (t) => {
    const session = await expired(t)
    let signal: AbortSignal | undefined
    session.endpoint.answer = (_token, given) => {
      signal = given
      return new Promise((_, reject) => {
        given.addEventListener('abort', () => reject(new RefreshFailure('in-doubt')))
      })
    }
    const asked = await session.ask()
    await session.clock.advance(4_999)
    assert.deepEqual([asked.state, signal?.aborted], ['pending', false])
    await session.clock.advance(1)
    assert.deepEqual([asked.error, signal?.aborted], ['ERR_REFRESH_UNAVAILABLE', true])
  })

  test('and whose lease cannot be given back still fails as itself, and the lease ends by itself', async (t) => {
    const session = await expired(t)
    const provider = heldBack(session)
    const asked = await session.ask()
    session.held.hold('replace', 'request')
    provider.refuse('in-doubt')
    await session.clock.advance(1_000)
    assert.equal(asked.error, 'ERR_REFRESH_UNAVAILABLE')
    session.held.pass('replace')
    session.endpoint.answer = async () => nextTokens(session.clock, session.endpoint)
    await session.clock.advance(10_000)
    assert.equal((await session.ask()).value?.value.tokens.accessToken, 'access 2')
  })
})

test('no token is in an error or in the log, whatever goes wrong', async (t) => {
  const session = await expired(t)
  const errors: unknown[] = []
  for (const outcome of ['unavailable', 'in-doubt', 'refused'] as const) {
    session.endpoint.answer = failing(outcome)
    await session.parts.refresher.current(session.entry).catch((error: unknown) => errors.push(error))
    await session.clock.advance(minute)
  }
  const { inspect } = await import('node:util')
  assert.equal(errors.length, 3)
  assert.doesNotMatch(inspect([errors, session.lines], { depth: 20 }), /(access|refresh|id) 0/)
})
