import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { createAuth } from '../../src/index.ts'
import type { Auth } from '../../src/index.ts'
import { clientId, clientSecret, secret, silentLogger, startWorld, storeKinds } from '../support/app.ts'
import type { StoreKind, World } from '../support/app.ts'
import { countingStore } from '../support/counting-store.ts'
import type { CountingStore } from '../support/counting-store.ts'
import { createUserAgent } from '../support/user-agent.ts'
import { directRequest, script, sessionCookie, setCookies, signedIn } from '../support/sign-in.ts'

const base64url = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Other spellings whose decoded bytes are the same. */
function aliases(part: string): string[] {
  const bytes = Buffer.from(part, 'base64url')
  return base64url
    .split('')
    .map((character) => part.slice(0, -1) + character)
    .filter((candidate) => candidate !== part && Buffer.from(candidate, 'base64url').equals(bytes))
}

/** `Cookie` headers that are not what we issued, made from one that is. */
function badHeaders(good: string): [what: string, header: string | undefined][] {
  const [version = '', kid = '', token = '', mac = ''] = good.split('.')
  const named = (value: string): string => `sallyport=${value}`
  const flipped = (text: string, at: number): string =>
    text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1)
  return [
    ['absent', undefined],
    ['an empty header', ''],
    ['an empty value', named('')],
    ['a name only', 'sallyport'],
    ['only dots', named('...')],
    ['spaces', named('   ')],
    ...[1, 2, 5, 20, good.length - mac.length, good.length - 1].map((length): [string, string] => [
      `truncated to ${length} characters`,
      named(good.slice(0, length)),
    ]),
    ['truncated in front', named(good.slice(1))],
    ['without its MAC', named(`${version}.${kid}.${token}`)],
    ['with an empty MAC', named(`${version}.${kid}.${token}.`)],
    ['with a wrong MAC', named(`${version}.${kid}.${token}.${flipped(mac, 0)}`)],
    ['with a MAC wrong in the middle', named(`${version}.${kid}.${token}.${flipped(mac, 10)}`)],
    ['with a longer MAC', named(`${good}A`)],
    ['with a part more', named(`${good}.A`)],
    ['with another token', named(`${version}.${kid}.${flipped(token, 3)}.${mac}`)],
    ['with an empty token', named(`${version}.${kid}..${mac}`)],
    ['with another version', named(`${Number(version) + 1}.${kid}.${token}.${mac}`)],
    ['with no version', named(`.${kid}.${token}.${mac}`)],
    ['with version __proto__', named(`__proto__.${kid}.${token}.${mac}`)],
    ['with another kid', named(`${version}.${flipped(kid, 0)}.${token}.${mac}`)],
    ['with kid __proto__', named(`${version}.__proto__.${token}.${mac}`)],
    ['with an empty kid', named(`${version}..${token}.${mac}`)],
    ['in upper case', named(good.toUpperCase())],
    ['with padding', named(`${good}=`)],
    ['with a no-break space behind it', named(`${good}\u00a0`)],
    ['with a percent-encoded dot', named(good.replace('.', '%2E'))],
    [
      'percent-encoded',
      named(
        good.replace(
          token,
          encodeURIComponent(token).replace(/^./, (c) => `%${c.charCodeAt(0).toString(16)}`),
        ),
      ),
    ],
    ...aliases(mac).map((alias, i): [string, string] => [
      `with another text of the same MAC bytes (${i})`,
      named(`${version}.${kid}.${token}.${alias}`),
    ]),
    ...aliases(token).map((alias, i): [string, string] => [
      `with another text of the same token bytes (${i})`,
      named(`${version}.${kid}.${alias}.${mac}`),
    ]),
    ['with characters of plain base64', named(good.replaceAll('-', '+').replaceAll('_', '/') + '=')],
    ['of 8 KB', named('a'.repeat(8_192))],
    ['of 8 KB in its token', named(`${version}.${kid}.${'a'.repeat(8_192)}.${mac}`)],
    ['of 8 KB in its MAC', named(`${version}.${kid}.${token}.${'a'.repeat(8_192)}`)],
    ['of 8 KB of dots', named('.'.repeat(8_192))],
    ['twice', `${named(good)}; ${named(good)}`],
    ['twice, the first forged', `${named(good.slice(0, -1))}; ${named(good)}`],
    ['twice, the second empty', `${named(good)}; ${named('')}`],
    ['not ASCII', named('séssion')],
    ['not ASCII at the end', named(`${good}é`)],
    ['beyond Latin-1', named(`${good}\u{1f511}`)],
    ['half a surrogate', named(`${good}\ud800`)],
    ['with a NUL', named(`${good}\u0000`)],
    ['under another name', `sallyport2=${good}`],
    ['under a name in upper case', `SALLYPORT=${good}`],
    ['under a prefixed name', `__Host-sallyport=${good}`],
    ['inside another cookie', `other=sallyport=${good}`],
    ['among two hundred others', `${'x=1; '.repeat(200)}${named('made-up')}`],
  ]
}

interface Cold {
  auth: Auth
  counting: CountingStore
}

/** A second instance on the same store that has answered nobody yet. */
function coldInstance(t: TestContext, { app, provider }: World): Cold {
  const counting = countingStore(app.store)
  const auth = createAuth({
    issuer: provider.issuer,
    clientId,
    clientSecret,
    baseUrl: app.baseUrl,
    secret,
    store: counting.store,
    logger: silentLogger,
  })
  t.after(() => auth.close())
  return { auth, counting }
}

async function startSignedIn(t: TestContext, store: StoreKind): Promise<{ world: World; good: string }> {
  const world = await startWorld(t, { store })
  return { world, good: sessionCookie(await signedIn(world.app), world.app) }
}

for (const store of storeKinds) {
  describe(`a cookie we did not issue, sessions in ${store}`, () => {
    it('is anonymous, causes no store operation and is neither set nor cleared', async (t) => {
      const { world, good } = await startSignedIn(t, store)
      const { auth, counting } = coldInstance(t, world)
      for (const [what, header] of badHeaders(good)) {
        await t.test(what, async () => {
          const written: string[] = []
          const answer = await auth.guard(directRequest('/me', { cookie: header }), (text) => void written.push(text))
          assert.equal(answer.reply?.status, 401)
          assert.ok(!answer.reply.headers.some(([name]) => name.toLowerCase() === 'set-cookie'))
          assert.deepEqual(written, [])
          assert.equal(await auth.authenticate(header), undefined)
          assert.equal(counting.allOperations(), 0)
        })
      }
      assert.equal((await auth.authenticate(`sallyport=${good}`))?.claims.sub, 'alice')
      assert.equal(counting.count('read'), 1)
    })

    it('stays one after the genuine cookie was seen', async (t) => {
      const { world, good } = await startSignedIn(t, store)
      const { auth, counting } = coldInstance(t, world)
      assert.equal((await auth.authenticate(`sallyport=${good}`))?.claims.sub, 'alice')
      counting.reset()
      for (const [what, header] of badHeaders(good)) {
        assert.equal(await auth.authenticate(header), undefined, what)
      }
      assert.equal(counting.requestOperations(), 0)
    })
  })
}

describe('a cookie we issued', () => {
  it('is found among others', async (t) => {
    const { world, good } = await startSignedIn(t, 'memory')
    const { auth } = coldInstance(t, world)
    for (const header of [`a=1; sallyport=${good}`, `sallyport=${good}; b=2`, `a=1;sallyport=${good};b="x y"`]) {
      assert.equal((await auth.authenticate(header))?.claims.sub, 'alice', header.replace(good, '…'))
    }
  })

  it('for another application with another secret is anonymous and not cleared', async (t) => {
    const { world, good } = await startSignedIn(t, 'memory')
    const counting = countingStore(world.app.store)
    const auth = createAuth({
      issuer: world.provider.issuer,
      clientId,
      baseUrl: world.app.baseUrl,
      secret: 'another-0123456789-0123456789-0123456789',
      store: counting.store,
      logger: silentLogger,
    })
    t.after(() => auth.close())
    const written: string[] = []
    const answer = await auth.guard(directRequest('/me', { cookie: `sallyport=${good}` }), (x) => void written.push(x))
    assert.equal(answer.reply?.status, 401)
    assert.deepEqual(written, [])
    assert.equal(counting.allOperations(), 0)
  })
})

describe('an id of the seven operations', () => {
  it('is no cookie, however much it looks like one', async (t) => {
    const { world, good } = await startSignedIn(t, 'memory')
    const { auth } = coldInstance(t, world)
    const id = 'x'.repeat(good.length)
    const session = {
      accessToken: 'a',
      tokenType: 'Bearer',
      claims: { sub: 'bob', iss: world.provider.issuer },
      data: {},
    }
    await auth.ready()
    await auth.cache.setAuthSession(id, session)
    assert.equal((await auth.cache.getAuthSession(id))?.claims.sub, 'bob')
    assert.equal(await auth.authenticate(`sallyport=${id}`), undefined)
  })

  it('is no way to ask for a session by its cookie', async (t) => {
    const { world, good } = await startSignedIn(t, 'memory')
    const { auth } = coldInstance(t, world)
    assert.equal((await auth.authenticate(`sallyport=${good}`))?.claims.sub, 'alice')
    assert.equal(await auth.cache.getAuthSession(good), undefined)
  })
})

describe('over HTTP', () => {
  for (const [what, value] of [
    ['8 KB', 'a'.repeat(8_192)],
    ['not ASCII', 's\u00e9ssion'],
  ] as const) {
    it(`a cookie of ${what} is answered 401, and the server goes on`, async (t) => {
      const { app } = await startWorld(t)
      const browser = createUserAgent()
      const page = await browser.get(`${app.baseUrl}/me`, { ...script, cookie: `sallyport=${value}` })
      assert.equal(page.status, 401)
      assert.deepEqual(setCookies(page), [])
      assert.equal((await browser.get(`${app.baseUrl}/public`)).status, 200)
    })
  }
})
