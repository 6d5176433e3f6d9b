import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fakeAuth, type Echo } from '../../test/support/fake-auth.ts'
import { isSallyportError } from '../shared/errors.ts'
import { fetchAuth } from './fetch.ts'

const origin = 'https://anything.example'
const signedIn = new Request(`${origin}/me`, { headers: { cookie: 'user=alice' } })

async function echoOf(answer: Response | undefined): Promise<Echo> {
  assert.ok(answer !== undefined)
  return (await answer.json()) as Echo
}

describe('fetchAuth', () => {
  it('answers our routes and no others', async () => {
    const web = fetchAuth(fakeAuth())
    const answer = await web.handle(new Request(`${origin}/auth/x?y=1`, { headers: { accept: 'text/html' } }))
    const echo = await echoOf(answer)
    assert.deepEqual(echo, { method: 'GET', url: '/auth/x?y=1', accept: 'text/html', form: [] })
    assert.deepEqual(answer?.headers.getSetCookie(), ['a=1', 'b=2'])
    assert.equal(await web.handle(new Request(`${origin}/other`)), undefined)
  })

  it('reads a form, bounded', async () => {
    const web = fetchAuth(fakeAuth())
    const post = (body: URLSearchParams): Promise<Response | undefined> =>
      web.handle(new Request(`${origin}/auth/x`, { method: 'POST', body }))
    const echo = await echoOf(await post(new URLSearchParams('a=1&a=2')))
    assert.deepEqual(echo.form, [
      ['a', '1'],
      ['a', '2'],
    ])
    const error = await post(new URLSearchParams({ a: 'x'.repeat(65_535) })).catch((thrown: unknown) => thrown)
    assert.ok(isSallyportError(error) && error.code === 'ERR_REQUEST_INVALID')
  })

  it('reads nothing of other bodies, and of one that was read before', async () => {
    const web = fetchAuth(fakeAuth())
    const json = new Request(`${origin}/auth/x`, { method: 'POST', body: '{}' })
    assert.deepEqual((await echoOf(await web.handle(json))).form, [])
    const read = new Request(`${origin}/auth/x`, { method: 'POST', body: new URLSearchParams('a=1') })
    await read.text()
    assert.deepEqual((await echoOf(await web.handle(read))).form, [])
  })

  for (const slow of [false, true]) {
    it(`guards, ${slow ? 'once the store has answered' : 'at once when memory can answer'}`, async () => {
      const web = fetchAuth(fakeAuth({ slow }))
      const admission = web.requireSession(signedIn)
      assert.equal(admission instanceof Promise, slow)
      assert.equal((await admission).session?.claims.sub, 'alice')
      const { reply } = await web.requireSession(new Request(`${origin}/me`))
      assert.equal(reply?.status, 401)
    })
  }

  it('finds the session of a request nobody guarded, if there is one', async () => {
    const web = fetchAuth(fakeAuth())
    assert.equal((await web.optionalSession(signedIn)).session?.claims.sub, 'alice')
    assert.equal((await web.optionalSession(new Request(origin))).session, undefined)
  })

  it('adds the cookies of the session to the response, which no cache may keep then', async () => {
    const { session, finish } = await fetchAuth(fakeAuth()).optionalSession(signedIn)
    await session?.update(() => {})
    const headers = { 'set-cookie': 'app=1', 'cache-control': 'public' }
    const answer = finish(new Response('body', { status: 201, headers }))
    assert.deepEqual(answer.headers.getSetCookie(), ['app=1', 'version=2'])
    assert.equal(answer.headers.get('cache-control'), 'no-store')
    assert.deepEqual([answer.status, await answer.text()], [201, 'body'])
  })

  it('adds them to a redirect, whose headers cannot be changed', async () => {
    const { session, finish } = await fetchAuth(fakeAuth()).optionalSession(signedIn)
    await session?.update(() => {})
    const answer = finish(Response.redirect(`${origin}/next`, 303))
    assert.deepEqual([answer.status, answer.headers.get('location')], [303, `${origin}/next`])
    assert.deepEqual(answer.headers.getSetCookie(), ['version=2'])
  })

  it('leaves the response as it is where there is nothing to add', async () => {
    const { finish } = await fetchAuth(fakeAuth()).optionalSession(signedIn)
    const answer = new Response('body', { headers: { 'cache-control': 'public' } })
    assert.equal(finish(answer), answer)
  })
})
