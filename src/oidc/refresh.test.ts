import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, describe, test } from 'node:test'
import { inspect } from 'node:util'
import {
  client,
  drop,
  dropHalfway,
  hang,
  huge,
  json,
  nonce,
  startEvilProvider,
  status,
  text,
} from '../../test/support/evil-provider.ts'
import type { Misbehaviour } from '../../test/support/evil-provider.ts'
import { relyingParty, saying, tokenEndpointThat } from '../../test/support/relying-party.ts'
import type { RelyingParty } from '../../test/support/relying-party.ts'
import { RefreshFailure } from '../session/tokens.ts'
import type { RefreshOutcome, RefreshTokens, TokenSet } from '../session/tokens.ts'

const op = await startEvilProvider()
after(() => op.close())

const soon = (): number => Math.floor(Date.now() / 1000)
const oldIdToken = `e30.${Buffer.from(JSON.stringify({ nonce, auth_time: 1000 })).toString('base64url')}.`

type Refresh = Parameters<RefreshTokens>[0]

function refresh({ provider }: RelyingParty, changed: Partial<Refresh> = {}): Promise<TokenSet> {
  return provider.refresh({
    refreshToken: 'refresh-token-1',
    claims: { iss: op.issuer, sub: 'alice' },
    idToken: oldIdToken,
    signal: new AbortController().signal,
    ...changed,
  })
}

async function failureOf(work: Promise<unknown>): Promise<RefreshFailure> {
  const error = await work.then(
    () => assert.fail('it did not fail'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof RefreshFailure, inspect(error))
  return error
}

/** One misbehaviour, and what it says about the refresh token. */
function means(outcome: RefreshOutcome, name: string, how: Misbehaviour): void {
  test(`${name}: ${outcome}`, async () => {
    op.misbehave(how)
    const failure = await failureOf(refresh(relyingParty(op)))
    assert.equal(failure.outcome, outcome, saying(failure))
  })
}

describe('a refresh', () => {
  test('sends the refresh token once and yields the new tokens', async () => {
    op.misbehave({ tokens: { scope: 'openid' } })
    const before = op.requestsTo('/token').length
    const party = relyingParty(op)

    const { idToken, ...rest } = await refresh(party)

    const sent = op.requestsTo('/token').slice(before)
    assert.deepEqual(
      sent.map(({ body }) => Object.fromEntries(new URLSearchParams(body))),
      [{ grant_type: 'refresh_token', refresh_token: 'refresh-token-1' }],
    )
    assert.notEqual(idToken, oldIdToken)
    assert.deepEqual(rest, {
      accessToken: 'access-token-1',
      tokenType: 'Bearer',
      expiresAt: party.clock.wall() + 300_000,
      refreshToken: 'refresh-token-2',
      scope: 'openid',
    })
  })

  test('keeps the refresh token and the ID token where no new ones come', async () => {
    op.misbehave({ tokens: { refresh_token: undefined, id_token: undefined } })
    const { refreshToken, idToken } = await refresh(relyingParty(op))
    assert.deepEqual({ refreshToken, idToken }, { refreshToken: 'refresh-token-1', idToken: oldIdToken })
  })

  test('counts the lifetime from when the request was sent', async () => {
    const party = relyingParty(op)
    op.misbehave({ token: hang })
    await party.provider.ready()
    const startedAt = party.clock.wall()
    op.misbehave({
      token: (_request, response) => {
        party.clock.stepWall(2000)
        response.writeHead(200, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ access_token: 'a', token_type: 'bearer', expires_in: 60 }))
      },
    })
    assert.equal((await refresh(party)).expiresAt, startedAt + 60_000)
  })

  test('accepts an ID token without a nonce, and one where the old is not known', async () => {
    op.misbehave({ claims: { nonce: undefined } })
    await refresh(relyingParty(op))
    op.misbehave({ claims: { nonce: 'first seen' } })
    await refresh(relyingParty(op), { idToken: undefined })
  })
})

describe('of a refused refresh token', () => {
  means('refused', 'invalid_grant', { token: json(400, { error: 'invalid_grant' }) })
  means('refused', 'invalid_grant with 401 and a challenge', {
    token: json(401, { error: 'invalid_grant' }, { 'www-authenticate': 'Basic' }),
  })
  means('refused', 'invalid_grant in JSON that calls itself text', {
    token: text(400, '{"error":"invalid_grant"}', 'text/plain'),
  })
  means('unavailable', 'invalid_client', { token: json(401, { error: 'invalid_client' }) })
  means('unavailable', 'unauthorized_client', { token: json(400, { error: 'unauthorized_client' }) })
  means('unavailable', 'an error of their own', { token: json(400, { error: 'try_later' }) })
  means('in-doubt', 'a bare 400', { token: status(400) })
  means('in-doubt', 'a 400 with a page', { token: text(400, '<h1>Bad Request</h1>') })
  means('unavailable', 'a bare 401', { token: status(401) })
  means('unavailable', 'a 403 with a page', { token: text(403, '<h1>Forbidden</h1>') })
  means('unavailable', 'a bare 404', { token: status(404) })
})

describe('of a provider in trouble', () => {
  means('unavailable', 'a 500', { token: status(500) })
  means('unavailable', 'a 500 that says invalid_grant', { token: json(500, { error: 'invalid_grant' }) })
  means('unavailable', 'a 503', { token: status(503) })
  means('unavailable', 'a 429', { token: status(429) })
  means('unavailable', 'a redirect', { token: status(302, { location: '/elsewhere' }) })
  means('unavailable', 'a failed discovery', { discovery: status(500) })
  means('in-doubt', 'a cut connection', { token: drop })
  means('in-doubt', 'a connection cut halfway', { token: dropHalfway })

  test('a refused connection: unavailable', async () => {
    const free = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => free.once('listening', resolve))
    const { port } = free.address() as { port: number }
    await new Promise((resolve) => free.close(resolve))
    op.misbehave({ metadata: { token_endpoint: `http://127.0.0.1:${port}/token` } })
    assert.equal((await failureOf(refresh(relyingParty(op)))).outcome, 'unavailable')
  })

  test('a name that does not resolve: unavailable', async () => {
    const unresolved = Object.assign(new Error('no such host'), { code: 'ENOTFOUND', syscall: 'getaddrinfo' })
    const failing = tokenEndpointThat(() => Promise.reject(new TypeError('fetch failed', { cause: unresolved })))
    op.misbehave({})
    assert.equal((await failureOf(refresh(relyingParty(op, { fetch: failing })))).outcome, 'unavailable')
  })

  test('two addresses of which one may have had the request: in doubt', async () => {
    const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED', syscall: 'connect' })
    const reset = Object.assign(new Error('reset'), { code: 'ECONNRESET', syscall: 'read' })
    const both = new AggregateError([refused, reset])
    const failing = tokenEndpointThat(() => Promise.reject(new TypeError('fetch failed', { cause: both })))
    op.misbehave({})
    assert.equal((await failureOf(refresh(relyingParty(op, { fetch: failing })))).outcome, 'in-doubt')
  })

  test('no answer within the timeout: in doubt', async () => {
    const party = relyingParty(op)
    op.misbehave({ token: hang })
    const asked = op.nextRequest('/token')
    const failed = failureOf(refresh(party))
    await asked
    await party.clock.advance(5000)
    assert.equal((await failed).outcome, 'in-doubt')
  })

  test('aborted after it was sent: in doubt, and the connection is closed', async () => {
    const controller = new AbortController()
    let cut: () => void
    const closed = new Promise<void>((resolve) => (cut = resolve))
    op.misbehave({ token: (request) => void request.socket.once('close', () => cut()) })
    const asked = op.nextRequest('/token')
    const failed = failureOf(refresh(relyingParty(op), { signal: controller.signal }))
    await asked
    controller.abort()
    assert.equal((await failed).outcome, 'in-doubt')
    await closed
  })

  test('aborted before it was sent: unavailable, and nothing is sent', async () => {
    const before = op.requestsTo('/token').length
    op.misbehave({})
    assert.equal((await failureOf(refresh(relyingParty(op), { signal: AbortSignal.abort() }))).outcome, 'unavailable')
    assert.equal(op.requestsTo('/token').length, before)
  })
})

describe('of when to try again', () => {
  async function retryAfter(header: (wall: number) => string): Promise<number | undefined> {
    const party = relyingParty(op)
    op.misbehave({ token: status(503, { 'retry-after': header(party.clock.wall()) }) })
    return (await failureOf(refresh(party))).retryAfterSec
  }

  test('seconds are taken as they are', async () => assert.equal(await retryAfter(() => '17'), 17))
  test('a date becomes seconds from now', async () => {
    assert.equal(await retryAfter((wall) => new Date(wall + 90_000).toUTCString()), 90)
  })
  test('a date gone by means now', async () => {
    assert.equal(await retryAfter((wall) => new Date(wall - 90_000).toUTCString()), 0)
  })
  test('a year means an hour', async () => assert.equal(await retryAfter(() => '31536000'), 3600))
  test('nonsense means nothing', async () => assert.equal(await retryAfter(() => 'later'), undefined))
})

describe('of new tokens that must not be used', () => {
  means('in-doubt', 'another user', { claims: { sub: 'bob' } })
  means('in-doubt', 'another issuer', { claims: { iss: 'https://evil.example' } })
  means('in-doubt', 'another audience', { claims: { aud: 'another' } })
  means('in-doubt', 'another client as `azp`', { claims: { azp: 'another' } })
  means('in-doubt', 'another nonce', { claims: { nonce: 'another' } })
  means('in-doubt', 'another time of sign-in', { claims: { auth_time: 2000 } })
  means('in-doubt', 'the hash of another access token', { claims: { at_hash: 'AAAA' } })
  means('in-doubt', 'an issue time in the future', { claims: { iat: soon() + 3600 } })
  means('in-doubt', 'a wrong signature', { signature: 'wrong' })
  means('in-doubt', 'an HMAC made with the public key', { signature: 'hmac-with-the-public-key' })
  means('in-doubt', 'a token type that is not bearer', { tokens: { token_type: 'DPoP' } })
  means('in-doubt', 'a negative lifetime', { tokens: { expires_in: -1 } })
  means('in-doubt', 'a page', { token: text(200, '<h1>hello</h1>') })
  means('in-doubt', 'broken JSON', { token: text(200, '{"access_token":', 'application/json') })
  means('in-doubt', 'two megabytes', { token: huge })
  means('in-doubt', 'nothing', { token: status(204) })
  means('in-doubt', 'keys that were never seen and cannot be had', { jwks: status(500) })
})

test('no failure shows a token, however closely one looks', async () => {
  const failures: Misbehaviour[] = [
    { signature: 'wrong' },
    { claims: { sub: 'bob' } },
    { token: text(200, 'access-token-1 {', 'application/json') },
    { token: json(400, { error: 'invalid_grant', error_description: 'refresh-token-1' }) },
  ]
  for (const how of failures) {
    op.misbehave(how)
    const failure = await failureOf(refresh(relyingParty(op)))
    const shown = inspect(failure, { depth: null, showHidden: true })
    assert.doesNotMatch(shown, /access-token-1|refresh-token|eyJ|alice|bob/)
    assert.ok(!shown.includes(client.clientSecret))
  }
})
