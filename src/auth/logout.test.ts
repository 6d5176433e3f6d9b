import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ask, claims, cookiesOf, header, navigate, workbench } from '../../test/support/auth-context.ts'
import { StoreUnavailableError } from '../shared/errors.ts'

const post = (headers: Record<string, string | undefined> = {}): ReturnType<typeof navigate> =>
  navigate('/auth/logout', headers, 'POST')
const atProvider = 'https://login.example/end?post_logout_redirect_uri=https%3A%2F%2Fapp.example%2F'

describe('POST logout', () => {
  it('ends the session here first, then goes to the provider', async () => {
    const bench = workbench()
    const reply = await bench.handle(post())
    assert.equal(reply?.status, 303)
    assert.equal(header(reply, 'Location'), atProvider)
    assert.deepEqual(cookiesOf(reply), ['session=; Max-Age=0'])
    assert.deepEqual(bench.calls, ['sessions.close', 'provider.endSessionUrl'])
  })

  it('tells a script where to go', async () => {
    const reply = await workbench().handle(ask('/auth/logout', {}, 'POST'))
    assert.equal(reply?.status, 200)
    assert.deepEqual(JSON.parse(reply.body), { location: atProvider })
    assert.deepEqual(cookiesOf(reply), ['session=; Max-Age=0'])
  })

  it('ends at its own place where the provider has none, where it is not wanted, and where nobody was signed in', async () => {
    const logout = { returnTo: '/bye' }
    const benches = [
      workbench({ options: { logout }, provider: { endSessionUrl: async () => undefined } }),
      workbench({ options: { logout: { ...logout, provider: false } } }),
      workbench({ options: { logout }, sessions: { close: async () => undefined } }),
    ]
    for (const { handle } of benches) assert.equal(header(await handle(post()), 'Location'), '/bye')
  })

  it('asks the provider to end the refresh token, and does not wait for it', async () => {
    const revoked: string[] = []
    const bench = workbench({
      sessions: { close: async () => ({ claims, idToken: undefined, refreshToken: 'refresh-token' }) },
      provider: { revoke: (token) => (revoked.push(token), new Promise(() => {})) },
    })
    assert.equal((await bench.handle(post()))?.status, 303)
    assert.deepEqual(revoked, ['refresh-token'])
  })

  it('is a 503 while the store is down, and the cookie stays', async () => {
    const bench = workbench({ sessions: { close: () => Promise.reject(new StoreUnavailableError()) } })
    const reply = await bench.handle(post())
    assert.equal(reply?.status, 503)
    assert.deepEqual(cookiesOf(reply), [])
    assert.ok(!bench.calls.includes('provider.endSessionUrl'))
  })

  it('tells hooks.onSignOut, whose failure changes nothing', async () => {
    const told: unknown[] = []
    const bench = workbench({
      hooks: {
        onSignOut(user, context) {
          told.push(user, context)
          throw new Error('reason')
        },
      },
    })
    assert.equal((await bench.handle(post()))?.status, 303)
    assert.deepEqual(told, [claims, { reason: 'logout' }])
    assert.deepEqual(
      bench.logged.map(({ level }) => level),
      ['error'],
    )
  })

  const foreign: [what: string, headers: Record<string, string | undefined>][] = [
    ['of another site', { 'sec-fetch-site': 'cross-site' }],
    ['of a sibling site', { 'sec-fetch-site': 'same-site' }],
    ['with another Origin', { 'sec-fetch-site': undefined, origin: 'https://evil.example' }],
    ['without any sign of where it is from', { 'sec-fetch-site': undefined }],
  ]
  for (const [what, headers] of foreign) {
    it(`${what} is refused and ends nothing`, async () => {
      const bench = workbench()
      assert.equal((await bench.handle(post(headers)))?.status, 403)
      assert.deepEqual(bench.calls, [])
    })
  }

  it('is believed by its Origin where a browser sends no Sec-Fetch-Site', async () => {
    const reply = await workbench().handle(post({ 'sec-fetch-site': undefined, origin: 'https://app.example' }))
    assert.equal(reply?.status, 303)
  })
})

describe('GET logout', () => {
  it('followed as a link on our own pages signs out', async () => {
    const bench = workbench()
    assert.equal((await bench.handle(navigate('/auth/logout')))?.status, 303)
    assert.ok(bench.calls.includes('sessions.close'))
  })

  const doubtful: [what: string, headers: Record<string, string | undefined>][] = [
    ['from another site', { 'sec-fetch-site': 'cross-site' }],
    ['from a sibling site', { 'sec-fetch-site': 'same-site' }],
    ['typed by the user', { 'sec-fetch-site': 'none' }],
    ['of a browser that does not say', { 'sec-fetch-site': undefined }],
    ['as an image', { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }],
    ['in a frame', { 'sec-fetch-dest': 'iframe' }],
    ['prefetched', { 'sec-purpose': 'prefetch' }],
  ]
  for (const [what, headers] of doubtful) {
    it(`${what} asks first and ends nothing`, async () => {
      const bench = workbench()
      const reply = await bench.handle(navigate('/auth/logout', headers))
      assert.equal(reply?.status, 200)
      assert.match(reply.body, /<form method="post" action="\/auth\/logout">/)
      assert.deepEqual(bench.calls, [])
    })
  }

  it('asks on a page that keeps the Origin of its form, and that nobody can frame', async () => {
    const reply = await workbench().handle(navigate('/auth/logout', { 'sec-fetch-site': 'none' }))
    assert.equal(header(reply, 'Referrer-Policy'), 'same-origin')
    assert.match(header(reply, 'Content-Security-Policy') ?? '', /frame-ancestors 'none'/)
  })
})
