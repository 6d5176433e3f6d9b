import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { inspect } from 'node:util'
import {
  status,
  text,
  json,
  hang,
  drop,
  dropHalfway,
  huge,
  client,
  startEvilProvider,
} from '../../test/support/evil-provider.ts'
import type { Misbehaviour } from '../../test/support/evil-provider.ts'
import { callbackUrl, exchange, failureOf, relyingParty, tokenEndpointThat } from '../../test/support/relying-party.ts'
import type { CreateProviderOptions } from './create-provider.ts'
import { ProviderRefusedError } from './provider-refused-error.ts'
import type { SignIn } from './provider.ts'

const op = await startEvilProvider()
after(() => op.close())

const soon = (): number => Math.floor(Date.now() / 1000)

/** What the provider does wrong, and how we are configured. */
type Case = Misbehaviour & { options?: Partial<CreateProviderOptions> }

async function signIn({ options, ...how }: Case = {}): Promise<SignIn> {
  op.misbehave(how)
  return exchange(relyingParty(op, options).provider, callbackUrl(op))
}

/** One misbehaviour, and what we must say of it. */
function refuses(name: string, how: Case, words: RegExp): void {
  test(`refuses ${name}`, async () => {
    const { code, text: said } = await failureOf(signIn(how))
    assert.match(said, words)
    assert.equal(code, 'ERR_PROVIDER_RESPONSE')
  })
}

function isUnavailable(name: string, how: Case): void {
  test(`answers 503 when ${name}`, async () => {
    const { code, error } = await failureOf(signIn(how))
    assert.equal(code, 'ERR_PROVIDER_UNAVAILABLE')
    assert.equal((error as Error & { status: number }).status, 503)
  })
}

describe('a sign-in', () => {
  test('yields the claims about the user and the tokens', async () => {
    const { provider, clock } = relyingParty(op)
    op.misbehave({ claims: { email: 'alice@example.com', auth_time: 1, sid: 's1' }, tokens: { scope: 'openid email' } })

    const { claims, tokens, sid, endsAt } = await exchange(provider, callbackUrl(op))

    assert.deepEqual(claims, { iss: op.issuer, sub: 'alice', email: 'alice@example.com', auth_time: 1, sid: 's1' })
    assert.deepEqual({ sid, endsAt }, { sid: 's1', endsAt: undefined })
    const { idToken, ...rest } = tokens
    assert.equal(idToken?.split('.').length, 3)
    assert.deepEqual(rest, {
      accessToken: 'access-token-1',
      tokenType: 'Bearer',
      expiresAt: clock.wall() + 300_000,
      refreshToken: 'refresh-token-2',
      scope: 'openid email',
    })
  })

  test('sends the code, the verifier and the redirect URI without its query', async () => {
    await signIn()
    const sent = new URLSearchParams(op.requestsTo('/token').at(-1)!.body)
    assert.deepEqual(Object.fromEntries(sent), {
      grant_type: 'authorization_code',
      code: 'code-1',
      code_verifier: 'v'.repeat(43),
      redirect_uri: 'https://app.example/auth/callback',
    })
  })

  test('leaves no timer behind', async () => {
    const { provider, clock } = relyingParty(op)
    op.misbehave({})
    await exchange(provider, callbackUrl(op))
    assert.equal(clock.pending(), 0)
  })

  test('takes a ceiling for the session from `session_expiry`', async () => {
    const { endsAt } = await signIn({ claims: { session_expiry: 1_800_000_000.5 } })
    assert.equal(endsAt, 1_800_000_000_500)
  })

  refuses('a ceiling that has passed', { claims: { session_expiry: 1_000_000_000 } }, /session_expiry/)
  refuses('a ceiling that is not a number', { claims: { session_expiry: 'never' } }, /session_expiry/)

  test('accepts an audience list of one, and several with our `azp`', async () => {
    await signIn({ claims: { aud: [client.clientId] } })
    await signIn({ claims: { aud: [client.clientId, 'another'], azp: client.clientId } })
  })

  test('accepts an ID token without `at_hash` and a clock 50 seconds ahead', async () => {
    await signIn({ claims: { at_hash: undefined, iat: soon() + 50 } })
  })

  test('accepts the pinned algorithm', async () => {
    await signIn({ options: { idTokenSigningAlg: 'RS256' } })
  })

  test('ignores unknown parameters of the callback', async () => {
    op.misbehave({})
    await exchange(relyingParty(op).provider, callbackUrl(op, { session_state: 'a/b+c=', x: 'y' }))
  })
})

describe('the ID token', () => {
  refuses('a wrong signature', { signature: 'wrong' }, /signature verification failed/)
  refuses('no algorithm', { signature: 'none' }, /"alg" header/)
  refuses('an HMAC made with the public key', { signature: 'hmac-with-the-public-key' }, /"alg" header/)
  refuses(
    'an HMAC also where it is pinned',
    { signature: 'hmac-with-the-public-key', options: { idTokenSigningAlg: 'HS256' } },
    /unsupported/,
  )
  refuses(
    'no algorithm also where it is pinned',
    { signature: 'none', options: { idTokenSigningAlg: 'none' } },
    /unsupported/,
  )
  refuses('another algorithm than the pinned one', { options: { idTokenSigningAlg: 'PS256' } }, /"alg" header/)
  refuses('an unknown key', { header: { kid: 'nobody' } }, /no applicable keys/)
  refuses('an unknown critical header', { header: { crit: ['x'], x: 1 } }, /"crit"/)
  refuses('another issuer', { claims: { iss: 'https://evil.example' } }, /"iss"/)
  refuses('another audience', { claims: { aud: 'another' } }, /"aud"/)
  refuses('more audiences without `azp`', { claims: { aud: [client.clientId, 'another'] } }, /additional untrusted/)
  refuses('another client as `azp`, with one audience', { claims: { azp: 'another' } }, /azp/)
  refuses('another client as `azp`, with several', { claims: { aud: [client.clientId, 'x'], azp: 'x' } }, /"azp"/)
  refuses('another nonce', { claims: { nonce: 'another' } }, /"nonce"/)
  refuses('no nonce', { claims: { nonce: undefined } }, /"nonce"/)
  refuses('the hash of another access token', { claims: { at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' } }, /at_hash/)
  refuses('an issue time in the future', { claims: { iat: soon() + 3600 } }, /issued in the future/)
  refuses('no issue time', { claims: { iat: undefined } }, /"iat"/)
  refuses('an expired token', { claims: { exp: soon() - 120 } }, /"exp"/)
  refuses('no expiry', { claims: { exp: undefined } }, /"exp"/)
  refuses('an infinite expiry', { claims: { exp: '1e400' } }, /no instant/)
  refuses('a token that is not valid yet', { claims: { nbf: soon() + 3600 } }, /"nbf"/)
  refuses('no subject', { claims: { sub: undefined } }, /"sub"/)
  refuses('an empty subject', { claims: { sub: '' } }, /`sub`/)
  refuses('a subject that is a number', { claims: { sub: 42 } }, /"sub"/)
  refuses('an overlong subject', { claims: { sub: 'a'.repeat(256) } }, /`sub`/)
  refuses('its absence', { tokens: { id_token: undefined } }, /"id_token"/)
  refuses('text that is no token', { tokens: { id_token: 'not.a.token' } }, /JWT/)
})

describe('the token endpoint', () => {
  refuses('text instead of JSON', { token: text(200, '<h1>hello</h1>') }, /content-type/)
  refuses('broken JSON', { token: text(200, '{"access_token":', 'application/json') }, /JSON/)
  refuses('JSON that is not an object', { token: json(200, ['access_token']) }, /top level object/)
  refuses('an answer of two megabytes', { token: huge }, /too long/)
  refuses('a redirect, without following it', { token: status(302, { location: `${op.issuer}/userinfo` }) }, /status/)
  refuses('a token type that is not bearer', { tokens: { token_type: 'DPoP' } }, /bearer/)
  refuses('a negative lifetime', { tokens: { expires_in: -5 } }, /expires_in/)
  refuses('a lifetime that is not a number', { tokens: { expires_in: 'soon' } }, /expires_in/)
  refuses('no access token', { tokens: { access_token: undefined } }, /access_token/)

  test('may write the lifetime as text', async () => {
    const { provider, clock } = relyingParty(op)
    op.misbehave({ tokens: { expires_in: '120' } })
    assert.equal((await exchange(provider, callbackUrl(op))).tokens.expiresAt, clock.wall() + 120_000)
  })

  test('may promise a lifetime of a million years, of which we believe one', async () => {
    const { provider, clock } = relyingParty(op)
    op.misbehave({ tokens: { expires_in: 1e15 } })
    assert.equal((await exchange(provider, callbackUrl(op))).tokens.expiresAt, clock.wall() + 31_536_000_000)
  })

  test('may say nothing about the lifetime', async () => {
    const { tokens } = await signIn({ tokens: { expires_in: undefined } })
    assert.equal(tokens.expiresAt, undefined)
  })

  test('may refuse the code, and then its error code is kept and nothing else', async () => {
    const refusal = json(400, { error: 'invalid_grant', error_description: '<script>' })
    const { code, error, text: said } = await failureOf(signIn({ token: refusal }))
    assert.equal(code, 'ERR_PROVIDER_REFUSED')
    assert.equal((error as ProviderRefusedError).providerCode, 'invalid_grant')
    assert.doesNotMatch(said, /script/)
  })

  test('may refuse the client with a challenge, and then too its error code is kept', async () => {
    const refusal = json(401, { error: 'invalid_client' }, { 'www-authenticate': 'Basic realm="x"' })
    const { error } = await failureOf(signIn({ token: refusal }))
    assert.equal((error as ProviderRefusedError).providerCode, 'invalid_client')
  })

  isUnavailable('it answers 500', { token: status(500) })
  isUnavailable('it answers 429', { token: status(429) })
  isUnavailable('it cuts the connection', { token: drop })
  isUnavailable('it cuts the connection halfway', { token: dropHalfway })
  isUnavailable('the key set answers 500', { jwks: status(500) })
  isUnavailable('the UserInfo endpoint answers 500', { userinfo: status(500), options: { userinfo: true } })

  test('tells when another try is worth it', async () => {
    const { error } = await failureOf(signIn({ token: status(503, { 'retry-after': '17' }) }))
    assert.equal((error as Error & { retryAfterSec: number }).retryAfterSec, 17)
  })

  test('is given up after the timeout when it never answers', async () => {
    const { provider, clock } = relyingParty(op)
    op.misbehave({ token: hang })
    const asked = op.nextRequest('/token')
    const failed = failureOf(exchange(provider, callbackUrl(op)))
    await asked
    await clock.advance(5000)
    assert.equal((await failed).code, 'ERR_PROVIDER_UNAVAILABLE')
  })

  test('is given up after the timeout also by a fetch that takes no notice of its signal', async () => {
    const { provider, clock } = relyingParty(op, { fetch: tokenEndpointThat(() => new Promise(() => {})) })
    op.misbehave({})
    await provider.ready()
    const failed = failureOf(exchange(provider, callbackUrl(op)))
    await clock.advance(5000)
    assert.equal((await failed).code, 'ERR_PROVIDER_UNAVAILABLE')
  })
})

describe('client authentication', () => {
  test('by default is HTTP Basic with both parts percent-encoded but for `-`, `.` and `~`', async () => {
    await signIn()
    const { authorization = '' } = op.requestsTo('/token').at(-1)!.headers
    const credentials = Buffer.from(authorization.replace('Basic ', ''), 'base64').toString()
    assert.equal(credentials, 'the-client:a%20secret%20with%20-%20.%20~%20%3A%20%2F%20and%20%C3%BC')
  })

  test('can be sent in the body', async () => {
    await signIn({ options: { clientAuth: 'client_secret_post' } })
    const { body, headers } = op.requestsTo('/token').at(-1)!
    assert.equal(new URLSearchParams(body).get('client_secret'), client.clientSecret)
    assert.equal(headers.authorization, undefined)
  })

  test('is none without a secret', async () => {
    await signIn({ options: { clientSecret: undefined } })
    const { body, headers } = op.requestsTo('/token').at(-1)!
    assert.equal(new URLSearchParams(body).get('client_id'), client.clientId)
    assert.equal(headers.authorization, undefined)
  })
})

describe('the UserInfo response', () => {
  const options = { userinfo: true }

  test('adds claims, but not over those of the ID token', async () => {
    const user = { sub: 'alice', iss: 'https://evil.example', name: 'Alice', email: 'new@example.com', aud: 'x' }
    const { claims } = await signIn({ claims: { email: 'signed@example.com' }, user, options })
    assert.deepEqual(claims, { sub: 'alice', iss: op.issuer, name: 'Alice', email: 'signed@example.com' })
  })

  test('is not asked for unless wanted', async () => {
    const before = op.requestsTo('/userinfo').length
    await signIn()
    assert.equal(op.requestsTo('/userinfo').length, before)
  })

  refuses('another user', { user: { sub: 'bob' }, options }, /"sub"/)
  refuses('nobody', { user: { name: 'Alice' }, options }, /"sub"/)
  refuses('a list', { user: [{ sub: 'alice' }], options }, /top level object/)
  refuses('null', { user: null, options }, /top level object/)
  refuses('text', { userinfo: text(200, 'alice'), options }, /content-type/)
  refuses('a challenge', { userinfo: status(401, { 'www-authenticate': 'Bearer' }), options }, /WWW-Authenticate/)
})

describe('claims', () => {
  test('are frozen through and through', async () => {
    const { claims } = await signIn({ claims: { address: { lines: ['a', { b: 1 }] } } })
    const address = claims['address'] as { lines: [string, object] }
    assert.ok([claims, address, address.lines, address.lines[1]].every(Object.isFrozen))
  })

  test('with dangerous names are dropped at every depth', async () => {
    const body = JSON.stringify({
      sub: 'alice',
      safe: { deep: 1, constructor: { prototype: { admin: true } } },
      prototype: 1,
    }).replace('"deep":1', '"deep":1,"__proto__":{"admin":true}')
    const { claims } = await signIn({ userinfo: text(200, body, 'application/json'), options: { userinfo: true } })
    assert.deepEqual(claims['safe'], { deep: 1 })
    assert.equal(Object.hasOwn(claims, 'prototype'), false)
    assert.equal((claims['safe'] as { admin?: boolean }).admin, undefined)
  })

  const nested = '['.repeat(30_000) + ']'.repeat(30_000)
  refuses(
    'nesting without end',
    { userinfo: text(200, `{"sub":"alice","x":${nested}}`, 'application/json'), options: { userinfo: true } },
    /nested too deeply/,
  )
})

describe('the callback', () => {
  for (const name of ['code', 'state', 'iss', 'error']) {
    test(`with two \`${name}\` is refused before anything is sent`, async () => {
      op.misbehave({})
      const url = callbackUrl(op, name === 'error' ? { error: 'x' } : {})
      url.searchParams.append(name, url.searchParams.get(name)!)
      const before = op.requestsTo('/token').length
      const { code, text: said } = await failureOf(exchange(relyingParty(op).provider, url))
      assert.equal(code, 'ERR_PROVIDER_RESPONSE')
      assert.match(said, new RegExp(`\`${name}\``))
      assert.equal(op.requestsTo('/token').length, before)
    })
  }

  const advertised = { metadata: { authorization_response_iss_parameter_supported: true } }
  const cases: [name: string, changed: Record<string, string | undefined>, how: Misbehaviour, words: RegExp][] = [
    ['another issuer', { iss: 'https://evil.example' }, {}, /"iss"/],
    ['an empty issuer', { iss: '' }, {}, /empty `iss`/],
    ['no issuer where one is advertised', { iss: undefined }, advertised, /"iss"/],
    ['no issuer on an error where one is advertised', { iss: undefined, error: 'access_denied' }, advertised, /"iss"/],
    ['another issuer on an error', { iss: 'https://evil.example', error: 'access_denied' }, {}, /"iss"/],
    ['another state', { state: 'another' }, {}, /"state"/],
    ['no state', { state: undefined }, {}, /"state"/],
    ['no code', { code: undefined }, {}, /no authorization code/],
    ['an overlong code', { code: 'c'.repeat(8193) }, {}, /overlong/],
    ['an ID token', { id_token: 'x.y.z' }, {}, /implicit and hybrid/],
  ]
  for (const [name, changed, how, words] of cases) {
    test(`with ${name} is refused`, async () => {
      op.misbehave(how)
      const { code, text: said } = await failureOf(exchange(relyingParty(op).provider, callbackUrl(op, changed)))
      assert.match(said, words)
      assert.equal(code, 'ERR_PROVIDER_RESPONSE')
    })
  }

  test('without an issuer is accepted where none is advertised', async () => {
    op.misbehave({})
    await exchange(relyingParty(op).provider, callbackUrl(op, { iss: undefined }))
  })

  async function refusal(error: string): Promise<ProviderRefusedError> {
    op.misbehave({})
    const url = callbackUrl(op, { code: undefined, error, error_description: '<script>alert(1)</script>' })
    return (await failureOf(exchange(relyingParty(op).provider, url))).error as ProviderRefusedError
  }

  test('with an error carries its code', async () => {
    const error = await refusal('access_denied')
    assert.ok(error instanceof ProviderRefusedError)
    assert.equal(error.providerCode, 'access_denied')
  })

  test('with an error never reflects what is not a plain code, nor any description', async () => {
    const error = await refusal('<img src=x onerror=alert(1)>')
    assert.equal(error.providerCode, 'unrecognized_error')
    assert.doesNotMatch(inspect(error, { depth: null, showHidden: true }), /alert/)
  })
})

test('no error shows a token, a code or a claim, however closely one looks', async () => {
  const secrets = /access-token-1|refresh-token-2|code-1|alice|eyJ|a secret/
  const failures: Misbehaviour[] = [
    { signature: 'wrong' },
    { claims: { nonce: 'x' } },
    { claims: { at_hash: 'x' } },
    { token: text(200, 'access-token-1 {', 'application/json') },
    { token: json(200, { access_token: 'access-token-1', token_type: 7 }) },
    { token: json(400, { error: 'invalid_grant', error_description: 'code-1' }) },
    { user: { sub: 'bob', name: 'alice' } },
  ]
  for (const how of failures) {
    const { error } = await failureOf(signIn({ ...how, options: { userinfo: true } }))
    assert.doesNotMatch(inspect(error, { depth: null, showHidden: true }), secrets)
  }
})
