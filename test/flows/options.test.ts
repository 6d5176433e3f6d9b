import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import { createAuth } from '../../src/index.ts'
import type { AuthOptions } from '../../src/auth/options.ts'
import { ConfigError, isSallyportError } from '../../src/shared/errors.ts'
import { jsonOnlyStore } from '../support/json-only-store.ts'

const valid = {
  issuer: 'https://login.example',
  clientId: 'web',
  clientSecret: 'a-client-secret-nobody-should-read',
  baseUrl: 'https://app.example',
  secret: 'primary-0123456789-0123456789-0123456789',
}

type Loose = Record<string, unknown>

/** What `createAuth` says about options that a JavaScript caller may pass. */
async function problemsOf(options: unknown): Promise<ConfigError> {
  try {
    const auth = createAuth(options as AuthOptions)
    await auth.close()
  } catch (error) {
    assert.ok(error instanceof ConfigError, `expected a ConfigError, got ${inspect(error)}`)
    return error
  }
  return assert.fail(`these options were accepted: ${inspect(options)}`)
}

const pathsOf = (error: ConfigError): string[] => error.problems.map((problem) => problem.path).sort()

function messageAt(error: ConfigError, path: string): string {
  const problem = error.problems.find((candidate) => candidate.path === path)
  return problem?.message ?? assert.fail(`no problem at ${path}, only at ${pathsOf(error).join(', ')}`)
}

/** `valid` with one option set, by its path. */
function withOption(path: string, value: unknown): Loose {
  const [group, name] = path.split('.')
  if (group === undefined) throw new Error('empty path')
  return name === undefined ? { ...valid, [group]: value } : { ...valid, [group]: { [name]: value } }
}

describe('createAuth with valid options', () => {
  it('is synchronous and needs neither provider nor store', async () => {
    const auth = createAuth(valid)
    assert.equal(typeof auth.handle, 'function')
    await auth.close()
  })

  it('accepts every documented option', async () => {
    const nothing = (): void => {}
    const auth = createAuth({
      ...valid,
      secret: [valid.secret, 'accepted-0123456789-0123456789-012345678'],
      provider: { clientAuth: 'client_secret_post', idTokenSigningAlg: 'ES256', timeoutMs: 1_000, userinfo: true },
      session: {
        idleTimeoutSec: 60,
        absoluteLifetimeSec: 3_600,
        seal: 'server',
        compressAboveBytes: 1_024,
        cookie: { name: 'shop', sameSite: 'strict', persistent: false, domain: 'app.example' },
      },
      login: {
        basePath: '/account',
        scope: 'openid email',
        params: { ui_locales: 'de' },
        defaultReturnTo: '/home?tab=1',
        transactionTtlSec: 120,
      },
      logout: { returnTo: '/bye', provider: false },
      cache: { enableL1: true, l1MaxCapacity: 10, l1TtlSec: 10, maxStalenessMs: 500, operationTimeoutMs: 500 },
      pages: 'framework',
      hooks: { onSignIn: nothing, onSignOut: nothing, onRefresh: nothing, onAnswer: nothing },
      logger: { debug: nothing, info: nothing, warn: nothing, error: nothing },
      clock: { monotonic: () => 0, wall: () => Date.now(), setTimer: () => ({ cancel: nothing }) },
      randomness: { bytes: (size) => new Uint8Array(size), fraction: () => 0 },
      fetch: globalThis.fetch,
    })
    await auth.close()
  })

  it('takes an option given as undefined for one not given', async () => {
    await createAuth({ ...valid, session: undefined, store: undefined } as unknown as AuthOptions).close()
  })

  for (const baseUrl of ['https://app.example/', 'https://APP.example', 'https://app.example:443']) {
    it(`knows ${baseUrl} as the origin browsers mean`, async (t) => {
      const auth = createAuth({ ...valid, baseUrl })
      t.after(() => auth.close())
      const origins = ['https://app.example', 'https://app.example.evil']
      const statuses = origins.map(async (origin) => {
        const headers: Record<string, string> = { origin, accept: 'application/json' }
        const header = (name: string): string | undefined => headers[name]
        const form = async (): Promise<URLSearchParams> => new URLSearchParams()
        return (await auth.handle({ method: 'POST', url: '/auth/logout', header, form }))?.status
      })
      const [ours, evil] = await Promise.all(statuses)
      assert.ok(ours! < 400, `status ${ours}`)
      assert.equal(evil, 403)
    })
  }

  for (const host of ['localhost', '127.0.0.1', '[::1]']) {
    it(`accepts plain http on ${host}`, async () => {
      const nothing = (): void => {}
      const logger = { debug: nothing, info: nothing, warn: nothing, error: nothing }
      await createAuth({ ...valid, logger, issuer: `http://${host}:3002`, baseUrl: `http://${host}:3000` }).close()
    })
  }
})

describe('a missing option', () => {
  for (const name of ['issuer', 'clientId', 'baseUrl', 'secret']) {
    it(`${name} is named`, async () => {
      const error = await problemsOf({ ...valid, [name]: undefined })
      assert.deepEqual(pathsOf(error), [name])
    })
  }

  it('does not hide the others: all are reported at once', async () => {
    assert.deepEqual(pathsOf(await problemsOf({})), ['baseUrl', 'clientId', 'issuer', 'secret'])
  })

  for (const nothing of [undefined, null, 'options', 42]) {
    it(`no options object but ${inspect(nothing)} is a ConfigError`, async () => {
      assert.equal((await problemsOf(nothing)).code, 'ERR_CONFIG_INVALID')
    })
  }
})

describe('a misspelt option is an error that names the near one', () => {
  const misspelt: [path: string, near: string][] = [
    ['isuer', 'issuer'],
    ['clientID', 'clientId'],
    ['clientsecret', 'clientSecret'],
    ['baseURL', 'baseUrl'],
    ['secrets', 'secret'],
    ['stor', 'store'],
    ['sessions', 'session'],
    ['hook', 'hooks'],
    ['provider.clientauth', 'clientAuth'],
    ['provider.userInfo', 'userinfo'],
    ['session.idleTimeout', 'idleTimeoutSec'],
    ['session.absoluteLifetime', 'absoluteLifetimeSec'],
    ['login.scopes', 'scope'],
    ['login.basepath', 'basePath'],
    ['login.defaultReturnto', 'defaultReturnTo'],
    ['logout.returnto', 'returnTo'],
    ['cache.l1MaxCapacty', 'l1MaxCapacity'],
    ['cache.enableL2', 'enableL1'],
    ['cache.maxStalenessSec', 'maxStalenessMs'],
    ['hooks.onSignin', 'onSignIn'],
    ['hooks.onSignout', 'onSignOut'],
  ]
  for (const [path, near] of misspelt) {
    it(`${path}: ${near}`, async () => {
      const error = await problemsOf(withOption(path, 'x'))
      assert.match(messageAt(error, path), new RegExp(`\\b${near}\\b`))
    })
  }

  it('also two levels down', async () => {
    const error = await problemsOf({ ...valid, session: { cookie: { samesite: 'lax' } } })
    assert.match(messageAt(error, 'session.cookie.samesite'), /\bsameSite\b/)
  })

  it('and one like no other is an error as well', async () => {
    assert.deepEqual(pathsOf(await problemsOf({ ...valid, zzz: true })), ['zzz'])
  })
})

describe('an option of the wrong type or out of range', () => {
  const withCredentials = ['https://user:pw@app.example', 'https://user@app.example', 'https://:pw@app.example']
  const wrong: [path: string, ...values: unknown[]][] = [
    ['issuer', 7, '', 'not a url', 'ftp://login.example', 'http://login.example', 'https://login.example/?tenant=1'],
    ['issuer', ...withCredentials],
    ['clientId', 7, ''],
    ['clientSecret', 7, ''],
    ['baseUrl', 7, 'app.example', 'http://app.example', 'https://app.example/path', ...withCredentials],
    ['secret', 7, 'short', '', [], ['short'], [valid.secret, 'short'], [valid.secret, 7], {}],
    ['store', 'sqlite', 7, {}, null],
    ['provider', 'x', 7, []],
    ['provider.clientAuth', 'private_key_jwt', 7],
    ['provider.idTokenSigningAlg', 'none', 7, ''],
    ['provider.timeoutMs', '5000', 0, -1, Number.NaN, Infinity],
    ['provider.userinfo', 'yes', 1],
    ['session', 'x', 7, []],
    ['session.idleTimeoutSec', '30', 0, -1, Number.NaN, Infinity],
    ['session.absoluteLifetimeSec', '30', 0, -1, Number.NaN, Infinity],
    ['session.seal', 'Server', 'true', 0, null, {}],
    ['session.compressAboveBytes', '1024', 0, -1, 1.5, 2 ** 20 + 1, Number.NaN, Infinity],
    ['login', 'x', 7, []],
    ['login.basePath', 7, 'auth', '//evil.example', '/a?b', '/a#b'],
    ['login.scope', 7, '', 'profile email', ['openid']],
    ['login.params', 'x', 7],
    ['login.defaultReturnTo', 7, '//evil.example', 'https://evil.example', '/\\evil.example', 'home'],
    ['login.transactionTtlSec', '600', 0, -1, Number.NaN],
    ['logout', 'x', 7],
    ['logout.returnTo', 7, '//evil.example', 'https://evil.example'],
    ['logout.provider', 'no', 0],
    ['cache', 'x', 7],
    ['cache.enableL1', 'yes', 1],
    ['cache.l1MaxCapacity', '10', -1, 1.5, Number.NaN],
    ['cache.l1TtlSec', '10', -1, Number.NaN],
    ['cache.maxStalenessMs', '1000', 99, 60_001, Number.NaN],
    ['cache.operationTimeoutMs', '1000', 0, -1, Number.NaN],
    ['pages', 'html', 7, {}],
    ['hooks', 'x', 7],
    ['hooks.onSignIn', 'x', {}],
    ['hooks.onSignOut', 'x', {}],
    ['hooks.onRefresh', 'x', {}],
    ['hooks.onAnswer', 'x', {}],
    ['logger', 'x', {}, { info() {} }],
    ['clock', 'x', {}, { wall: () => 0 }],
    ['randomness', 'x', {}],
    ['fetch', 'x', {}],
  ]
  for (const [path, ...values] of wrong) {
    for (const value of values) {
      it(`${path}: ${inspect(value)}`, async () => {
        const paths = pathsOf(await problemsOf(withOption(path, value)))
        assert.ok(
          paths.every((found) => found === path || found.startsWith(`${path}.`) || found.startsWith(`${path}[`)),
          `the problems are at ${paths.join(', ')}`,
        )
      })
    }
  }

  const wrongCookies: [name: string, ...values: unknown[]][] = [
    ['name', 7, '', 'a b', 'a;b', 'a=b', '__Host-x', 'ünïcode'],
    ['domain', 7, 'other.example', 'example.', 'app.example.evil'],
    ['sameSite', 'none', 'Lax!', 7],
    ['persistent', 'yes', 1],
  ]
  for (const [name, ...values] of wrongCookies) {
    for (const value of values) {
      it(`session.cookie.${name}: ${inspect(value)}`, async () => {
        const error = await problemsOf({ ...valid, session: { cookie: { [name]: value } } })
        assert.deepEqual(pathsOf(error), [`session.cookie.${name}`])
      })
    }
  }

  for (const name of [
    'client_id',
    'redirect_uri',
    'response_type',
    'state',
    'nonce',
    'code_challenge',
    'code_challenge_method',
    'scope',
  ]) {
    it(`login.params may not carry ${name}, which is the protocol's own`, async () => {
      const error = await problemsOf({ ...valid, login: { params: { [name]: 'x' } } })
      assert.deepEqual(pathsOf(error), [`login.params.${name}`])
    })
  }

  it('login.params holds strings only', async () => {
    assert.deepEqual(pathsOf(await problemsOf({ ...valid, login: { params: { prompt: 1 } } })), ['login.params.prompt'])
  })
})

describe('options that contradict each other', () => {
  const contradictions: [what: string, options: Loose, path: RegExp][] = [
    [
      'an idle timeout longer than the absolute lifetime',
      { session: { idleTimeoutSec: 7_200, absoluteLifetimeSec: 3_600 } },
      /^session\.(idleTimeoutSec|absoluteLifetimeSec)$/,
    ],
    [
      'a client secret and clientAuth none',
      { provider: { clientAuth: 'none' } },
      /^(clientSecret|provider\.clientAuth)$/,
    ],
    ['a client secret that is there, but unset', { clientSecret: undefined }, /^clientSecret$/],
    [
      'an issuer that is its own metadata',
      { issuer: 'https://op.example/.well-known/openid-configuration' },
      /^issuer$/,
    ],
    [
      'client_secret_basic without a client secret',
      { clientSecret: undefined, provider: { clientAuth: 'client_secret_basic' } },
      /^(clientSecret|provider\.clientAuth)$/,
    ],
    [
      'client_secret_post without a client secret',
      { clientSecret: undefined, provider: { clientAuth: 'client_secret_post' } },
      /^(clientSecret|provider\.clientAuth)$/,
    ],
    [
      'an ID token signed with the client secret',
      { provider: { idTokenSigningAlg: 'HS256' } },
      /^provider\.idTokenSigningAlg$/,
    ],
    [
      'a way back from the login that begins another',
      { login: { basePath: '/account', defaultReturnTo: '/x/../account/login?a=b' } },
      /^login\.defaultReturnTo$/,
    ],
    ['a way back from the login to the callback', { login: { defaultReturnTo: '/auth/callback' } }, /^login\.def/],
    ['a way back from the login that is a logout', { login: { defaultReturnTo: '/auth/logout' } }, /^login\.def/],
    ['a way back from the logout to the logout', { logout: { returnTo: '/auth/logout' } }, /^logout\.returnTo$/],
    [
      'readable values that are deflated',
      { session: { seal: false, compressAboveBytes: 1_024 } },
      /^session\.compressAboveBytes$/,
    ],
    ['sealed values and a store that keeps JSON only', { store: jsonOnlyStore() }, /^session\.seal$/],
    [
      "values sealed with 'server' and a store that keeps JSON only",
      { store: jsonOnlyStore(), session: { seal: 'server' } },
      /^session\.seal$/,
    ],
    [
      'a cookie domain that baseUrl is not in',
      { session: { cookie: { domain: 'elsewhere.example' } } },
      /^session\.cookie\.domain$/,
    ],
  ]
  for (const [what, options, path] of contradictions) {
    it(what, async () => {
      const error = await problemsOf({ ...valid, ...options })
      assert.equal(error.problems.length, 1)
      assert.match(error.problems[0]?.path ?? '', path)
    })
  }
})

describe('the ConfigError', () => {
  it('lists the problems of all groups at once', async () => {
    const error = await problemsOf({
      ...valid,
      clientId: 7,
      zzz: 1,
      session: { idleTimeoutSec: '1', cookie: { sameSite: 'none' } },
      cache: { maxStalenessMs: 1 },
    })
    assert.deepEqual(pathsOf(error), [
      'cache.maxStalenessMs',
      'clientId',
      'session.cookie.sameSite',
      'session.idleTimeoutSec',
      'zzz',
    ])
    for (const path of pathsOf(error)) assert.ok(error.message.includes(path), `${path} is missing in the message`)
  })

  it('is an error of sallyport with code ERR_CONFIG_INVALID', async () => {
    const error = await problemsOf({})
    assert.equal(error.code, 'ERR_CONFIG_INVALID')
    assert.ok(isSallyportError(error))
  })

  it('shows no value of any option, nor does inspecting it', async () => {
    const sentinel = 'S3NT1NEL'
    const error = await problemsOf({
      issuer: `not a url ${sentinel}`,
      clientId: { [sentinel]: sentinel },
      clientSecret: [sentinel],
      baseUrl: `http://${sentinel}.example/${sentinel}`,
      secret: sentinel,
      provider: { clientAuth: sentinel, idTokenSigningAlg: 7 },
      session: { idleTimeoutSec: sentinel, cookie: { sameSite: sentinel, name: `${sentinel};` } },
      login: { basePath: sentinel, scope: sentinel, params: { state: sentinel } },
      pages: sentinel,
    })
    const shown = `${error.message}\n${error.stack}\n${inspect(error, { depth: 10, showHidden: true })}`
    assert.doesNotMatch(shown, new RegExp(sentinel, 'i'))
  })
})
