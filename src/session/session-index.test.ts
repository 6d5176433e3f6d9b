import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { inspect } from 'node:util'
import { alteredStore } from '../../test/support/cached-sessions.ts'
import { startNode } from '../../test/support/child-process.ts'
import { issuer, startProcess, type SessionProcess } from '../../test/support/session-process.ts'
import type { Store } from '../cache/store.ts'
import { memoryStore } from '../stores/memory.ts'
import { manualClock } from '../testing/manual-clock.ts'
import { SessionIndex } from './session-index.ts'
import { sessionPrefix } from './vault.ts'

const [first, second] = ['1'.repeat(32), '2'.repeat(32)]

/** Processes on one store whose secrets are being rotated: each knows both, and makes with another. */
async function rotating(t: TestContext): Promise<[SessionProcess, SessionProcess]> {
  const clock = manualClock()
  const inner = memoryStore({ clock })
  return [
    await startProcess(t, { clock, inner, secrets: [first, second] }),
    await startProcess(t, { clock, inner, secrets: [second, first] }),
  ]
}

function claimsOf(sub: string): { claims: { sub: string; iss: string } } {
  return { claims: { sub, iss: issuer } }
}

function idOf(entry: { key: string }): string {
  return entry.key.slice(sessionPrefix.length)
}

test('a list has the user’s sessions, oldest first, and of each no more than may be shown', async (t) => {
  const started = await startProcess(t)
  const one = await started.signIn({ device: 'Firefox on Linux' })
  await started.clock.advance(1_000)
  const two = await started.signIn()
  await started.signIn(claimsOf('bob'))
  const { createdAt, lastSeenAt, expiresAt } = one.times
  const list = await new SessionIndex(started.parts).list({ subject: 'alice' })
  assert.deepEqual(list[0], { id: idOf(one), createdAt, lastSeenAt, expiresAt, device: 'Firefox on Linux' })
  assert.deepEqual(
    list.map(({ id, device }) => [id, device]),
    [
      [idOf(one), 'Firefox on Linux'],
      [idOf(two), undefined],
    ],
  )
})

test('a list has all of them, however many pages they fill', async (t) => {
  const started = await startProcess(t)
  for (let i = 0; i < 501; i++) await started.signIn()
  const list = await new SessionIndex(started.parts).list({ subject: 'alice' })
  assert.equal(new Set(list.map(({ id }) => id)).size, 501)
})

test('a list has the sessions of every secret in use', async (t) => {
  const [mine, other] = await rotating(t)
  await mine.signIn()
  await other.signIn()
  for (const { parts } of [mine, other])
    assert.equal((await new SessionIndex(parts).list({ subject: 'alice' })).length, 2)
})

test('a list has nobody else’s: not of the same name at another issuer, nor of a provider session of that name', async (t) => {
  const clock = manualClock()
  const inner = memoryStore({ clock })
  const mine = await startProcess(t, { clock, inner })
  const other = await startProcess(t, { clock, inner, options: { issuer: 'https://other.example' } })
  await other.signIn()
  await mine.signIn({ ...claimsOf('bob'), sid: 'alice' })
  assert.deepEqual(await new SessionIndex(mine.parts).list({ subject: 'alice' }), [])
})

test('one is revoked by its id, once', async (t) => {
  const started = await startProcess(t)
  const index = new SessionIndex(started.parts)
  const one = await started.signIn()
  const two = await started.signIn()
  assert.equal(await index.revoke(idOf(one)), true)
  assert.equal(await index.revoke(idOf(one)), false)
  assert.equal(started.parts.partition.serve(one.text), undefined)
  assert.notEqual(started.parts.partition.serve(two.text), undefined)
})

test('the id of a list is no cookie, and reaches nothing but sessions', async (t) => {
  const started = await startProcess(t)
  const entry = await started.signIn()
  assert.equal(entry.text.includes(idOf(entry)), false)
  await started.held.store.create({ key: 'cv:x', value: Uint8Array.of(1), lifetime: { idleMs: 1_000 } })
  await new SessionIndex(started.parts).revoke('cv:x')
  assert.notEqual((await started.held.store.read(['cv:x'])).entries[0], undefined)
})

test('all others are revoked, under every secret, and this one stays', async (t) => {
  const [mine, other] = await rotating(t)
  const kept = await mine.signIn()
  await mine.signIn()
  await other.signIn()
  await other.signIn(claimsOf('bob'))
  const index = new SessionIndex(mine.parts)
  assert.equal(await index.revokeOthers({ id: idOf(kept), subject: 'alice' }), 2)
  assert.deepEqual(
    (await index.list({ subject: 'alice' })).map(({ id }) => id),
    [idOf(kept)],
  )
  assert.equal((await index.list({ subject: 'bob' })).length, 1)
})

test('all of a subject are revoked, under every secret', async (t) => {
  const [mine, other] = await rotating(t)
  await mine.signIn()
  await other.signIn()
  await mine.signIn(claimsOf('bob'))
  assert.equal(await new SessionIndex(other.parts).revokeAll({ subject: 'alice' }), 2)
  assert.equal((await mine.held.store.stats()).entries, 1)
})

test('all of a provider session are revoked, and no other of the same user', async (t) => {
  const started = await startProcess(t)
  await started.signIn({ sid: 'sid 1' })
  await started.signIn({ sid: 'sid 2' })
  await started.signIn()
  const index = new SessionIndex(started.parts)
  assert.equal(await index.revokeAll({ sid: 'sid 1' }), 1)
  assert.equal((await index.list({ subject: 'alice' })).length, 2)
})

test('the store is told no name in clear', async (t) => {
  const started = await startProcess(t)
  await started.signIn({ sid: 'sid-in-clear' })
  const seen: unknown[] = []
  t.mock.method(started.parts.tiers.store, 'list', async (query: unknown) => {
    seen.push(query)
    return { entries: [] }
  })
  await new SessionIndex(started.parts).list({ subject: 'alice' })
  assert.doesNotMatch(JSON.stringify(seen), /alice|login\.example/)
})

describe('anything that is no id', () => {
  for (const id of [undefined, null, 5, {}, '', 'x', 'x'.repeat(42), 'x'.repeat(44), `${'x'.repeat(42)}.`]) {
    test(`revokes nothing, and the store is not asked: ${inspect(id)}`, async (t) => {
      const started = await startProcess(t)
      assert.equal(await new SessionIndex(started.parts).revoke(id as string), false)
      assert.equal(started.held.calls('remove'), 0)
    })
  }
})

describe('a revocation that waits for all instances', () => {
  test('is not promised on a store that cannot say how long they are, but the session is gone', async (t) => {
    const clock = manualClock()
    const inner = memoryStore({ clock })
    const remove: Store['remove'] = async (target) => ({ ...(await inner.remove(target)), bumps: [] })
    const uncounted = alteredStore(inner, { capabilities: { ...inner.capabilities, buckets: 0 }, remove })
    const started = await startProcess(t, { clock, inner: uncounted })
    const entry = await started.signIn()
    const revoking = new SessionIndex(started.parts).revoke(idOf(entry), { wait: 'all-instances' })
    await assert.rejects(revoking, { code: 'ERR_STORE_UNSUPPORTED' })
    assert.equal((await inner.stats()).entries, 0)
  })

  test('keeps a process alive that does nothing else', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'sallyport-revoke-'))
    t.after(() => rmSync(directory, { recursive: true }))
    const child = startNode(`
      import { createAuth } from ${JSON.stringify(import.meta.resolve('../index.ts'))}
      import { sqliteStore } from ${JSON.stringify(import.meta.resolve('../stores/sqlite.ts'))}
      const auth = createAuth({
        issuer: 'https://login.example',
        clientId: 'web',
        baseUrl: 'https://app.example',
        secret: ${JSON.stringify(first)},
        store: sqliteStore({ path: ${JSON.stringify(join(directory, 'sessions.db'))} }),
        cache: { maxStalenessMs: 100 },
      })
      await auth.sessions.revoke('x'.repeat(43), { wait: 'all-instances' })
      console.log('gone everywhere')`)
    t.after(() => child.kill())
    const { code, stderr } = await child.ended
    assert.deepEqual([code, stderr], [0, ''])
    assert.equal(await child.line(), 'gone everywhere')
  })
})
