import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import {
  ask,
  claims,
  cookiesOf,
  header,
  navigate,
  session,
  workbench,
  type Fakes,
  type Workbench,
} from '../../test/support/auth-context.ts'
import { ProviderRefusedError } from '../oidc/provider-refused-error.ts'
import type { Callback } from '../oidc/provider.ts'
import type { Opening } from '../session/service.ts'
import type { SessionData } from '../session/tokens.ts'
import { isSallyportError, SallyportError, StoreUnavailableError } from '../shared/errors.ts'
import type { AuthReply, AuthRequest } from './http.ts'
import type { Hooks } from './options.ts'

interface Arrived extends Workbench {
  state: string
  cookie: string
  /** The browser comes back from the provider. */
  arrive: (query?: string, headers?: Record<string, string>) => Promise<AuthReply | undefined>
  request: (query?: string) => AuthRequest
}

/** A workbench with one login under way. */
async function begun(fakes: Fakes = {}, path = '/auth/login?returnTo=/orders'): Promise<Arrived> {
  const bench = workbench(fakes)
  const reply = await bench.handle(navigate(path))
  const state = new URL(header(reply, 'Location')!).searchParams.get('state')!
  const cookie = cookiesOf(reply)[0]!.split(';')[0]!
  bench.calls.length = 0
  const request = (query = `code=abc&state=${state}`): AuthRequest =>
    navigate(`/auth/callback?${query}`, { cookie, 'sec-fetch-site': 'cross-site' })
  return { ...bench, state, cookie, request, arrive: (query) => bench.handle(request(query)) }
}

describe('GET callback', () => {
  it('makes a session and returns to where the login began', async () => {
    const { arrive } = await begun()
    const reply = await arrive()
    assert.equal(reply?.status, 302)
    assert.equal(header(reply, 'Location'), '/orders')
    assert.deepEqual(cookiesOf(reply), ['session=opened'])
    assert.equal(header(reply, 'Cache-Control'), 'no-store')
    assert.equal(header(reply, 'Referrer-Policy'), 'no-referrer')
  })

  it('hands the provider its answer at our own address, with what the transaction kept', async () => {
    const seen: Callback[] = []
    const tokens = { accessToken: 'access-token', tokenType: 'Bearer' }
    const { arrive, state } = await begun({
      provider: { exchange: async (callback) => (seen.push(callback), { claims, tokens }) },
    })
    await arrive()
    assert.equal(seen[0]?.url.href, `https://app.example/auth/callback?code=abc&state=${state}`)
    assert.equal(seen[0].state, state)
    assert.match(seen[0].codeVerifier, /^[\w-]{43}$/)
  })

  it('opens the session with claims, tokens, provider session and device', async () => {
    const opened: Opening<SessionData>[] = []
    const tokens = { accessToken: 'access-token', tokenType: 'Bearer' }
    const { handle, request } = await begun({
      provider: { exchange: async () => ({ claims, tokens, sid: 'provider-session', endsAt: 9 }) },
      sessions: { open: async (opening) => (opened.push(opening), session) },
    })
    const { header: of, ...rest } = request()
    await handle({ ...rest, header: (name) => (name === 'user-agent' ? 'X11; Linux; Firefox/140.0' : of(name)) })
    const device = 'Firefox on Linux'
    assert.deepEqual(opened, [{ claims, tokens, data: {}, sid: 'provider-session', endsAt: 9, device }])
  })

  it('goes on from a page of our own where the cookie is strict, which a redirect would not carry', async () => {
    const { arrive } = await begun({ options: { session: { cookie: { sameSite: 'strict' } } } })
    const reply = await arrive()
    assert.equal(reply?.status, 200)
    assert.deepEqual(cookiesOf(reply), ['session=opened'])
    assert.match(reply?.body ?? '', /<meta http-equiv="refresh" content="0; url=\/orders">/)
  })
})

describe('a callback with a state that is not ours', () => {
  const made: [what: string, query: (state: string) => string][] = [
    ['made up', () => `code=abc&state=0${'A'.repeat(75)}`],
    ['malformed', () => 'code=abc&state=%00'],
    ['cut', (state) => `code=abc&state=${state.slice(0, -1)}`],
    ['absent', () => 'code=abc'],
    ['10 KB', () => `code=abc&state=${'0'.repeat(10_240)}`],
  ]
  for (const [what, query] of made) {
    it(`(${what}) begins a fresh login and asks the store nothing`, async () => {
      const { arrive, state, calls, transactions } = await begun()
      const reply = await arrive(query(state))
      assert.equal(header(reply, 'Location'), '/auth/login?again=1')
      assert.deepEqual(calls, [])
      assert.equal(transactions.size, 1)
    })
  }

  it('(of another browser) begins a fresh login and asks the store nothing', async () => {
    const { handle, state, calls, transactions } = await begun()
    const { cookie } = await begun()
    for (const headers of [{ cookie }, {}]) {
      const reply = await handle(navigate(`/auth/callback?code=abc&state=${state}`, headers))
      assert.equal(header(reply, 'Location'), '/auth/login?again=1')
    }
    assert.deepEqual(calls, [])
    assert.equal(transactions.size, 1)
  })

  it('(of a browser that keeps no cookies) ends on a page at the second time', async () => {
    const bench = await begun({}, '/auth/login?again=1')
    const reply = await bench.handle(navigate(`/auth/callback?code=abc&state=${bench.state}`))
    assert.equal(reply?.status, 400)
    assert.match(reply?.body ?? '', /<a class="action" href="\/auth\/login">/)
    assert.deepEqual(bench.calls, [])
  })

  it('(given twice) is refused and asks the store nothing', async () => {
    const { arrive, state, calls } = await begun()
    assert.equal((await arrive(`code=abc&state=${state}&state=${state}`))?.status, 400)
    assert.deepEqual(calls, [])
  })
})

describe('a callback whose login is over', () => {
  it('goes to the default place when somebody is signed in', async () => {
    const { arrive } = await begun({ sessions: { authenticate: () => session } })
    await arrive()
    const reply = await arrive()
    assert.equal(header(reply, 'Location'), '/')
    assert.deepEqual(cookiesOf(reply), [])
  })

  it('begins a fresh login when nobody is, and ends on a page at the second time', async () => {
    const first = await begun()
    await first.arrive()
    assert.equal(header(await first.arrive(), 'Location'), '/auth/login?again=1')
    const second = await begun({}, '/auth/login?again=1')
    await second.arrive()
    assert.equal((await second.arrive())?.status, 400)
  })

  it('takes one that was begun with another provider for over', async () => {
    const bench = await begun()
    bench.transactions.set(bench.state, {
      ...(bench.transactions.get(bench.state) as object),
      issuer: 'https://other.example',
    })
    assert.equal(header(await bench.arrive(), 'Location'), '/auth/login?again=1')
    assert.deepEqual(bench.calls, ['transactions.take', 'sessions.authenticate'])
  })

  it('is unknown while the store is down: 503, and nobody is sent away', async () => {
    const transactions = { put: async () => {}, take: () => Promise.reject(new StoreUnavailableError()) }
    const reply = await (await begun({ sessions: { transactions } })).arrive()
    assert.equal(reply?.status, 503)
    assert.equal(header(reply, 'Retry-After'), '1')
  })
})

describe('a sign-in that comes to nothing', () => {
  const failures: [what: string, error: Error, status: number, text: RegExp][] = [
    ['the provider refuses', new ProviderRefusedError('access_denied'), 400, /answered: access_denied\./],
    [
      'the answer cannot be trusted',
      new SallyportError('ERR_PROVIDER_RESPONSE', 'secret reason'),
      502,
      /cannot be trusted/,
    ],
    ['the provider is down', new SallyportError('ERR_PROVIDER_UNAVAILABLE', 'secret reason'), 503, /does not answer/],
    ['something unexpected happens', new TypeError('secret reason'), 500, /went wrong/],
  ]
  for (const [what, error, status, text] of failures) {
    it(`because ${what} is a page with a way back, and consumes its transaction`, async () => {
      const { arrive, transactions, logged } = await begun({ provider: { exchange: () => Promise.reject(error) } })
      const reply = await arrive()
      assert.equal(reply?.status, status)
      assert.match(reply.body, text)
      assert.match(reply.body, /href="\/auth\/login\?returnTo=%2Forders"/)
      assert.doesNotMatch(reply.body, /secret reason/)
      assert.deepEqual(cookiesOf(reply), [])
      assert.equal(transactions.size, 0)
      const [, id] = /<code>([\w-]+)<\/code>/.exec(reply.body) ?? []
      assert.deepEqual(
        logged.map(({ fields }) => fields['id']),
        [id],
      )
    })
  }

  it('because a parameter came twice is refused before the provider is asked, and consumes its transaction', async () => {
    const { arrive, state, calls, transactions } = await begun()
    assert.equal((await arrive(`code=abc&code=abc&state=${state}`))?.status, 400)
    assert.deepEqual(calls, ['transactions.take'])
    assert.equal(transactions.size, 0)
  })

  it('because the store is down is a 503 without a cookie', async () => {
    const { arrive } = await begun({ sessions: { open: () => Promise.reject(new StoreUnavailableError()) } })
    const reply = await arrive()
    assert.equal(reply?.status, 503)
    assert.deepEqual(cookiesOf(reply), [])
  })

  it('goes to the error handler of the framework where that is wanted', async () => {
    const { arrive } = await begun({
      options: { pages: 'framework' },
      provider: { exchange: () => Promise.reject(new TypeError('reason')) },
    })
    await assert.rejects(arrive(), (error) => isSallyportError(error) && error.status === 500)
  })
})

describe('hooks.onSignIn', () => {
  it('sees the claims and the place to return to, and gives the session its data', async () => {
    const seen: unknown[] = []
    const opened: unknown[] = []
    const { arrive } = await begun({
      hooks: { onSignIn: async (user, context) => (seen.push(user, context), { data: { cart: ['apple'] } }) },
      sessions: { open: async ({ data }) => (opened.push(data), session) },
    })
    await arrive()
    assert.deepEqual(seen, [claims, { returnTo: '/orders' }])
    assert.deepEqual(opened, [{ cart: ['apple'] }])
  })

  it('refuses with a message for the user, which is escaped and not logged', async () => {
    const { arrive, calls, logged } = await begun({ hooks: { onSignIn: () => ({ refuse: 'No <b>guests</b>' }) } })
    const reply = await arrive()
    assert.equal(reply?.status, 403)
    assert.match(reply.body, /No &lt;b&gt;guests&lt;\/b&gt;/)
    assert.ok(!calls.includes('sessions.open'))
    assert.doesNotMatch(inspect(logged, { depth: Infinity }), /guests/)
  })

  for (const [what, onSignIn] of [
    ['throws', () => assert.fail('secret reason')],
    ['rejects', () => Promise.reject(new Error('secret reason'))],
  ] as const) {
    it(`that ${what} signs nobody in and tells nothing`, async () => {
      const { arrive, calls, logged } = await begun({ hooks: { onSignIn } })
      const reply = await arrive()
      assert.equal(reply?.status, 500)
      assert.doesNotMatch(reply.body, /secret reason/)
      assert.ok(!calls.includes('sessions.open'))
      assert.deepEqual(
        logged.map(({ fields }) => fields['code']),
        ['ERR_HOOK_FAILED'],
      )
    })
  }

  for (const verdict of [null, false, true, 'no', [], {}, { refused: 'no' }, { ok: false }]) {
    it(`that returns ${JSON.stringify(verdict)} signs nobody in: it may have been meant as a refusal`, async () => {
      const onSignIn = (() => verdict) as unknown as NonNullable<Hooks['onSignIn']>
      const { arrive, calls } = await begun({ hooks: { onSignIn } })
      assert.equal((await arrive())?.status, 500)
      assert.ok(!calls.includes('sessions.open'))
    })
  }

  it('that never answers is given up after 5 s', async () => {
    const { arrive, clock } = await begun({ hooks: { onSignIn: () => new Promise(() => {}) } })
    const reply = arrive()
    let status: number | undefined
    void reply.then((settled) => (status = settled?.status))
    await clock.advance(4_999)
    assert.equal(status, undefined)
    await clock.advance(1)
    assert.equal(status, 500)
  })
})

describe('a script that lands on the callback', () => {
  it('gets a problem instead of a page', async () => {
    const { handle, cookie, state } = await begun({
      provider: { exchange: () => Promise.reject(new ProviderRefusedError('login_required')) },
    })
    const reply = await handle(ask(`/auth/callback?error=login_required&state=${state}`, { cookie }))
    assert.equal(header(reply, 'Content-Type'), 'application/problem+json')
    assert.match((JSON.parse(reply!.body) as { detail: string }).detail, /login_required/)
  })
})
