import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { manualClock } from '../../src/testing/manual-clock.ts'
import { startWorld, storeKinds } from '../support/app.ts'
import type { World, WorldPlan } from '../support/app.ts'
import { countingStore } from '../support/counting-store.ts'
import type { CountingStore } from '../support/counting-store.ts'
import { createUserAgent } from '../support/user-agent.ts'
import type { Page, UserAgent } from '../support/user-agent.ts'
import { me, reachCallback, setCookies } from '../support/sign-in.ts'

/** A URL like `url` with its query changed by hand. */
function edited(url: string, change: (query: URLSearchParams) => void): string {
  const copy = new URL(url)
  change(copy.searchParams)
  return copy.href
}

function assertNoSession(browser: UserAgent, world: World): void {
  assert.equal(browser.cookies(world.app.baseUrl).get('sallyport'), undefined)
}

function assertErrorPage(page: Page): void {
  assert.ok(page.status >= 400 && page.status < 600 && page.status !== 500, `status ${page.status}`)
  assert.match(String(page.headers['content-type']), /text\/html/)
  assert.ok(!setCookies(page).some((text) => text.startsWith('sallyport=')))
}

/** A sign-in that has come back from the provider, in a world whose store operations are counted. */
async function arrived(
  t: TestContext,
  plan: WorldPlan = {},
): Promise<{ world: World; counting: CountingStore; browser: UserAgent; callback: string }> {
  let counting: CountingStore | undefined
  const world = await startWorld(t, { ...plan, wrap: (store) => (counting = countingStore(store)).store })
  const browser = createUserAgent()
  const callback = await reachCallback(browser, world.app, { returnTo: '/orders' })
  counting!.reset()
  return { world, counting: counting!, browser, callback }
}

describe('a callback with a state we cannot accept', () => {
  const forgeries: [what: string, forge: (state: string) => string | undefined][] = [
    ['made up', () => 'x'.repeat(64)],
    ['absent', () => undefined],
    ['empty', () => ''],
    ['truncated', (state) => state.slice(0, -1)],
    ['with another last character', (state) => state.slice(0, -1) + (state.endsWith('A') ? 'B' : 'A')],
    ['with another first character', (state) => (state.startsWith('A') ? 'B' : 'A') + state.slice(1)],
    ['with something appended', (state) => `${state}.`],
    ['of 8 KB', () => 'a'.repeat(8_192)],
    ['not ASCII', () => 'stäte\u0000\u2028'],
  ]
  for (const [what, forge] of forgeries) {
    it(`${what}: costs no look into the store, makes no session and burns nothing`, async (t) => {
      const { world, counting, browser, callback } = await arrived(t)
      const forged = edited(callback, (query) => {
        const state = forge(query.get('state') ?? '')
        if (state === undefined) query.delete('state')
        else query.set('state', state)
      })
      const page = await browser.get(forged)
      assert.ok(page.location !== undefined || page.status < 500, `status ${page.status}`)
      for (const operation of ['take', 'read', 'remove', 'list'] as const) assert.equal(counting.count(operation), 0)
      assertNoSession(browser, world)

      assert.equal((await browser.get(callback)).location, `${world.app.baseUrl}/orders`)
      assert.equal(counting.count('take'), 1)
    })
  }

  it('in another text of the same bytes: is as unknown as any other', async (t) => {
    const { world, counting, browser, callback } = await arrived(t)
    const state = new URL(callback).searchParams.get('state')!
    const bytes = (text: string): string => Buffer.from(text, 'base64url').toString('hex')
    const lastCharacters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'.split('')
    const texts = [`${state}=`, `${state} `, ...lastCharacters.map((last) => state.slice(0, -1) + last)]
    for (const alias of texts.filter((text) => text !== state && bytes(text) === bytes(state))) {
      await browser.get(edited(callback, (query) => query.set('state', alias)))
    }
    assert.equal(counting.count('take'), 0)
    assertNoSession(browser, world)
  })

  it('from another browser: costs no look into the store', async (t) => {
    const { world, counting, callback } = await arrived(t)
    const other = createUserAgent()
    await other.get(callback)
    assert.equal(counting.count('take') + counting.count('read') + counting.count('remove'), 0)
    assertNoSession(other, world)
  })

  it('from another browser with a binding cookie of its own: costs no look into the store', async (t) => {
    const { world, counting, callback } = await arrived(t)
    const other = createUserAgent()
    await other.get(`${world.app.baseUrl}/auth/login`)
    counting.reset()
    await other.get(callback)
    assert.equal(counting.count('take') + counting.count('read') + counting.count('remove'), 0)
    assertNoSession(other, world)
  })

  it('expired: starts a fresh login, which succeeds', async (t) => {
    const clock = manualClock({ startAt: Date.now() })
    const { world, browser, callback } = await arrived(t, { clock })
    await clock.advance(601_000)
    const page = await browser.get(callback)
    assert.ok(page.location !== undefined, `answered ${page.status}`)
    assertNoSession(browser, world)
    assert.equal((await browser.followRedirects(page)).status, 200)
    assert.equal((await me(browser, world.app)).sub, 'alice')
  })

  it('just before it expires: signs in', async (t) => {
    const clock = manualClock({ startAt: Date.now() })
    const { world, browser, callback } = await arrived(t, { clock })
    await clock.advance(599_000)
    assert.equal((await browser.get(callback)).location, `${world.app.baseUrl}/orders`)
  })
})

describe('a callback that must not be trusted shows a page and has consumed its login', () => {
  const tampered: [what: string, change: (query: URLSearchParams) => void][] = [
    ['wrong iss', (query) => query.set('iss', 'https://evil.example')],
    ['iss with a slash more', (query) => query.set('iss', `${query.get('iss')}/`)],
    ['missing iss, though the provider announces it', (query) => query.delete('iss')],
    ['a code of nobody', (query) => query.set('code', 'made-up')],
    ['no code and no error', (query) => query.delete('code')],
    ['two codes', (query) => query.append('code', 'another')],
    ['the same code twice', (query) => query.append('code', query.get('code')!)],
    ['two issuers', (query) => query.append('iss', query.get('iss')!)],
    ['a code and an error', (query) => query.set('error', 'access_denied')],
  ]
  for (const [what, change] of tampered) {
    it(what, async (t) => {
      const { world, browser, callback } = await arrived(t)
      const page = await browser.get(edited(callback, change))
      assertErrorPage(page)
      assertNoSession(browser, world)

      const honest = await browser.get(callback)
      assert.ok(honest.location !== undefined, `answered ${honest.status}`)
      assert.notEqual(honest.location, `${world.app.baseUrl}/orders`)
      assertNoSession(browser, world)
    })
  }

  it('two states are no state', async (t) => {
    const { world, browser, callback } = await arrived(t)
    const page = await browser.get(edited(callback, (query) => query.append('state', query.get('state')!)))
    assert.notEqual(page.location, `${world.app.baseUrl}/orders`)
    assertNoSession(browser, world)
  })

  it('a code that belongs to another login of the same browser (nonce and PKCE)', async (t) => {
    const { world, browser, callback } = await arrived(t)
    const second = await reachCallback(browser, world.app)
    const code = new URL(second).searchParams.get('code')!
    assertErrorPage(await browser.get(edited(callback, (query) => query.set('code', code))))
    assertNoSession(browser, world)
  })

  it('a code that belongs to somebody else (code injection)', async (t) => {
    const { world, browser, callback } = await arrived(t)
    const stolen = await reachCallback(createUserAgent(), world.app, { user: 'bob' })
    const code = new URL(stolen).searchParams.get('code')!
    assertErrorPage(await browser.get(edited(callback, (query) => query.set('code', code))))
    assertNoSession(browser, world)
  })
})

describe('an error of the provider', () => {
  const errorCallback = (callback: string, error: string, description?: string): string =>
    edited(callback, (query) => {
      query.delete('code')
      query.set('error', error)
      if (description !== undefined) query.set('error_description', description)
    })

  for (const error of ['access_denied', 'login_required', 'consent_required', 'server_error', 'invalid_scope']) {
    it(`${error} is a page that names it`, async (t) => {
      const { world, browser, callback } = await arrived(t)
      const page = await browser.get(errorCallback(callback, error))
      assertErrorPage(page)
      assert.ok(page.text.includes(error))
      assertNoSession(browser, world)
    })
  }

  it('cannot write into our page', async (t) => {
    const { browser, callback } = await arrived(t)
    const page = await browser.get(errorCallback(callback, '<img src=x>', '"><script>alert(1)</script>'))
    assertErrorPage(page)
    assert.doesNotMatch(page.text, /<img|<script/i)
  })

  it('with a state that is not ours is not shown: whoever made the link may not talk through our page', async (t) => {
    const { world, browser } = await arrived(t)
    const page = await browser.get(`${world.app.baseUrl}/auth/callback?error=call_0800_EVIL&state=x`)
    assert.doesNotMatch(page.text, /0800/)
  })
})

for (const store of storeKinds) {
  it(`a callback opened twenty times at once makes one session, in ${store}`, async (t) => {
    const { world, browser, callback } = await arrived(t, { store })
    const pages = await Promise.all(Array.from({ length: 20 }, () => browser.get(callback)))
    assert.ok(pages.every((page) => page.location !== undefined))
    assert.equal(pages.filter((page) => page.location === `${world.app.baseUrl}/orders`).length, 1)
    assert.equal((await world.app.auth.sessions.list({ subject: 'alice' })).length, 1)
    assert.equal((await me(browser, world.app)).sub, 'alice')
  })
}

describe('our routes', () => {
  it('answer other methods without harm', async (t) => {
    const { world, browser, callback } = await arrived(t)
    for (const [method, path] of [
      ['PUT', '/auth/login'],
      ['DELETE', '/auth/callback'],
      ['PUT', '/auth/logout'],
    ]) {
      const reply = await fetch(`${world.app.baseUrl}${path}`, { method: method!, redirect: 'manual' })
      assert.ok(reply.status < 500, `${method} ${path}: ${reply.status}`)
    }
    assert.equal((await browser.get(callback)).location, `${world.app.baseUrl}/orders`)
  })

  it('live under login.basePath and leave every other path alone', async (t) => {
    const { app } = await startWorld(t, { options: { login: { basePath: '/account' } } })
    const login = await createUserAgent().get(`${app.baseUrl}/account/login`)
    assert.equal(new URL(login.location!).searchParams.get('redirect_uri'), `${app.baseUrl}/account/callback`)
    const request = { method: 'GET', header: () => undefined, form: async () => new URLSearchParams() }
    for (const url of ['/auth/login', '/account', '/account/', '/account/unknown', '/accounts/login', '/']) {
      assert.equal(await app.auth.handle({ ...request, url }), undefined, url)
    }
  })
})
