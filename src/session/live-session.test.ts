import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import type { CacheEntry } from '../cache/entry.ts'
import { LiveSession, type SessionActs } from './live-session.ts'
import { deepFreeze, neverRefreshed, type SessionRecord } from './record.ts'

type Entry = CacheEntry<SessionRecord>

const times = { createdAt: 1, lastSeenAt: 2, expiresAt: 3, absoluteExpiresAt: 4 }

function entry(version: number, data: object = {}, accessToken = `access ${version}`): Entry {
  const tokens = { accessToken, tokenType: 'Bearer', expiresAt: 5, refreshToken: 'refresh', idToken: `id ${version}` }
  const claims = { sub: 'alice', iss: 'https://login.example' }
  const record = { claims, data, tokens, tokensAt: 0, refresh: { ...neverRefreshed, count: 6 }, device: 'Firefox' }
  return { key: 'session:handle', text: 'cookie text', version, times, value: deepFreeze(record) } as Entry
}

interface World {
  session: LiveSession<{ cart?: string[] }>
  set: string[]
}

function world(of: Entry, acts: Partial<SessionActs> = {}): World {
  const set: string[] = []
  const all: SessionActs = {
    idOf: () => 'handle',
    refreshed: async (held) => held,
    updated: async (held, change) => {
      const draft = structuredClone(held.value.data)
      return entry(held.version + 1, change(draft) ?? draft)
    },
    revoked: async () => {},
    cookiesAfterUpdate: ({ version }) => [`version=${version}`],
    cookiesAfterRevoke: () => ['session=', 'version='],
    ...acts,
  }
  return { session: new LiveSession(of, all, (line) => void set.push(line)), set }
}

test('a session shows what it is', () => {
  const { session } = world(entry(1, { cart: ['apple'] }))
  const { id, claims, data, createdAt, lastSeenAt, idleExpiresAt, absoluteExpiresAt } = session
  assert.deepEqual([id, claims.sub, data], ['handle', 'alice', { cart: ['apple'] }])
  assert.deepEqual([createdAt, lastSeenAt, idleExpiresAt, absoluteExpiresAt], [1, 2, 3, 4])
  assert.deepEqual([session.accessTokenExpiresAt, session.refreshCount, session.device], [5, 6, 'Firefox'])
})

test('a session without a ceiling never ends in any case', () => {
  const { absoluteExpiresAt: _, ...endless } = times
  const { session } = world({ ...entry(1), times: endless } as Entry)
  assert.equal(session.absoluteExpiresAt, Infinity)
})

test('what a session shows is nobody’s to change', () => {
  const { session } = world(entry(1, { cart: ['apple'] }))
  assert.throws(() => session.data.cart!.push('pear'), TypeError)
  assert.throws(() => Object.assign(session.claims, { sub: 'mallory' }), TypeError)
  assert.deepEqual(session.data.cart, ['apple'])
})

test('neither inspection nor JSON shows a token, a claim or the cookie', () => {
  const { session } = world(entry(1, { cart: ['apple'] }))
  for (const shown of [inspect(session, { depth: 20, showHidden: true }), JSON.stringify(session)]) {
    assert.doesNotMatch(shown, /access 1|refresh\b|id 1|alice|cookie text|apple/)
  }
})

test('not even inspection that reads every property shows a token or the cookie', () => {
  const { session } = world(entry(1))
  assert.doesNotMatch(inspect(session, { depth: 20, getters: true }), /access 1|refresh\b|id 1|cookie text/)
})

describe('update', () => {
  test('is seen by this request, and told to the browser', async () => {
    const { session, set } = world(entry(1, { cart: ['apple'] }))
    await session.update((draft) => void draft.cart!.push('pear'))
    assert.deepEqual(session.data.cart, ['apple', 'pear'])
    assert.deepEqual(set, ['version=2'])
  })

  test('that fails changes nothing, and sets no cookie', async () => {
    const { session, set } = world(entry(1, { cart: ['apple'] }), { updated: () => Promise.reject(new Error('lost')) })
    await assert.rejects(
      session.update(() => {}),
      /lost/,
    )
    assert.deepEqual([session.data.cart, set], [['apple'], []])
  })

  test('goes on from the update before', async () => {
    const { session, set } = world(entry(1, { cart: [] }))
    for (const fruit of ['apple', 'pear']) await session.update((draft) => void draft.cart!.push(fruit))
    assert.deepEqual(session.data.cart, ['apple', 'pear'])
    assert.deepEqual(set, ['version=2', 'version=3'])
  })
})

describe('tokens', () => {
  test('are those of the refresh, and so is everything else from then on', async () => {
    const { session } = world(entry(1), { refreshed: async () => entry(2, { cart: ['pear'] }) })
    assert.deepEqual([await session.accessToken(), await session.idToken()], ['access 2', 'id 2'])
    assert.deepEqual(session.data.cart, ['pear'])
  })

  test('of a refresh that saw less than this request wrote do not undo what it wrote', async () => {
    let refresh = (_: Entry): void => {}
    const { session } = world(entry(1, { cart: [] }), {
      refreshed: () => new Promise((resolve) => (refresh = resolve)),
    })
    const token = session.accessToken()
    await session.update((draft) => void draft.cart!.push('apple'))
    refresh(entry(1, { cart: [] }, 'fresh elsewhere'))
    assert.equal(await token, 'fresh elsewhere')
    assert.deepEqual(session.data.cart, ['apple'])
  })

  test('that cannot be had leave the session as it was', async () => {
    const { session } = world(entry(1), { refreshed: () => Promise.reject(new Error('unavailable')) })
    await assert.rejects(session.accessToken(), /unavailable/)
    assert.equal(session.refreshCount, 6)
  })
})

describe('revoke', () => {
  test('clears the cookies once the session is over', async () => {
    const { session, set } = world(entry(1))
    await session.revoke()
    assert.deepEqual(set, ['session=', 'version='])
  })

  test('that fails leaves the cookies', async () => {
    const { session, set } = world(entry(1), { revoked: () => Promise.reject(new Error('unavailable')) })
    await assert.rejects(session.revoke(), /unavailable/)
    assert.deepEqual(set, [])
  })
})
