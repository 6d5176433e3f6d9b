import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import type { AddressInfo } from 'node:net'
import express from 'express'
import type { ErrorRequestHandler, Express } from 'express'
import { fakeAuth, type Echo } from '../../test/support/fake-auth.ts'
import { isSallyportError, SallyportError } from '../shared/errors.ts'
import { expressAuth } from './express.ts'

async function start(t: TestContext, app: Express): Promise<string> {
  const server = app.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const codeOf: ErrorRequestHandler = (error: unknown, _request, response, _next) => {
  response.status(500).send(isSallyportError(error) ? error.code : String(error))
}

describe('expressAuth', () => {
  it('goes by the whole path where it is mounted below one', async (t) => {
    const app = express()
    app.use('/auth', expressAuth(fakeAuth()))
    const base = await start(t, app)
    const echo = (await (await fetch(`${base}/auth/login?a=b`)).json()) as Echo
    assert.equal(echo.url, '/auth/login?a=b')
  })

  for (const extended of [false, true]) {
    it(`takes the form that express.urlencoded({ extended: ${extended} }) has read`, async (t) => {
      const app = express().use(express.urlencoded({ extended }), expressAuth(fakeAuth()))
      const base = await start(t, app)
      const body = new URLSearchParams('a=1&a=2&b=%C3%A4')
      const echo = (await (await fetch(`${base}/auth/x`, { method: 'POST', body })).json()) as Echo
      assert.deepEqual(echo.form.map(String).sort(), ['a,1', 'a,2', 'b,ä'])
    })
  }

  it('gives the session to handlers behind the guard alone', async (t) => {
    const web = expressAuth(fakeAuth({ slow: true }))
    const app = express()
    app.get('/guarded', web.requireSession(), (request, response) => {
      response.send(web.session(request).claims.sub)
    })
    app.get('/free', (request, response) => {
      response.send(web.session(request).claims.sub)
    })
    app.use(codeOf)
    const base = await start(t, app)
    const headers = { cookie: 'user=alice' }
    assert.equal(await (await fetch(`${base}/guarded`, { headers })).text(), 'alice')
    assert.equal((await fetch(`${base}/guarded`)).status, 401)
    assert.equal(await (await fetch(`${base}/free`, { headers })).text(), 'ERR_GUARD_MISSING')
  })

  it('says in the error what to add', () => {
    const web = expressAuth(fakeAuth())
    assert.throws(() => web.session({} as Parameters<typeof web.session>[0]), /requireSession.*optionalSession/)
  })

  it('hands errors to the error handler of the application', async (t) => {
    const web = expressAuth(fakeAuth({ error: new SallyportError('ERR_CLOSED', 'closed') }))
    const app = express()
    app.get('/guarded', web.requireSession(), (_request, response) => void response.send('in'))
    app.use('/auth', web)
    app.use(codeOf)
    const base = await start(t, app)
    for (const path of ['/guarded', '/auth/login']) {
      assert.equal(await (await fetch(base + path)).text(), 'ERR_CLOSED')
    }
  })

  it('sets the cookies of an optional session as well, out of reach of caches', async (t) => {
    const web = expressAuth(fakeAuth())
    const app = express()
    app.get('/', async (request, response) => {
      const session = await web.optionalSession(request)
      await session?.update(() => {})
      response.set('Cache-Control', 'public').send(session?.claims.sub ?? 'nobody')
    })
    const base = await start(t, app)
    const answer = await fetch(base, { headers: { cookie: 'user=alice' } })
    assert.deepEqual(answer.headers.getSetCookie(), ['version=2'])
    assert.equal(answer.headers.get('cache-control'), 'no-store')
    assert.equal(await (await fetch(base)).text(), 'nobody')
  })
})
