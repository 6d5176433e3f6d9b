import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cookiesOf, header, navigate, workbench, type Workbench } from '../../test/support/auth-context.ts'
import { SallyportError, StoreUnavailableError } from '../shared/errors.ts'
import type { AuthReply } from './http.ts'
import type { Transaction } from './transaction.ts'

const stateOf = (reply: AuthReply | undefined): string => new URL(header(reply, 'Location')!).searchParams.get('state')!
const kept = ({ transactions }: Workbench, state: string): Transaction => transactions.get(state) as Transaction

async function returnToOf(wanted: string): Promise<string> {
  const bench = workbench()
  const reply = await bench.handle(navigate(`/auth/login?returnTo=${encodeURIComponent(wanted)}`))
  return kept(bench, stateOf(reply)).returnTo
}

describe('GET login', () => {
  it('keeps a transaction under its state and sends the browser to the provider', async () => {
    const bench = workbench()
    const reply = await bench.handle(navigate('/auth/login?returnTo=%2Forders%3Fpage%3D2'))
    assert.equal(reply?.status, 302)
    const { codeVerifier, nonce, returnTo, issuer } = kept(bench, stateOf(reply))
    assert.match(codeVerifier, /^[\w-]{43}$/)
    assert.equal(new URL(header(reply, 'Location')!).searchParams.get('nonce'), nonce)
    assert.deepEqual({ returnTo, issuer }, { returnTo: '/orders?page=2', issuer: 'https://login.example' })
  })

  it('is stored by no cache and told to no third party', async () => {
    const reply = await workbench().handle(navigate('/auth/login'))
    assert.equal(header(reply, 'Cache-Control'), 'no-store')
    assert.equal(header(reply, 'Referrer-Policy'), 'no-referrer')
  })

  it('binds the browser once: later tabs use the same cookie', async () => {
    const bench = workbench()
    const [cookie = '', ...others] = cookiesOf(await bench.handle(navigate('/auth/login')))
    assert.deepEqual(others, [])
    const next = await bench.handle(navigate('/auth/login', { cookie: cookie.split(';')[0] }))
    assert.deepEqual(cookiesOf(next), [])
  })

  it('binds the browser anew when its cookie was not issued by us', async () => {
    const cookie = `__Host-sallyport-login=${'A'.repeat(22)}.${'A'.repeat(43)}`
    assert.equal(cookiesOf(await workbench().handle(navigate('/auth/login', { cookie }))).length, 1)
  })

  it('is a page, and no way round in circles, for a browser with two session cookies of one name', async () => {
    const cookie = '__Host-sallyport=a; theme=dark; __Host-sallyport=b'
    const bench = workbench()
    const reply = await bench.handle(navigate('/auth/login', { cookie }))
    assert.equal(reply?.status, 400)
    assert.match(reply.body, /two cookies named __Host-sallyport/)
    assert.equal(bench.transactions.size, 0)
    const similar = '__Host-sallyport=a; x__Host-sallyport=b; __Host-sallyport-login=c'
    assert.equal((await workbench().handle(navigate('/auth/login', { cookie: similar })))?.status, 302)
  })

  it('ends at the default where no place, a foreign one or one of our own routes is asked for', async () => {
    assert.equal(await returnToOf(''), '/')
    assert.equal(await returnToOf('//evil.example'), '/')
    assert.equal(await returnToOf('/auth/login?returnTo=/'), '/')
    assert.equal(await returnToOf('/auth/logout'), '/')
    assert.equal(await returnToOf('/x/../auth/callback#a'), '/')
  })

  it('keeps no transaction while the provider is down, and answers 503 with a link to try again', async () => {
    const down = new SallyportError('ERR_PROVIDER_UNAVAILABLE', 'down', { retryAfterSec: 7 })
    const bench = workbench({ provider: { authorizationUrl: () => Promise.reject(down) } })
    const reply = await bench.handle(navigate('/auth/login?returnTo=/a'))
    assert.equal(reply?.status, 503)
    assert.equal(header(reply, 'Retry-After'), '7')
    assert.match(reply?.body ?? '', /href="\/auth\/login\?returnTo=%2Fa"/)
    assert.equal(bench.transactions.size, 0)
    assert.deepEqual(cookiesOf(reply), [])
  })

  it('answers 503 while the store is down', async () => {
    const transactions = { put: () => Promise.reject(new StoreUnavailableError()), take: async () => undefined }
    const reply = await workbench({ sessions: { transactions } }).handle(navigate('/auth/login'))
    assert.equal(reply?.status, 503)
    assert.deepEqual(cookiesOf(reply), [])
  })

  it('sends the configured scope, parameters and redirect URI', async () => {
    const sent: unknown[] = []
    const bench = workbench({
      options: { login: { basePath: '/account', scope: 'openid', params: { prompt: 'login' } } },
      provider: {
        async authorizationUrl({ scope, params, redirectUri }) {
          sent.push({ scope, params, redirectUri })
          return new URL('https://login.example/')
        },
      },
    })
    await bench.handle(navigate('/account/login'))
    const redirectUri = 'https://app.example/account/callback'
    assert.deepEqual(sent, [{ scope: 'openid', params: { prompt: 'login' }, redirectUri }])
  })
})

describe('our routes', () => {
  for (const [method, path, allowed] of [
    ['POST', '/auth/login', 'GET'],
    ['HEAD', '/auth/login', 'GET'],
    ['POST', '/auth/callback', 'GET'],
    ['PUT', '/auth/logout', 'GET, POST'],
    ['DELETE', '/auth/session', 'GET, HEAD'],
  ] as const) {
    it(`answer ${method} ${path} with 405 and the methods they know`, async () => {
      const bench = workbench()
      const reply = await bench.handle(navigate(path, {}, method))
      assert.equal(reply?.status, 405)
      assert.equal(header(reply, 'Allow'), allowed)
      assert.deepEqual(bench.calls, [])
    })
  }

  for (const path of [
    '/',
    '/auth',
    '/auth/',
    '/auth/login/',
    '//auth/login',
    '/auth/%6cogin',
    '/AUTH/login',
    '/auth/x',
  ]) {
    it(`leave ${path} to the application`, async () => {
      assert.equal(await workbench().handle(navigate(path)), undefined)
    })
  }
})
