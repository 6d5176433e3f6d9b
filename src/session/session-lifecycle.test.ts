import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { issuer, minute, startProcess, type SessionProcess } from '../../test/support/session-process.ts'
import { watch } from '../../test/support/watch.ts'
import { SessionLifecycle } from './session-lifecycle.ts'
import type { Opening } from './service.ts'
import type { SessionData } from './tokens.ts'

/** A browser that keeps what it is told to. */
function browser(cookieHeader?: string): {
  cookieHeader: string | undefined
  set: string[]
  setCookie(line: string): void
} {
  const set: string[] = []
  return { cookieHeader, set, setCookie: (line) => void set.push(line) }
}

function opening({ clock }: SessionProcess, rest: Partial<Opening<SessionData>> = {}): Opening<SessionData> {
  const tokens = { accessToken: 'access', tokenType: 'Bearer', expiresAt: clock.wall() + minute }
  return { claims: { sub: 'alice', iss: issuer }, tokens, data: { cart: [] }, ...rest }
}

describe('open', () => {
  test('makes a session, sets its cookie and no other', async (t) => {
    const started = await startProcess(t)
    const alice = browser()
    const entry = await new SessionLifecycle(started.parts).open(opening(started), alice)
    assert.deepEqual(
      alice.set.map((line) => line.split(';')[0]),
      [started.cookieOf(entry)],
    )
    assert.equal(entry.value.claims.sub, 'alice')
    assert.equal((await started.held.store.stats()).entries, 1)
  })

  test('makes a new id every time, and removes the session the browser had', async (t) => {
    const started = await startProcess(t)
    const lifecycle = new SessionLifecycle(started.parts)
    const before = await lifecycle.open(opening(started), browser())
    const after = await lifecycle.open(opening(started), browser(started.cookieOf(before)))
    assert.notEqual(after.text, before.text)
    assert.notEqual(after.key, before.key)
    assert.equal((await started.held.store.stats()).entries, 1)
    assert.equal(started.parts.partition.serve(before.text), undefined)
  })

  test('takes no notice of a cookie that is not ours', async (t) => {
    const started = await startProcess(t)
    await new SessionLifecycle(started.parts).open(opening(started), browser('__Host-sallyport=forged'))
    assert.equal(started.held.calls('remove'), 0)
  })

  test('sets no cookie and takes the new session back if the old one cannot be removed', async (t) => {
    const started = await startProcess(t)
    const lifecycle = new SessionLifecycle(started.parts)
    const before = await lifecycle.open(opening(started), browser())
    started.held.hold('remove', 'request')
    const again = browser(started.cookieOf(before))
    const outcome = watch(lifecycle.open(opening(started), again))
    await started.clock.advance(0)
    started.held.pass('remove')
    await started.clock.advance(1_000)
    assert.equal(outcome.error, 'ERR_STORE_UNAVAILABLE')
    assert.deepEqual(again.set, [])
    assert.equal((await started.held.store.stats()).entries, 1)
    assert.notEqual((await started.held.store.read([before.key])).entries[0], undefined)
  })

  test('keeps the old session if the new one cannot be stored: an outage signs nobody out', async (t) => {
    const started = await startProcess(t)
    const lifecycle = new SessionLifecycle(started.parts)
    const before = await lifecycle.open(opening(started), browser())
    started.held.hold('create', 'request')
    const outcome = watch(lifecycle.open(opening(started), browser(started.cookieOf(before))))
    await started.clock.advance(1_000)
    assert.equal(outcome.error, 'ERR_STORE_UNAVAILABLE')
    assert.notEqual((await started.held.store.read([before.key])).entries[0], undefined)
  })

  test('sets no cookie for a session that may not have been stored', async (t) => {
    const started = await startProcess(t)
    started.held.hold('create', 'request')
    const alice = browser()
    const outcome = watch(new SessionLifecycle(started.parts).open(opening(started), alice))
    await started.clock.advance(1_000)
    assert.equal(outcome.error, 'ERR_STORE_UNAVAILABLE')
    assert.deepEqual(alice.set, [])
  })

  test('removes a session of which nobody knows whether it was stored', async (t) => {
    const started = await startProcess(t)
    started.held.hold('create', 'answer')
    const outcome = watch(new SessionLifecycle(started.parts).open(opening(started), browser()))
    await started.clock.advance(0)
    started.held.lose('create')
    await started.clock.advance(0)
    assert.equal(outcome.error, 'ERR_STORE_UNAVAILABLE')
    assert.equal((await started.held.store.stats()).entries, 0)
  })

  test('removes nothing where nothing was sent: the store is spared', async (t) => {
    const started = await startProcess(t)
    const { held, clock, parts } = started
    held.hold('read', 'answer')
    for (let i = 0; i < 5; i++) {
      void watch(parts.partition.load('text', 'key', true))
      await clock.advance(0)
      held.lose('read')
      await clock.advance(0)
    }
    const outcome = watch(new SessionLifecycle(parts).open(opening(started), browser()))
    await clock.advance(1_000)
    assert.equal(outcome.error, 'ERR_STORE_UNAVAILABLE')
    assert.deepEqual([held.calls('create'), held.calls('remove')], [0, 0])
  })

  test('ends after the idle time, and after the absolute one however much it is used', async (t) => {
    const started = await startProcess(t, { options: { idleTimeoutSec: 60, absoluteLifetimeSec: 100 } })
    const { times } = await new SessionLifecycle(started.parts).open(opening(started), browser())
    assert.deepEqual(
      [times.expiresAt - started.clock.wall(), times.absoluteExpiresAt! - started.clock.wall()],
      [60_000, 100_000],
    )
  })

  test('ends no later than the provider says', async (t) => {
    const started = await startProcess(t)
    const endsAt = started.clock.wall() + 10 * minute
    const { times } = await new SessionLifecycle(started.parts).open(opening(started, { endsAt }), browser())
    assert.deepEqual([times.expiresAt, times.absoluteExpiresAt], [endsAt, endsAt])
  })

  test('keeps data that is no longer anybody’s to change', async (t) => {
    const started = await startProcess(t)
    const data = { cart: ['apple'] }
    const entry = await new SessionLifecycle(started.parts).open(opening(started, { data }), browser())
    data.cart.push('pear')
    assert.deepEqual(entry.value.data, { cart: ['apple'] })
    assert.throws(() => (entry.value.data['cart'] as string[]).push('pear'), TypeError)
  })

  test('refuses data that is not JSON before anything is removed or stored', async (t) => {
    const started = await startProcess(t)
    const lifecycle = new SessionLifecycle(started.parts)
    const before = await lifecycle.open(opening(started), browser())
    const at = new Date()
    const again = lifecycle.open(opening(started, { data: { at } }), browser(started.cookieOf(before)))
    await assert.rejects(again, { code: 'ERR_SESSION_DATA' })
    assert.equal(started.held.calls('remove'), 0)
  })
})

describe('close', () => {
  test('removes the session, clears its cookies and tells what it was', async (t) => {
    const started = await startProcess(t)
    const entry = await started.signIn()
    const alice = browser(started.cookieOf(entry))
    const ended = await new SessionLifecycle(started.parts).close(alice)
    assert.deepEqual(ended, { claims: entry.value.claims, idToken: 'id 0', refreshToken: 'refresh 0' })
    assert.deepEqual(
      alice.set.map((line) => [line.split('=')[0], line.endsWith('Max-Age=0')]),
      [
        ['__Host-sallyport', true],
        ['__Host-sallyport-version', true],
      ],
    )
    assert.equal((await started.held.store.stats()).entries, 0)
    assert.equal(started.parts.partition.serve(entry.text), undefined)
  })

  for (const [what, cookieHeader] of [
    ['without a cookie', undefined],
    ['with a forged cookie', '__Host-sallyport=forged'],
  ] as const) {
    test(`${what} does nothing, and clears nothing`, async (t) => {
      const started = await startProcess(t)
      const alice = browser(cookieHeader)
      assert.equal(await new SessionLifecycle(started.parts).close(alice), undefined)
      assert.deepEqual([alice.set, started.held.calls('read'), started.held.calls('remove')], [[], 0, 0])
    })
  }

  test('of a session that is gone clears the cookies all the same', async (t) => {
    const started = await startProcess(t)
    const entry = await started.signIn()
    await started.held.store.take(entry.key)
    const alice = browser(started.cookieOf(entry))
    assert.equal(await new SessionLifecycle(started.parts).close(alice), undefined)
    assert.equal(alice.set.length, 2)
  })

  test('with the store down fails, and the cookie stays', async (t) => {
    const started = await startProcess(t)
    const entry = await started.signIn()
    started.held.hold('remove', 'request')
    const alice = browser(started.cookieOf(entry))
    const outcome = watch(new SessionLifecycle(started.parts).close(alice))
    await started.clock.advance(5_000)
    assert.equal(outcome.error, 'ERR_STORE_UNAVAILABLE')
    assert.deepEqual(alice.set, [])
  })

  test('of a record that does not open removes it', async (t) => {
    const started = await startProcess(t)
    const entry = await started.signIn()
    const { held } = started
    await held.store.replace(entry.key, 1, { value: Uint8Array.of(9), bump: true })
    await started.parts.tiers.poller.poll()
    assert.equal(await new SessionLifecycle(started.parts).close(browser(started.cookieOf(entry))), undefined)
    assert.equal((await held.store.stats()).entries, 0)
  })

  test('of a record the store gives back damaged removes it', async (t) => {
    const started = await startProcess(t)
    const entry = await started.signIn()
    const { held } = started
    t.mock.method(held.store, 'read', async () => ({ entries: [{ key: entry.key, version: 0 }], storeNow: 1 }))
    const alice = browser(started.cookieOf(entry))
    assert.equal(await new SessionLifecycle(started.parts).close(alice), undefined)
    assert.equal((await held.store.stats()).entries, 0)
    assert.equal(alice.set.length, 2)
  })

  test('tells the tokens as they were last, though another process had refreshed them', async (t) => {
    const mine = await startProcess(t)
    const entry = await mine.signIn()
    const { value: record } = entry
    const other = await startProcess(t, { clock: mine.clock, inner: mine.held.store })
    const { entry: theirs } = await other.parts.partition.load(entry.text, entry.key)
    const tokens = { ...record.tokens, refreshToken: 'refresh 1' }
    await other.parts.writes.replace(theirs!, { ...record, tokens }, { bump: false })
    const ended = await new SessionLifecycle(mine.parts).close(browser(mine.cookieOf(entry)))
    assert.equal(ended?.refreshToken, 'refresh 1')
  })
})
