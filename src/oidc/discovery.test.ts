import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { hang, json, startEvilProvider, status, text } from '../../test/support/evil-provider.ts'
import type { EvilProvider, Misbehaviour } from '../../test/support/evil-provider.ts'
import { failureOf, relyingParty } from '../../test/support/relying-party.ts'

describe('discovery', () => {
  let op: EvilProvider
  beforeEach(async () => {
    op = await startEvilProvider()
  })
  afterEach(() => op.close())

  const asked = (): number => op.requestsTo('/.well-known/openid-configuration').length

  test('sends nothing before the first use', async () => {
    relyingParty(op)
    assert.equal(op.requests.length, 0)
  })

  test('asks once, however many want to know at once and later', async () => {
    const { provider, clock } = relyingParty(op)
    await Promise.all(Array.from({ length: 20 }, () => provider.ready()))
    await clock.advance(60_000)
    await provider.ready()
    assert.equal(asked(), 1)
  })

  test('tries again after a failure, but not within a second', async () => {
    const { provider, clock } = relyingParty(op)
    op.misbehave({ discovery: status(500) })
    await assert.rejects(provider.ready())
    op.misbehave({})

    await clock.advance(999)
    await assert.rejects(provider.ready())
    assert.equal(asked(), 1)

    await clock.advance(1)
    await provider.ready()
    assert.equal(asked(), 2)
  })

  test('waits a second after the end of a failed attempt, not after its start', async () => {
    const { provider, clock } = relyingParty(op)
    op.misbehave({ discovery: hang })
    const first = op.nextRequest('/.well-known/openid-configuration')
    const failed = assert.rejects(provider.ready())
    await first
    await clock.advance(5000)
    await failed
    await assert.rejects(provider.ready())
    assert.equal(asked(), 1)
  })

  test('logs a failure once, without what the provider sent', async () => {
    const { provider, log } = relyingParty(op)
    op.misbehave({ discovery: text(200, 'a secret page') })
    await assert.rejects(provider.ready())
    await assert.rejects(provider.ready())
    assert.deepEqual(
      log.filter(({ level }) => level === 'warn').map(({ message }) => message),
      ['the provider could not be discovered'],
    )
  })

  test('of a provider that never answers is given up after the timeout', async () => {
    const { provider, clock } = relyingParty(op)
    op.misbehave({ discovery: hang })
    const arrived = op.nextRequest('/.well-known/openid-configuration')
    const failed = failureOf(provider.ready())
    await arrived
    await clock.advance(5000)
    assert.equal((await failed).code, 'ERR_PROVIDER_UNAVAILABLE')
  })

  const failures: [name: string, how: Misbehaviour, code: string, words: RegExp][] = [
    ['a 500', { discovery: status(500) }, 'ERR_PROVIDER_UNAVAILABLE', /status 500/],
    ['a 404', { discovery: status(404) }, 'ERR_PROVIDER_UNAVAILABLE', /status 404/],
    ['a redirect', { discovery: status(301, { location: '/x' }) }, 'ERR_PROVIDER_UNAVAILABLE', /status 301/],
    ['a page', { discovery: text(200, '<h1>hello</h1>') }, 'ERR_PROVIDER_RESPONSE', /SyntaxError/],
    ['null', { discovery: json(200, null) }, 'ERR_PROVIDER_RESPONSE', /calls itself/],
    ['another issuer', { metadata: { issuer: 'https://evil.example' } }, 'ERR_PROVIDER_RESPONSE', /"https:\/\/evil/],
    ['no token endpoint', { metadata: { token_endpoint: undefined } }, 'ERR_PROVIDER_RESPONSE', /token_endpoint/],
    ['a key set that is no URL', { metadata: { jwks_uri: 'keys' } }, 'ERR_PROVIDER_RESPONSE', /jwks_uri/],
    [
      'a script as authorization endpoint',
      { metadata: { authorization_endpoint: 'javascript:alert(1)' } },
      'ERR_PROVIDER_RESPONSE',
      /authorization_endpoint/,
    ],
    [
      'PKCE without S256',
      { metadata: { code_challenge_methods_supported: ['plain'] } },
      'ERR_PROVIDER_RESPONSE',
      /S256/,
    ],
    [
      'no asymmetric algorithm',
      { metadata: { id_token_signing_alg_values_supported: ['HS256', 'none'] } },
      'ERR_PROVIDER_RESPONSE',
      /asymmetric/,
    ],
  ]
  for (const [name, how, code, words] of failures) {
    test(`refuses ${name} with ${code}`, async () => {
      op.misbehave(how)
      const failure = await failureOf(relyingParty(op).provider.ready())
      assert.match(failure.text, words)
      assert.equal(failure.code, code)
    })
  }

  test('refuses an issuer that differs by a slash', async () => {
    op.misbehave({ metadata: { issuer: `${op.issuer}/` } })
    assert.equal((await failureOf(relyingParty(op).provider.ready())).code, 'ERR_PROVIDER_RESPONSE')
  })

  test('takes an issuer with a trailing slash for what it is', async () => {
    op.misbehave({ metadata: { issuer: `${op.issuer}/` } })
    await relyingParty(op, { issuer: `${op.issuer}/` }).provider.ready()
  })

  test('accepts a provider that says nothing about PKCE or algorithms', async () => {
    op.misbehave({
      metadata: { code_challenge_methods_supported: undefined, id_token_signing_alg_values_supported: undefined },
    })
    await relyingParty(op).provider.ready()
  })

  test('refuses plain-http endpoints of an https issuer', async () => {
    const issuer = 'https://op.example'
    const metadata = {
      issuer,
      authorization_endpoint: `${issuer}/a`,
      token_endpoint: 'http://op.example/t',
      jwks_uri: `${issuer}/j`,
    }
    const { provider } = relyingParty(op, { issuer, fetch: async () => Response.json(metadata) })
    assert.match((await failureOf(provider.ready())).text, /token_endpoint/)
  })
})

describe('whether the provider is up', () => {
  let op: EvilProvider
  beforeEach(async () => {
    op = await startEvilProvider()
  })
  afterEach(() => op.close())

  test('is asked anew, though not twice within a second', async () => {
    const { provider, clock } = relyingParty(op)
    assert.equal(await provider.isUp(), true)
    op.misbehave({ discovery: status(503) })
    assert.equal(await provider.isUp(), true)
    await clock.advance(1000)
    assert.equal(await provider.isUp(), false)
  })

  test('does not change what was discovered', async () => {
    const { provider, clock } = relyingParty(op)
    await provider.ready()
    op.misbehave({ discovery: status(503) })
    await clock.advance(1000)
    assert.equal(await provider.isUp(), false)
    await provider.ready()
  })

  test('is no when nobody listens', async () => {
    const { provider } = relyingParty(op)
    await op.close()
    assert.equal(await provider.isUp(), false)
  })
})
