import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ask, claims, header, navigate, session, workbench } from '../../test/support/auth-context.ts'
import { StoreUnavailableError } from '../shared/errors.ts'

describe('GET session', () => {
  it('tells a script who is signed in and for how long, and no more', async () => {
    const reply = await workbench({ sessions: { authenticate: () => session } }).handle(ask('/auth/session'))
    assert.equal(reply?.status, 200)
    assert.equal(header(reply, 'Cache-Control'), 'no-store')
    const deadlines = { idleExpiresAt: 3, absoluteExpiresAt: 4, accessTokenExpiresAt: 5 }
    assert.deepEqual(JSON.parse(reply.body), { claims, createdAt: 1, lastSeenAt: 2, ...deadlines })
  })

  it('is a problem, also for a person, when nobody is signed in', async () => {
    const reply = await workbench().handle(navigate('/auth/session'))
    assert.equal(reply?.status, 401)
    assert.equal(header(reply, 'Content-Type'), 'application/problem+json')
    assert.match(header(reply, 'WWW-Authenticate') ?? '', /^Cookie /)
  })

  it('is a 503 while it cannot be known', async () => {
    const bench = workbench({ sessions: { authenticate: () => Promise.reject(new StoreUnavailableError()) } })
    assert.equal((await bench.handle(ask('/auth/session')))?.status, 503)
  })
})
