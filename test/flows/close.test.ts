import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { createAuth } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { secret, silentLogger, startWorld } from '../support/app.ts'
import { sessionCookie, signedIn } from '../support/sign-in.ts'

const options = {
  issuer: 'https://login.example',
  clientId: 'web',
  baseUrl: 'https://app.example',
  secret,
  logger: silentLogger,
}

describe('close()', () => {
  it('may be called again, and at once by several', async () => {
    const auth = createAuth({ ...options, store: memoryStore() })
    await Promise.all([auth.close(), auth.close()])
    await auth.close()
  })

  it('is what `await using` calls', async () => {
    const auth = createAuth(options)
    await auth[Symbol.asyncDispose]()
    await assert.rejects(auth.ready())
  })

  it('makes later questions fail instead of hang or answer wrongly', async (t) => {
    const { app } = await startWorld(t, { options: { cache: { enableL1: false } } })
    const cookie = `sallyport=${sessionCookie(await signedIn(app), app)}`
    await app.auth.authenticate(cookie)
    await app.auth.close()
    await assert.rejects(async () => app.auth.authenticate(cookie), { status: 503 })
    await assert.rejects(app.auth.sessions.list({ subject: 'alice' }), { status: 503 })
  })
})

describe('a process', () => {
  const program = (folder: string, end: string): string => `
    import { createAuth, TwoTierAuthCache } from '${new URL('../../src/index.ts', import.meta.url).href}'
    import { sqliteStore } from '${new URL('../../src/stores/sqlite.ts', import.meta.url).href}'
    const store = sqliteStore({ path: ${JSON.stringify(join(folder, 'sessions.db'))} })
    const auth = createAuth({ ...${JSON.stringify({ ...options, logger: undefined })}, store })
    const session = { accessToken: 'a', tokenType: 'Bearer', claims: { sub: 's', iss: 'i' }, data: {} }
    await auth.cache.setAuthSession('id', session)
    if ((await auth.cache.getAuthSession('id')) === undefined) process.exitCode = 1
    ${end}
    console.log('done')
  `

  for (const [what, end] of [
    ['after close()', 'await auth.close()'],
    ['that never closed', ''],
  ] as const) {
    it(`${what} ends by itself`, async (t) => {
      const folder = await mkdtemp(join(tmpdir(), 'sallyport-'))
      t.after(() => rm(folder, { recursive: true, force: true }))
      const args = ['--input-type=module-typescript', '--eval', program(folder, end)]
      const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 15_000 })
      assert.equal(stdout.trim(), 'done')
    })
  }
})
