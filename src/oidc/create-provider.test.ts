import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, describe, test } from 'node:test'
import { inspect } from 'node:util'
import { client, drop, json, startEvilProvider, status } from '../../test/support/evil-provider.ts'
import { failureOf, relyingParty } from '../../test/support/relying-party.ts'

const op = await startEvilProvider()
after(() => op.close())

describe('the authorization URL', () => {
  const request = {
    redirectUri: 'https://app.example/auth/callback',
    scope: 'openid email',
    state: 'the-state',
    nonce: 'the-nonce',
    codeVerifier: 'v'.repeat(43),
  }

  test('asks for a code with PKCE S256, state and nonce', async () => {
    op.misbehave({})
    const url = await relyingParty(op).provider.authorizationUrl(request)
    assert.equal(`${url.origin}${url.pathname}`, `${op.issuer}/auth`)
    assert.deepEqual(Object.fromEntries(url.searchParams), {
      client_id: client.clientId,
      response_type: 'code',
      redirect_uri: request.redirectUri,
      scope: request.scope,
      state: request.state,
      nonce: request.nonce,
      code_challenge: createHash('sha256').update(request.codeVerifier).digest('base64url'),
      code_challenge_method: 'S256',
    })
  })

  test('carries more parameters, but none of them in place of ours', async () => {
    op.misbehave({})
    const ours = {
      client_id: 'x',
      response_type: 'token',
      redirect_uri: 'https://evil.example',
      scope: 'x',
      state: 'x',
      nonce: 'x',
      code_challenge: 'x',
      code_challenge_method: 'plain',
    }
    const { provider } = relyingParty(op)
    const plain = await provider.authorizationUrl(request)
    const url = await provider.authorizationUrl({ ...request, params: { ...ours, prompt: 'login' } })
    assert.equal(url.searchParams.get('prompt'), 'login')
    for (const name of Object.keys(ours)) {
      assert.deepEqual(url.searchParams.getAll(name), plain.searchParams.getAll(name))
    }
  })

  test('keeps the query of the endpoint', async () => {
    op.misbehave({ metadata: { authorization_endpoint: `${op.issuer}/auth?tenant=1` } })
    const url = await relyingParty(op).provider.authorizationUrl(request)
    assert.equal(url.searchParams.get('tenant'), '1')
  })

  test('cannot be had while the provider is down', async () => {
    op.misbehave({ discovery: drop })
    const { code } = await failureOf(relyingParty(op).provider.authorizationUrl(request))
    assert.equal(code, 'ERR_PROVIDER_UNAVAILABLE')
  })
})

describe('the end-session URL', () => {
  const request = { idToken: 'x.y.z', postLogoutRedirectUri: 'https://app.example/', state: 's' }

  test('carries the hint, the way back and the state', async () => {
    op.misbehave({})
    const url = await relyingParty(op).provider.endSessionUrl(request)
    assert.equal(url?.pathname, '/logout')
    assert.deepEqual(Object.fromEntries(url.searchParams), {
      client_id: client.clientId,
      id_token_hint: 'x.y.z',
      post_logout_redirect_uri: 'https://app.example/',
      state: 's',
    })
  })

  test('does without a hint', async () => {
    op.misbehave({})
    const url = await relyingParty(op).provider.endSessionUrl({ ...request, idToken: undefined })
    assert.equal(url?.searchParams.has('id_token_hint'), false)
  })

  test('is none where the provider offers none', async () => {
    op.misbehave({ metadata: { end_session_endpoint: undefined } })
    assert.equal(await relyingParty(op).provider.endSessionUrl(request), undefined)
  })

  test('is none where the provider offers nonsense', async () => {
    op.misbehave({ metadata: { end_session_endpoint: 'javascript:alert(1)' } })
    assert.equal(await relyingParty(op).provider.endSessionUrl(request), undefined)
  })

  test('is none while an undiscovered provider is down', async () => {
    op.misbehave({ discovery: status(503) })
    assert.equal(await relyingParty(op).provider.endSessionUrl(request), undefined)
  })
})

describe('revocation', () => {
  test('names the refresh token and its kind', async () => {
    op.misbehave({})
    await relyingParty(op).provider.revoke('refresh-token-1')
    assert.deepEqual(Object.fromEntries(new URLSearchParams(op.requestsTo('/revoke').at(-1)!.body)), {
      token: 'refresh-token-1',
      token_type_hint: 'refresh_token',
    })
  })

  for (const [name, how] of [
    ['answers 503', { revocation: status(503) }],
    ['repeats it in an error', { revocation: json(400, { error: 'x', error_description: 'refresh-token-1' }) }],
    ['cuts the connection', { revocation: drop }],
    ['cannot be discovered', { discovery: status(503) }],
  ] as const) {
    test(`never fails and says so without the token when the provider ${name}`, async () => {
      const { provider, log } = relyingParty(op)
      op.misbehave(how)
      await provider.revoke('refresh-token-1')
      const lines = log.filter(({ level }) => level === 'debug')
      assert.equal(lines.length, 1)
      assert.doesNotMatch(inspect(log, { depth: null, showHidden: true }), /refresh-token-1/)
    })
  }

  test('is not tried where the provider offers none', async () => {
    const { provider, log } = relyingParty(op)
    op.misbehave({ metadata: { revocation_endpoint: undefined } })
    const before = op.requestsTo('/revoke').length
    await provider.revoke('refresh-token-1')
    assert.equal(op.requestsTo('/revoke').length, before)
    assert.deepEqual(
      log.filter(({ level }) => level === 'debug'),
      [],
    )
  })
})

test('a plain-http issuer is mentioned in the log', () => {
  const { log } = relyingParty(op)
  assert.deepEqual(
    log.map(({ level, fields }) => ({ level, fields })),
    [{ level: 'info', fields: { issuer: op.issuer } }],
  )
})
