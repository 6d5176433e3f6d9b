import assert from 'node:assert/strict'
import { createServer, request as httpRequest } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text as textOf } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { fakeAuth, type Echo } from '../../test/support/fake-auth.ts'
import { isSallyportError, SallyportError } from '../shared/errors.ts'
import { nodeAuth } from './node.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<unknown>

interface Answer {
  status: number
  headers: IncomingHttpHeaders
  text: string
}

interface Sent {
  method?: string
  headers?: Record<string, string>
  body?: string
}

/** Serves with `handler` until the test ends; what it throws is answered with 500 and the error's code. */
async function serve(t: TestContext, handler: Handler): Promise<(path: string, sent?: Sent) => Promise<Answer>> {
  const server = createServer((request, response) => {
    handler(request, response).catch((error: unknown) => {
      response.statusCode = 500
      response.end(isSallyportError(error) ? error.code : String(error))
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  t.after(() => new Promise((resolve) => server.close(resolve)))
  const { port } = server.address() as AddressInfo
  return (path, { method = 'GET', headers = {}, body } = {}) =>
    new Promise((resolve, reject) => {
      const request = httpRequest({ port, host: '127.0.0.1', path, method, headers, agent: false }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
        response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, text }))
      })
      request.on('error', reject)
      request.end(body)
    })
}

const form = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' }
const echoOf = ({ text }: Answer): Echo => JSON.parse(text) as Echo

describe('nodeAuth answers our routes', () => {
  it('and resolves to whether it did', async (t) => {
    const web = nodeAuth(fakeAuth())
    const outcomes: boolean[] = []
    const ask = await serve(t, async (request, response) => {
      const answered = await web(request, response)
      outcomes.push(answered)
      if (!answered) response.end('application')
    })
    assert.equal(echoOf(await ask('/auth/x?y=1')).url, '/auth/x?y=1')
    assert.equal((await ask('/other')).text, 'application')
    assert.deepEqual(outcomes, [true, false])
  })

  it('and calls next for the others only', async (t) => {
    const web = nodeAuth(fakeAuth())
    const ask = await serve(t, async (request, response) => {
      await web(request, response, () => response.end('next'))
    })
    assert.notEqual((await ask('/auth/x')).text, 'next')
    assert.equal((await ask('/other')).text, 'next')
  })

  it('by the whole path, also where a framework has shortened it', async (t) => {
    const web = nodeAuth(fakeAuth())
    const ask = await serve(t, async (request, response) => {
      Object.assign(request, { originalUrl: request.url, url: '/x' })
      if (!(await web(request, response))) response.end('application')
    })
    assert.equal(echoOf(await ask('/auth/x')).url, '/auth/x')
  })

  it('with the cookies beside those that are already there', async (t) => {
    const web = nodeAuth(fakeAuth())
    const ask = await serve(t, async (request, response) => {
      response.setHeader('Set-Cookie', 'app=1')
      await web(request, response)
    })
    assert.deepEqual((await ask('/auth/x')).headers['set-cookie'], ['app=1', 'a=1', 'b=2'])
  })

  it('or hands an error to next, or rejects where there is none', async (t) => {
    const web = nodeAuth(fakeAuth({ error: new SallyportError('ERR_CLOSED', 'closed') }))
    const ask = await serve(t, async (request, response) => {
      if (request.url === '/throws') return web(request, response)
      return web(request, response, (error) => response.end(`next: ${(error as SallyportError).code}`))
    })
    assert.equal((await ask('/next')).text, 'next: ERR_CLOSED')
    assert.equal((await ask('/throws')).text, 'ERR_CLOSED')
  })
})

describe('nodeAuth reads forms', () => {
  const parsers: [what: string, body: unknown][] = [
    ['as an object', { a: 'ä', b: ['1', '2'], c: { nested: 'no' } }],
    ['as a text', 'a=%C3%A4&b=1&b=2'],
    ['as bytes', Buffer.from('a=%C3%A4&b=1&b=2')],
  ]
  const fields = [
    ['a', 'ä'],
    ['b', '1'],
    ['b', '2'],
  ]

  it('that nobody has read', async (t) => {
    const web = nodeAuth(fakeAuth())
    const ask = await serve(t, (request, response) => web(request, response))
    const answer = await ask('/auth/x', { method: 'POST', headers: form, body: 'a=%C3%A4&b=1&b=2' })
    assert.deepEqual(echoOf(answer).form, fields)
  })

  for (const [what, body] of parsers) {
    it(`that a body parser has read ${what}`, async (t) => {
      const web = nodeAuth(fakeAuth())
      const ask = await serve(t, async (request, response) => {
        await textOf(request)
        await web(Object.assign(request, { body }), response)
      })
      const answer = await ask('/auth/x', { method: 'POST', headers: form, body: 'a=%C3%A4' })
      assert.deepEqual(echoOf(answer).form, fields)
    })
  }

  it('and leaves every other kind of body alone', async (t) => {
    const web = nodeAuth(fakeAuth())
    const ask = await serve(t, (request, response) => web(request, response))
    const headers = { 'content-type': 'application/json' }
    assert.deepEqual(echoOf(await ask('/auth/x', { method: 'POST', headers, body: '{"a":1}' })).form, [])
    assert.deepEqual(echoOf(await ask('/auth/x')).form, [])
  })

  it('of 64 KB and no more', async (t) => {
    const web = nodeAuth(fakeAuth())
    let refused: unknown
    const ask = await serve(t, (request, response) =>
      web(request, response).catch((error: unknown) => {
        refused = error
        response.end('refused')
      }),
    )
    const longest = await ask('/auth/x', { method: 'POST', headers: form, body: `a=${'x'.repeat(65_534)}` })
    assert.equal(echoOf(longest).form[0]?.[1].length, 65_534)
    await ask('/auth/x', { method: 'POST', headers: form, body: `a=${'x'.repeat(65_535)}` }).catch(() => {})
    assert.ok(isSallyportError(refused) && refused.code === 'ERR_REQUEST_INVALID')
  })
})

describe('nodeAuth guards', () => {
  const user = { headers: { cookie: 'user=alice' } }

  for (const slow of [false, true]) {
    it(`and gives the session ${slow ? 'once the store has answered' : 'at once when memory can'}`, async (t) => {
      const web = nodeAuth(fakeAuth({ slow }))
      const waits: boolean[] = []
      const ask = await serve(t, async (request, response) => {
        const found = web.requireSession(request, response)
        waits.push(found instanceof Promise)
        const session = await found
        if (session === undefined) return
        response.end(web.session(request) === session ? 'same' : 'other')
      })
      assert.equal((await ask('/', user)).text, 'same')
      assert.deepEqual(waits, [slow])
      const refused = await ask('/')
      assert.deepEqual([refused.status, refused.text], [401, 'refused'])
    })
  }

  it('and says what is missing where it was not asked', async (t) => {
    const web = nodeAuth(fakeAuth())
    const ask = await serve(t, async (request) => web.session(request))
    assert.equal((await ask('/', user)).text, 'ERR_GUARD_MISSING')
  })

  it('and finds the session of a request nobody guarded, if there is one', async (t) => {
    const web = nodeAuth(fakeAuth({ slow: true }))
    const ask = await serve(t, async (request, response) => {
      const session = await web.optionalSession(request, response)
      response.end(session?.claims.sub ?? 'nobody')
    })
    assert.equal((await ask('/', user)).text, 'alice')
    assert.equal((await ask('/')).text, 'nobody')
  })
})

describe('an answer that carries a cookie of the session', () => {
  const user = { headers: { cookie: 'user=alice' } }
  const ways: [what: string, answer: (response: ServerResponse) => void][] = [
    ['end', (response) => void response.setHeader('cache-control', 'public, max-age=60')],
    ['writeHead', (response) => void response.writeHead(200)],
    ['writeHead with headers', (response) => void response.writeHead(200, { 'cache-control': 'public', 'x-app': '1' })],
    ['writeHead with a reason', (response) => void response.writeHead(200, 'Fine', { 'Cache-Control': 'public' })],
    ['writeHead with a list', (response) => void response.writeHead(200, ['Cache-Control', 'public', 'x-app', '1'])],
    ['write', (response) => void response.write('a')],
    ['flushHeaders', (response) => response.flushHeaders()],
  ]
  for (const [what, answer] of ways) {
    it(`is kept by no cache, written with ${what}`, async (t) => {
      const web = nodeAuth(fakeAuth())
      const ask = await serve(t, async (request, response) => {
        const session = await web.requireSession(request, response)
        await session?.update(() => {})
        answer(response)
        response.end()
      })
      const { headers } = await ask('/', user)
      assert.equal(headers['cache-control'], 'no-store')
      assert.deepEqual(headers['set-cookie'], ['version=2'])
    })
  }

  it('keeps the headers it was written with', async (t) => {
    const web = nodeAuth(fakeAuth())
    const ask = await serve(t, async (request, response) => {
      const session = await web.requireSession(request, response)
      await session?.update(() => {})
      response.writeHead(201, ['x-app', '1', 'Cache-Control', 'public']).end('body')
    })
    const { status, headers, text } = await ask('/', user)
    assert.deepEqual([status, headers['x-app'], text], [201, '1', 'body'])
  })

  const own: [what: string, answer: (response: ServerResponse) => void][] = [
    ['setHeader', (response) => void response.setHeader('set-cookie', 'app=1')],
    ['setHeader with a list', (response) => void response.setHeader('Set-Cookie', ['app=1'])],
    ['appendHeader', (response) => void response.appendHeader('Set-Cookie', 'app=1')],
    ['setHeaders', (response) => void response.setHeaders(new Headers({ 'Set-Cookie': 'app=1' }))],
    ['writeHead', (response) => void response.writeHead(200, { 'set-cookie': 'app=1' })],
    ['writeHead and a list', (response) => void response.writeHead(200, ['Set-Cookie', 'app=1'])],
    ['writeHead and pairs', (response) => void response.writeHead(200, [['Set-Cookie', 'app=1']] as never)],
  ]
  for (const [what, answer] of own) {
    it(`carries it beside what the application sets by ${what}`, async (t) => {
      const web = nodeAuth(fakeAuth())
      const ask = await serve(t, async (request, response) => {
        const session = await web.requireSession(request, response)
        await session?.update(() => {})
        answer(response)
        response.end()
      })
      assert.deepEqual((await ask('/', user)).headers['set-cookie']?.sort(), ['app=1', 'version=2'])
    })
  }

  it('carries it beside several of the application’s own', async (t) => {
    const web = nodeAuth(fakeAuth())
    const ask = await serve(t, async (request, response) => {
      const session = await web.requireSession(request, response)
      await session?.update(() => {})
      response.writeHead(200, ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2']).end()
    })
    assert.deepEqual((await ask('/', user)).headers['set-cookie'], ['a=1', 'b=2', 'version=2'])
  })

  it('leaves caching to the application where no cookie is set', async (t) => {
    const web = nodeAuth(fakeAuth())
    const ask = await serve(t, async (request, response) => {
      await web.requireSession(request, response)
      response.writeHead(200, { 'cache-control': 'public' }).end()
    })
    assert.equal((await ask('/', user)).headers['cache-control'], 'public')
  })

  it('goes without it when its head was sent before', async (t) => {
    const web = nodeAuth(fakeAuth())
    const ask = await serve(t, async (request, response) => {
      const session = await web.requireSession(request, response)
      response.flushHeaders()
      await session?.update(() => {})
      response.end('late')
    })
    const { headers, text } = await ask('/', user)
    assert.deepEqual([headers['set-cookie'], text], [undefined, 'late'])
  })
})
