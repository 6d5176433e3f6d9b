import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import fc from 'fast-check'
import { createAuth, TwoTierAuthCache } from '../../src/index.ts'
import type { AuthSession, Json } from '../../src/index.ts'
import { ConfigError } from '../../src/shared/errors.ts'
import { clientId, clientSecret, secret, silentLogger, startWorld } from '../support/app.ts'
import type { World } from '../support/app.ts'
import { eventually } from '../support/eventually.ts'
import { jsonOnlyStore } from '../support/json-only-store.ts'
import { askMe, me, script, sessionCookie, signedIn } from '../support/sign-in.ts'

/** What such a store refuses, or what could be taken for its replacement. */
const odd: readonly string[] = [
  'nul \0',
  'first half \ud83d',
  'second half \ude00',
  'halves the wrong way round \ude00\ud83d',
  'whole \u{1f600}',
  'substitute \u001a, and with digits \u001a0000',
  'an escape that is none: \\u0000 \\u001a0000',
  '\\',
  '"',
]

async function start(t: TestContext, accessTokenTtlSec = 300): Promise<World> {
  const store = jsonOnlyStore()
  t.after(() => store.close())
  return startWorld(t, {
    store: () => store,
    instances: 2,
    provider: { accessTokenTtlSec },
    options: { session: { seal: false }, cache: { enableL1: false } },
  })
}

describe('a store that keeps JSON only, spells it in its own way and refuses odd characters', () => {
  it('is refused unless values are readable, and what to do is said', () => {
    const store = jsonOnlyStore()
    for (const session of [{}, { seal: true }, { seal: 'server' }] as const) {
      const make = (): unknown =>
        createAuth({
          issuer: 'https://login.example',
          clientId,
          clientSecret,
          baseUrl: 'https://app.example',
          secret,
          store,
          session,
        })
      assert.throws(make, (error) => {
        assert.ok(error instanceof ConfigError)
        assert.deepEqual(
          error.problems.map(({ path }) => path),
          ['session.seal'],
        )
        return /must be false with a store that keeps JSON only/.test(error.message)
      })
    }
  })

  it('a session signs in, is changed and ends', async (t) => {
    const { app, other } = await start(t)
    const browser = await signedIn(app)
    for (const text of odd) await browser.post(`${app.baseUrl}/note`, { text }, script)
    // A form is UTF-8, and has no half characters.
    const expected = odd.map((text) => Buffer.from(text).toString())
    assert.deepEqual((await me(browser, other)).notes, expected)
    await browser.post(`${app.baseUrl}/end`, {}, script)
    assert.equal((await askMe(browser, other)).status, 401)
  })

  it('data with characters that it refuses comes back as it was', async (t) => {
    const { app, other } = await start(t)
    const cookie = `sallyport=${sessionCookie(await signedIn(app), app)}`
    await (await app.auth.authenticate(cookie))!.update(() => ({ notes: [...odd] }))
    assert.deepEqual((await other.auth.authenticate(cookie))!.data.notes, odd)
  })

  it('tokens are refreshed', async (t) => {
    const { app, other } = await start(t, 1)
    const cookie = `sallyport=${sessionCookie(await signedIn(app), app)}`
    const first = await (await app.auth.authenticate(cookie))!.accessToken()
    await eventually(
      async () => (await app.auth.authenticate(cookie))!.accessToken(),
      (token) => token !== first,
    )
    const session = (await other.auth.authenticate(cookie))!
    assert.ok(session.refreshCount >= 1)
  })

  it('any session and any verifier come back as they were', async (t) => {
    const store = jsonOnlyStore()
    t.after(() => store.close())
    const options = { store, secret, seal: false, logger: silentLogger, enableL1: false } as const
    const [writer, reader] = [new TwoTierAuthCache(options), new TwoTierAuthCache(options)]
    t.after(() => Promise.all([writer.close(), reader.close()]))
    const text = fc.oneof(fc.constantFrom(...odd), fc.string({ unit: 'binary' }))
    // V8 13.6 may take a name that holds an escape for one it has seen that holds a backslash.
    const name = text.filter((each) => !each.includes('\\'))
    const data = fc.dictionary(name, fc.oneof(text, fc.array(text), fc.dictionary(name, text)))
    await fc.assert(
      fc.asyncProperty(text, data as fc.Arbitrary<Record<string, Json>>, async (any, extra) => {
        const session: AuthSession = {
          accessToken: any,
          tokenType: 'Bearer',
          claims: { sub: 'alice', iss: 'https://login.example', name: any, extra },
          data: extra,
        }
        await writer.setAuthSession('id', session)
        assert.deepEqual(plain(await reader.getAuthSession('id')), plain(session))
        await writer.setCodeVerifier('state', `v${any}`)
        assert.equal(await reader.getCodeVerifier('state'), `v${any}`)
      }),
      { numRuns: 200 },
    )
  })
})

/** As JSON has it: that is all a session is. */
function plain(session: AuthSession | undefined): unknown {
  return session && (JSON.parse(JSON.stringify(session)) as unknown)
}
