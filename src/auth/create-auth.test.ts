import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { ask, cookiesOf, navigate, options, type Logged } from '../../test/support/auth-context.ts'
import { countingStore } from '../../test/support/counting-store.ts'
import type { Answer } from '../cache/answer.ts'
import { isSallyportError } from '../shared/errors.ts'
import type { Logger } from '../shared/logger.ts'
import { memoryStore } from '../stores/memory.ts'
import { manualClock } from '../testing/manual-clock.ts'
import type { Auth } from './auth.ts'
import { createAuth } from './create-auth.ts'
import type { AuthOptions } from './options.ts'

const unreachable = (): Promise<Response> => Promise.reject(new TypeError('no network in this test'))

function logging(): { logger: Logger; logged: Logged[] } {
  const logged: Logged[] = []
  const log =
    (level: keyof Logger) =>
    (fields: object, message: string): void =>
      void logged.push({ level, fields: { ...fields }, message })
  return { logged, logger: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') } }
}

const opened: Auth[] = []

/** Closed after the test. */
function open(its: AuthOptions): Auth {
  const auth = createAuth(its)
  opened.push(auth)
  return auth
}

describe('createAuth', () => {
  afterEach(() => Promise.all(opened.splice(0).map((auth) => auth.close())))

  it('asks nobody anything before its first use', async () => {
    const { store, allOperations } = countingStore(memoryStore())
    let requests = 0
    const fetch = (): Promise<Response> => (requests++, unreachable())
    const auth = createAuth({ ...options, store, fetch })
    assert.equal(allOperations() + requests, 0)
    await auth.close()
  })

  it('closes its store once, however often it is closed', async () => {
    const store = memoryStore()
    let closed = 0
    const close = store.close.bind(store)
    store.close = () => (closed++, close())
    const auth = createAuth({ ...options, store, fetch: unreachable })
    await auth.close()
    await auth.close()
    await auth[Symbol.asyncDispose]()
    assert.equal(closed, 1)
    await assert.rejects(store.ping())
  })

  it('starts though its logger throws', () => {
    const throwing = (): never => {
      throw new Error('the worker has exited')
    }
    const logger = { debug: throwing, info: throwing, warn: throwing, error: throwing }
    open({ ...options, baseUrl: 'http://127.0.0.1:3000', fetch: unreachable, logger })
  })

  it('warns of plain http once, and says what the cookie is called then', async () => {
    const { logger, logged } = logging()
    const auth = open({ ...options, baseUrl: 'http://localhost:3000', fetch: unreachable, logger })
    await auth.handle(navigate('/auth/logout'))
    const warnings = logged.filter(({ level }) => level === 'warn')
    assert.deepEqual(
      warnings.map(({ fields }) => fields),
      [{ origin: 'http://localhost:3000', cookie: 'sallyport' }],
    )
  })

  it('names the cookie by what protects it', async () => {
    const names: [more: Partial<AuthOptions>, name: string][] = [
      [{}, '__Host-sallyport'],
      [{ session: { cookie: { name: 'shop' } } }, '__Host-shop'],
      [{ session: { cookie: { domain: 'app.example' } } }, '__Secure-sallyport'],
    ]
    for (const [more, name] of names) {
      const auth = open({ ...options, fetch: unreachable, ...more } as AuthOptions)
      const { reply } = await auth.guard(ask('/me'), () => {})
      const [, challenge = ''] = reply?.headers.find(([header]) => header === 'WWW-Authenticate') ?? []
      assert.match(challenge, new RegExp(`cookie-name="${name}"`))
    }
  })

  it('survives a hook onAnswer that throws', async () => {
    const { logger, logged } = logging()
    const answers: Answer[] = []
    const onAnswer = (answer: Answer): void => {
      answers.push(answer)
      throw new Error('reason')
    }
    const auth = open({ ...options, fetch: unreachable, logger, hooks: { onAnswer } })
    assert.equal(await auth.authenticate(undefined), undefined)
    assert.deepEqual(
      answers.map(({ source, reason }) => ({ source, reason })),
      [{ source: 'refused', reason: 'anonymous' }],
    )
    assert.deepEqual(logged.filter(({ level }) => level === 'error').length, 1)
  })

  it('warns that sessions end with the process, where there is no store', async () => {
    for (const [more, warnings] of [
      [{}, 1],
      [{ store: memoryStore() }, 0],
    ] as const) {
      const { logger, logged } = logging()
      open({ ...options, fetch: unreachable, logger, ...more })
      assert.equal(logged.filter(({ level }) => level === 'warn').length, warnings)
    }
  })

  it('tells store and provider apart in its health, and rejects ready while one is down', async () => {
    const { logger } = logging()
    const auth = open({ ...options, fetch: unreachable, logger })
    const { ok, store, provider } = await auth.health()
    assert.deepEqual({ ok, store, provider }, { ok: false, store: 'up', provider: 'down' })
    await assert.rejects(auth.ready(), (error) => isSallyportError(error) && error.code === 'ERR_PROVIDER_UNAVAILABLE')
  })

  it('reports a minute with traffic in one line', async () => {
    const { logger, logged } = logging()
    const clock = manualClock()
    const auth = open({ ...options, fetch: unreachable, logger, clock })
    await auth.guard(ask('/me'), () => {})
    await clock.advance(60_000)
    const lines = logged.filter(({ level }) => level === 'info')
    assert.deepEqual(
      lines.map(({ fields }) => fields['refused']),
      [1],
    )
  })

  it('sets no cookie on a login that cannot begin', async () => {
    const { logger } = logging()
    const auth = open({ ...options, fetch: unreachable, logger })
    const reply = await auth.handle(navigate('/auth/login'))
    assert.equal(reply?.status, 503)
    assert.deepEqual(cookiesOf(reply), [])
  })
})
