import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { clientId, clientSecret, secret, startProviderFor } from '../support/app.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/servers/ports.ts'
import { startServer } from '../support/servers/server.ts'
import { freshDatabase } from '../support/servers/shared.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'
import { script } from '../support/sign-in.ts'
import { createUserAgent } from '../support/user-agent.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

interface Example {
  baseUrl: string
  /** Ends it as an operator does, and tells how it ended. */
  end(): Promise<{ code: number | null; stderr: string }>
}

/** Runs `examples/<folder>/server.ts` until the test is over. */
async function startExample(t: TestContext, folder: string, env: Record<string, string>): Promise<Example> {
  const child = spawn(process.execPath, [`examples/${folder}/server.ts`], {
    cwd: root,
    env: { PATH: process.env['PATH'], NODE_NO_WARNINGS: '1', ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  t.after(() => child.kill('SIGKILL'))
  let stderr = ''
  child.stderr.on('data', (text) => (stderr += text))
  const closed = once(child, 'close')
  const baseUrl = env['BASE_URL']!
  const answers = (): Promise<boolean> =>
    createUserAgent()
      .get(baseUrl)
      .then(Boolean, () => false)
  await eventually(
    async () => (child.exitCode === null ? answers() : assert.fail(stderr)),
    (up) => up,
  )
  return {
    baseUrl,
    async end() {
      child.kill('SIGTERM')
      const [code] = (await closed) as [number | null]
      return { code, stderr }
    },
  }
}

async function environment(t: TestContext, database: Record<string, string>): Promise<Record<string, string>> {
  const port = await freePort()
  const baseUrl = `http://localhost:${port}`
  const { issuer } = await startProviderFor(t, [{ baseUrl }])
  return {
    ISSUER: issuer,
    CLIENT_ID: clientId,
    CLIENT_SECRET: clientSecret,
    BASE_URL: baseUrl,
    SESSION_SECRET: secret,
    PORT: String(port),
    ...database,
  }
}

/** Signs in, restarts the example, and asks again. */
async function tryOut(t: TestContext, folder: string, database: Record<string, string>): Promise<void> {
  const env = await environment(t, database)
  const first = await startExample(t, folder, env)
  const browser = createUserAgent()
  assert.equal((await browser.get(first.baseUrl, script)).status, 401)
  const login = await browser.get((await browser.get(first.baseUrl)).location!)
  const home = await browser.followRedirects(await browser.signInAtProvider(login.location!, { user: 'alice' }))
  assert.deepEqual(JSON.parse(home.text), { hello: 'alice' })
  const { code, stderr } = await first.end()
  assert.equal(code, 0, stderr)
  assert.doesNotMatch(stderr, /\n\s+at /, 'a stack trace')

  const second = await startExample(t, folder, env)
  assert.equal((await browser.get(second.baseUrl, script)).text, '{"hello":"alice"}')
  assert.equal((await second.end()).code, 0)
}

describe('the example signs users in, ends on SIGTERM and knows them afterwards', () => {
  it('sqlite', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-'))
    t.after(() => rm(folder, { recursive: true, force: true }))
    await tryOut(t, 'sqlite', { DATABASE_PATH: join(folder, 'sessions.db') })
  })

  for (const [folder, kind] of [
    ['postgres', 'postgres'],
    ['mysql', 'mariadb'],
  ] as const) {
    it(folder, { skip: whyNotTested(kind) }, async (t) => {
      const { url, drop } = await freshDatabase(kind)
      t.after(drop)
      await tryOut(t, folder, { DATABASE_URL: url })
    })
  }

  // Its own server: the example's keys begin as those of any application.
  it('redis', { skip: whyNotTested('redis', 'own') }, async (t) => {
    const server = await startServer('redis')
    t.after(() => server.stop())
    await tryOut(t, 'redis', { DATABASE_URL: server.url })
  })
})
