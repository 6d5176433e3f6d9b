import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ask, cookiesOf, header, navigate, session, workbench, type Fakes } from '../../test/support/auth-context.ts'
import { isSallyportError, SallyportError, StoreUnavailableError } from '../shared/errors.ts'
import type { SessionData } from '../session/tokens.ts'
import type { Auth, GuardAnswer } from './auth.ts'
import type { Context } from './context.ts'
import { createGuard } from './guard.ts'
import { createHandle } from './handle.ts'
import type { AuthReply, AuthRequest } from './http.ts'

const guardOf = (context: Context<SessionData>): Auth['guard'] => createGuard(context, createHandle(context))

const noCookie = (): void => assert.fail('no cookie may be set')

function guard(request: AuthRequest, fakes: Fakes = {}): GuardAnswer | Promise<GuardAnswer> {
  return guardOf(workbench(fakes).context)(request, noCookie)
}

async function refusal(request: AuthRequest, fakes: Fakes = {}): Promise<AuthReply> {
  const { reply } = await guard(request, fakes)
  assert.ok(reply !== undefined, 'the request was let in')
  assert.deepEqual(cookiesOf(reply), [])
  assert.equal(header(reply, 'Cache-Control'), 'no-store')
  return reply
}

const down = { sessions: { authenticate: () => Promise.reject(new StoreUnavailableError()) } } satisfies Fakes

describe('the guard', () => {
  for (const [path, status] of [
    ['/auth/login', 302],
    ['/auth/session', 401],
  ] as const) {
    it(`before our routes lets ${path} be answered: else nobody could ever sign in`, async () => {
      const { reply } = await guard(navigate(path), { sessions: { authenticate: () => undefined } })
      assert.equal(reply?.status, status)
      assert.doesNotMatch(header(reply, 'Location') ?? '', /returnTo/)
    })
  }

  it('answers at once when memory can', () => {
    const answer = guard(ask('/me'), { sessions: { authenticate: () => session } })
    assert.ok(!(answer instanceof Promise))
    assert.equal(answer.session, session)
  })

  it('waits for the store otherwise', async () => {
    const answer = await guard(ask('/me'), { sessions: { authenticate: async () => session } })
    assert.equal(answer.session, session)
  })

  it('hands on the Cookie header and the way to set one', () => {
    const seen: unknown[] = []
    const authenticate = (...args: unknown[]): undefined => void seen.push(...args)
    void guard(ask('/me', { cookie: 'a=b' }), { sessions: { authenticate } })
    assert.deepEqual(seen, ['a=b', noCookie])
  })
})

describe('who is not signed in', () => {
  it('and goes somewhere is sent to the login, and back to there afterwards', async () => {
    const reply = await refusal(navigate('/orders?page=2'))
    assert.equal(reply.status, 302)
    assert.equal(header(reply, 'Location'), '/auth/login?returnTo=%2Forders%3Fpage%3D2')
  })

  for (const url of ['//evil.example', '/.//evil.example', 'http://evil.example/', `/${'a'.repeat(3_000)}`]) {
    it(`is not sent back to ${url.slice(0, 30)}`, async () => {
      assert.equal(header(await refusal(navigate(url)), 'Location'), '/auth/login')
    })
  }

  it('and sends a form is sent to the login, but not back to where forms go', async () => {
    const reply = await refusal(navigate('/orders', {}, 'POST'))
    assert.equal(reply.status, 303)
    assert.equal(header(reply, 'Location'), '/auth/login')
  })

  it('is found out alike when the store had to be asked', async () => {
    const reply = await refusal(navigate('/orders'), { sessions: { authenticate: async () => undefined } })
    assert.equal(reply.status, 302)
  })

  const scripts: [what: string, request: AuthRequest][] = [
    ['fetch', ask('/me')],
    ['an EventSource', ask('/me', { accept: 'text/event-stream' })],
    ['a WebSocket', ask('/me', { 'sec-fetch-mode': 'websocket', 'sec-fetch-dest': 'websocket' })],
    ['an image', ask('/me', { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image', accept: 'text/html' })],
    ['a WebSocket of an older browser', plain({ upgrade: 'websocket', accept: 'text/html' })],
    ['a client that wants JSON', plain({ accept: 'application/json' })],
    ['a client that says nothing', plain({})],
  ]
  for (const [what, request] of scripts) {
    it(`(${what}) is told so, and where the login is`, async () => {
      const reply = await refusal(request)
      assert.equal(reply.status, 401)
      assert.equal(header(reply, 'Content-Type'), 'application/problem+json')
      const challenge = 'Cookie realm="sallyport", form-action="/auth/login", cookie-name="__Host-sallyport"'
      assert.equal(header(reply, 'WWW-Authenticate'), challenge)
      const { status, code, loginUrl } = JSON.parse(reply.body) as Record<string, unknown>
      const wanted = { status: 401, code: 'ERR_LOGIN_REQUIRED', loginUrl: 'https://app.example/auth/login' }
      assert.deepEqual({ status, code, loginUrl }, wanted)
    })
  }

  it('(an older browser, by what it accepts) is sent to the login', async () => {
    assert.equal((await refusal(plain({ accept: 'text/html,*/*' }))).status, 302)
  })
})

describe('while the store cannot answer', () => {
  it('a person gets a page with a way to try again', async () => {
    const reply = await refusal(navigate('/orders?a=<b>'), down)
    assert.equal(reply.status, 503)
    assert.equal(header(reply, 'Retry-After'), '1')
    assert.match(reply.body, /href="\/orders\?a=%3Cb%3E"/)
  })

  it('a script gets a problem', async () => {
    const reply = await refusal(ask('/me'), down)
    assert.equal(reply.status, 503)
    assert.equal((JSON.parse(reply.body) as { code: string }).code, 'ERR_STORE_UNAVAILABLE')
  })

  it('an error that nobody expected lets nobody in', async () => {
    const reply = await refusal(ask('/me'), { sessions: { authenticate: () => Promise.reject(new TypeError('x')) } })
    assert.equal(reply.status, 500)
  })
})

describe('a change asked for by another site', () => {
  it('is refused before anybody is looked up', async () => {
    const { context, calls } = workbench({ sessions: { authenticate: () => session } })
    const answer = await guardOf(context)(ask('/me', { 'sec-fetch-site': 'cross-site' }, 'DELETE'), noCookie)
    assert.equal(answer.reply?.status, 403)
    assert.deepEqual(calls, [])
  })

  it('passes where it only reads', async () => {
    const request = ask('/me', { 'sec-fetch-site': 'cross-site' })
    assert.equal((await guard(request, { sessions: { authenticate: () => session } })).session, session)
  })
})

describe("with pages: 'framework'", () => {
  const options = { pages: 'framework' } as const

  it('people are still sent to the login', async () => {
    assert.equal((await refusal(navigate('/me'), { options })).status, 302)
  })

  const errors: [request: AuthRequest, fakes: Fakes, status: number][] = [
    [ask('/me'), {}, 401],
    [ask('/me', { 'sec-fetch-site': 'cross-site' }, 'POST'), {}, 403],
    [navigate('/me'), down, 503],
  ]
  for (const [request, fakes, status] of errors) {
    it(`a ${status} is a rejection with that status`, async () => {
      const answer = guard(request, { ...fakes, options })
      assert.ok(answer instanceof Promise)
      await assert.rejects(answer, (error) => isSallyportError(error) && error.status === status)
    })
  }

  it('the error is the very one that was thrown below', async () => {
    const error = new SallyportError('ERR_CLOSED', 'closed')
    await assert.rejects(
      async () => guard(ask('/me'), { options, sessions: { authenticate: () => Promise.reject(error) } }),
      (thrown) => thrown === error,
    )
  })
})

/** A request without any of the headers that browsers of today add. */
function plain(headers: Record<string, string>): AuthRequest {
  return { method: 'GET', url: '/me', header: (name) => headers[name], form: async () => new URLSearchParams() }
}
