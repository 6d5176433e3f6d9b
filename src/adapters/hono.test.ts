import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Hono } from 'hono'
import type { MiddlewareHandler } from 'hono'
import { fakeAuth, type Echo } from '../../test/support/fake-auth.ts'
import { isSallyportError, SallyportError } from '../shared/errors.ts'
import { honoAuth } from './hono.ts'

const user = { headers: { cookie: 'user=alice' } }

const parseBody: MiddlewareHandler = async (c, next) => {
  await c.req.parseBody()
  await next()
}

describe('honoAuth', () => {
  it('answers our routes and no others', async () => {
    const app = new Hono().use(honoAuth(fakeAuth())).get('/other', (c) => c.text('application'))
    const answer = await app.request('/auth/x?y=1')
    assert.equal(((await answer.json()) as Echo).url, '/auth/x?y=1')
    assert.deepEqual(answer.headers.getSetCookie(), ['a=1', 'b=2'])
    assert.equal(await (await app.request('/other')).text(), 'application')
  })

  for (const parser of ['before us', 'absent']) {
    it(`reads a form, with a body parser ${parser}`, async () => {
      const app = new Hono()
      if (parser === 'before us') app.use(parseBody)
      app.use(honoAuth(fakeAuth()))
      const body = new URLSearchParams('a=1&a=2&b=%C3%A4')
      const echo = (await (await app.request('/auth/x', { method: 'POST', body })).json()) as Echo
      assert.deepEqual(echo.form, [
        ['a', '1'],
        ['a', '2'],
        ['b', 'ä'],
      ])
    })
  }

  it('gives the session to handlers behind the guard alone', async () => {
    const web = honoAuth(fakeAuth({ slow: true }))
    const app = new Hono()
    app.get('/guarded', web.requireSession(), (c) => c.text(`${c.var.session.claims.sub} ${web.session(c).id}`))
    app.get('/free', (c) => c.text(web.session(c).id))
    app.onError((error, c) => c.text(isSallyportError(error) ? `${error.code}: ${error.message}` : 'other', 500))
    assert.equal(await (await app.request('/guarded', user)).text(), 'alice handle')
    assert.equal((await app.request('/guarded')).status, 401)
    const missing = await (await app.request('/free', user)).text()
    assert.match(missing, /^ERR_GUARD_MISSING: .*web\.requireSession\(\)/)
  })

  it('hands errors to the error handler of the application', async () => {
    const web = honoAuth(fakeAuth({ error: new SallyportError('ERR_CLOSED', 'closed') }))
    const app = new Hono()
    app.get('/guarded', web.requireSession(), (c) => c.text('in'))
    app.use('/auth/*', web)
    app.onError((error, c) => c.text(isSallyportError(error) ? error.code : 'other', 500))
    for (const path of ['/guarded', '/auth/login']) assert.equal(await (await app.request(path)).text(), 'ERR_CLOSED')
  })

  const bodies: [what: string, answer: () => Response][] = [
    ['a response of its own', () => new Response('body', { status: 201, headers: { 'set-cookie': 'app=1' } })],
    ['one with unchangeable headers', () => Response.redirect('https://app.example/next', 303)],
  ]
  for (const [what, answer] of bodies) {
    it(`adds the cookies of the session to ${what}`, async () => {
      const web = honoAuth(fakeAuth())
      const app = new Hono().use(web)
      app.get('/', web.requireSession(), async (c) => {
        await c.var.session.update(() => {})
        return answer()
      })
      const given = await app.request('/', user)
      const own = answer()
      assert.equal(given.status, own.status)
      assert.equal(given.headers.get('location'), own.headers.get('location'))
      assert.deepEqual(given.headers.getSetCookie(), [...own.headers.getSetCookie(), 'version=2'])
      assert.equal(given.headers.get('cache-control'), 'no-store')
    })
  }

  it('adds them beside what the handler has set, and overrules its caching', async () => {
    const web = honoAuth(fakeAuth())
    const app = new Hono().use(web)
    app.get('/', async (c) => {
      const session = await web.optionalSession(c)
      await session?.update(() => {})
      c.header('Set-Cookie', 'app=1')
      c.header('Cache-Control', 'public')
      return c.text('body', 200, { 'x-app': '1' })
    })
    const { headers } = await app.request('/', user)
    assert.deepEqual(headers.getSetCookie(), ['app=1', 'version=2'])
    assert.deepEqual([headers.get('cache-control'), headers.get('x-app')], ['no-store', '1'])
  })

  it('adds them to the answer of an error handler', async () => {
    const web = honoAuth(fakeAuth())
    const app = new Hono().use(web)
    app.get('/', web.requireSession(), async (c) => {
      await c.var.session.update(() => {})
      throw new Error('reason')
    })
    app.onError((_error, c) => c.text('failed', 500))
    const answer = await app.request('/', user)
    assert.deepEqual([answer.status, answer.headers.getSetCookie()], [500, ['version=2']])
  })
})
