import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { inspect } from 'node:util'
import type { Logger } from '../../src/index.ts'
import { manualClock } from '../../src/testing/manual-clock.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { clientSecret, secret, startWorld } from '../support/app.ts'
import type { World, WorldPlan } from '../support/app.ts'
import { ticking } from '../support/eventually.ts'
import { failingStore } from '../support/failing-store.ts'
import type { FailingStore } from '../support/failing-store.ts'
import { createUserAgent } from '../support/user-agent.ts'
import type { UserAgent } from '../support/user-agent.ts'
import { askMe, reachCallback, script, sessionCookie, signIn } from '../support/sign-in.ts'

/** Everything that was ever said, to whom, and the texts that must not be in it. */
interface Recording {
  logs: string[]
  errors: string[]
  /** What each is called in a failure, never its value. */
  secrets: Map<string, string>
  /** Tokens and codes that went over the wire to the provider and must not reach the browser. */
  serverOnly: Set<string>
}

function everything(value: unknown): string {
  return inspect(value, { depth: 12, showHidden: true, maxStringLength: null, maxArrayLength: null })
}

function recordingLogger(logs: string[]): Logger {
  const record = (fields: object, message: string): void => {
    logs.push(everything(fields), JSON.stringify(fields, jsonErrors), message)
  }
  return { debug: record, info: record, warn: record, error: record }
}

function jsonErrors(_key: string, value: unknown): unknown {
  return value instanceof Error ? everything(value) : value
}

/** A fetch that notes every secret that passes between us and the provider. */
function recordingFetch({ secrets, serverOnly }: Recording, fail: () => boolean): typeof globalThis.fetch {
  const note = (name: string, value: unknown): void => {
    if (typeof value !== 'string' || value.length < 8) return
    secrets.set(`${name} ${secrets.size}`, value)
    serverOnly.add(`${name} ${secrets.size - 1}`)
  }
  return async (input, init) => {
    const request = new Request(input, init)
    note('authorization header', request.headers.get('authorization')?.replace(/^\w+ /, ''))
    const isTokenRequest = request.method === 'POST'
    if (isTokenRequest) {
      const form = new URLSearchParams(await request.clone().text())
      for (const name of ['code_verifier', 'refresh_token', 'token']) note(name, form.get(name))
      secrets.set(`code ${secrets.size}`, form.get('code') ?? 'none-none-none')
    }
    if (fail()) return Response.json({ error: 'server_error', echo: [...secrets.values()] }, { status: 500 })
    const reply = await fetch(request)
    if (isTokenRequest) {
      const body = (await reply
        .clone()
        .json()
        .catch(() => ({}))) as Record<string, unknown>
      for (const name of ['access_token', 'refresh_token', 'id_token']) note(name, body[name])
    }
    return reply
  }
}

function assertSilent(record: Recording, texts: readonly string[], only?: ReadonlySet<string>): void {
  const said = texts.join('\n')
  for (const [name, value] of record.secrets) {
    if (only !== undefined && !only.has(name)) continue
    assert.ok(!said.includes(value), `${name} was said`)
    assert.ok(!said.includes(encodeURIComponent(value)), `${name} was said, percent-encoded`)
  }
}

interface Watched {
  world: World
  browser: UserAgent
  record: Recording
  /** What the browser was answered by the application: headers and bodies. */
  answered: string[]
  failProvider: (failing: boolean) => void
  ailing: FailingStore
}

async function startWatched(t: TestContext, plan: WorldPlan = {}): Promise<Watched> {
  const record: Recording = { logs: [], errors: [], secrets: new Map(), serverOnly: new Set() }
  record.secrets.set('the secret', secret)
  record.secrets.set('the client secret', clientSecret)
  let failing = false
  let ailing: FailingStore | undefined
  const world = await startWorld(t, {
    ...plan,
    wrap: (store) => (ailing = failingStore(store)).store,
    options: {
      ...plan.options,
      logger: recordingLogger(record.logs),
      fetch: recordingFetch(record, () => failing),
    },
  })
  const answered: string[] = []
  const browser = watching(createUserAgent(), world.app.baseUrl, answered)
  return { world, browser, record, answered, failProvider: (value) => (failing = value), ailing: ailing! }
}

function watching(browser: UserAgent, baseUrl: string, answered: string[]): UserAgent {
  return {
    ...browser,
    async get(url, headers) {
      const page = await browser.get(url, headers)
      if (url.startsWith(baseUrl)) answered.push(JSON.stringify(page.headers), page.text)
      return page
    },
  }
}

function noteBrowserSecrets({ record, browser, world }: Watched): void {
  for (const [name, value] of browser.cookies(world.app.baseUrl)) {
    if (!name.startsWith('sallyport')) continue
    record.secrets.set(`cookie ${name} ${record.secrets.size}`, value)
    for (const part of value.split('.'))
      if (part.length >= 20) record.secrets.set(`part of ${name} ${record.secrets.size}`, part)
  }
}

/** A sign-in with everything that can go wrong around it. */
async function liveAWholeLife(t: TestContext, plan: WorldPlan = {}): Promise<Watched> {
  const clock = manualClock({ startAt: Date.now() })
  const watched = await startWatched(t, { clock, provider: { accessTokenTtlSec: 300 }, ...plan })
  const { world, browser, record, failProvider, ailing } = watched
  const { app } = world

  const refusedAt = (await browser.get(`${app.baseUrl}/auth/login?returnTo=/orders`)).location!
  for (const name of ['state', 'nonce']) record.secrets.set(`${name} 1`, new URL(refusedAt).searchParams.get(name)!)
  noteBrowserSecrets(watched)
  await browser.get(await browser.signInAtProvider(refusedAt, 'cancel'))

  const tampered = new URL(await reachCallback(browser, app))
  for (const name of ['code', 'state']) record.secrets.set(`tampered ${name}`, tampered.searchParams.get(name)!)
  tampered.searchParams.set('iss', 'https://evil.example')
  await browser.get(tampered.href)
  await createUserAgent().get(tampered.href)

  failProvider(true)
  await browser.get(await reachCallback(browser, app))
  failProvider(false)

  await signIn(browser, app)
  noteBrowserSecrets(watched)
  await browser.post(`${app.baseUrl}/note`, { text: 'x' }, script)
  const cookie = sessionCookie(browser, app)
  await createUserAgent().get(`${app.baseUrl}/me`, { ...script, cookie: `sallyport=${cookie.slice(0, -1)}` })

  const session = await app.auth.authenticate(`sallyport=${cookie}`)
  failProvider(true)
  await clock.advance(301_000)
  await ticking(clock, session!.accessToken()).catch((error: unknown) =>
    record.errors.push(everything(error), String(error)),
  )
  failProvider(false)
  await clock.advance(120_000)
  await ticking(clock, session!.accessToken())

  ailing.throwAlways()
  await clock.advance(2_000)
  await ticking(clock, askMe(browser, app))
  await browser.get(`${app.baseUrl}/auth/login`)
  for (const attempt of [
    () => app.auth.ready(),
    async () => app.auth.authenticate(`sallyport=${cookie}`),
    () => app.auth.sessions.list({ subject: 'alice' }),
    () => session!.update((draft) => void draft.notes.push('y')),
    () => session!.revoke(),
  ]) {
    await ticking<unknown>(clock, attempt()).catch((error: unknown) =>
      record.errors.push(everything(error), String(error)),
    )
  }
  ailing.heal()
  await clock.advance(60_000)
  await ticking(clock, askMe(browser, app))
  await ticking(clock, browser.post(`${app.baseUrl}/auth/logout`, {}))
  noteBrowserSecrets(watched)
  return watched
}

describe('a whole life of a session, with everything going wrong once', () => {
  it('says no secret, cookie, token, code or verifier in any log', async (t) => {
    const { record } = await liveAWholeLife(t)
    assert.ok(record.logs.length > 0, 'nothing was logged at all')
    const kinds = ['code_verifier', 'refresh_token', 'access_token', 'id_token', 'code ', 'state', 'cookie sallyport ']
    for (const kind of kinds) {
      assert.ok(
        [...record.secrets.keys()].some((name) => name.startsWith(kind)),
        `no ${kind} was seen`,
      )
    }
    assertSilent(record, record.logs)
  })

  it('says none in any error either', async (t) => {
    const { record } = await liveAWholeLife(t)
    assert.ok(record.errors.length > 0, 'no error was seen')
    assertSilent(record, record.errors)
  })

  it('names no user in logs or errors', async (t) => {
    const { record } = await liveAWholeLife(t)
    assert.doesNotMatch([...record.logs, ...record.errors].join('\n'), /alice|Liddell/i)
  })

  it('sends no token, verifier or client credential to the browser', async (t) => {
    const { record, answered } = await liveAWholeLife(t)
    assert.ok(answered.length > 0 && record.serverOnly.size > 0)
    assertSilent(record, answered, record.serverOnly)
  })
})

describe('a session that is inspected or serialised', () => {
  it('shows no token and no cookie', async (t) => {
    const watched = await startWatched(t)
    const { world, browser, record } = watched
    await signIn(browser, world.app)
    noteBrowserSecrets(watched)
    const session = await world.app.auth.authenticate(`sallyport=${sessionCookie(browser, world.app)}`)
    assertSilent(record, [everything(session), JSON.stringify(session)])
  })
})

describe('a stolen SQLite file', () => {
  it('holds no token, no cookie, no claim and no application data readably', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-'))
    const store = sqliteStore({ path: join(folder, 'stolen.db') })
    t.after(async () => {
      await store.close()
      await rm(folder, { recursive: true, force: true })
    })
    const watched = await startWatched(t, { options: { store } })
    const { world, browser, record } = watched
    await signIn(browser, world.app)
    noteBrowserSecrets(watched)
    await browser.post(`${world.app.baseUrl}/note`, { text: 'very-private-note' }, script)
    await browser.get(`${world.app.baseUrl}/auth/login?returnTo=/very-private-path`)

    const files = await readdir(folder)
    const bytes = await Promise.all(files.map((file) => readFile(join(folder, file), 'latin1')))
    assert.ok(bytes.join('').length > 0)
    assertSilent(record, bytes)
    assert.doesNotMatch(bytes.join('\n'), /alice|Liddell|very-private/i)
  })
})
