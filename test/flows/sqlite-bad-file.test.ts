import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Store } from '../../src/index.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { startWorld } from '../support/app.ts'
import type { World } from '../support/app.ts'
import { eventually } from '../support/eventually.ts'
import { askMe, sessionCookie, setCookies, signedIn } from '../support/sign-in.ts'
import { silentLogger } from '../support/silent-logger.ts'
import type { UserAgent } from '../support/user-agent.ts'

interface Scene {
  world: World
  browser: UserAgent
  path: string
}

/** A user is signed in, and the session is in the file and in nobody's memory. */
async function sessionInFile(t: TestContext): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-bad-file-'))
  const path = join(folder, 'sessions.db')
  const opened: Store[] = []
  const store = (): Store => {
    const made = sqliteStore({ path, operationTimeoutMs: 100, logger: silentLogger })
    opened.push(made)
    return made
  }
  t.after(async () => {
    for (const each of opened) await each.close()
    rmSync(folder, { recursive: true })
  })
  const world = await startWorld(t, { store })
  const browser = await signedIn(world.app)
  await world.app.restart()
  for (const each of opened.splice(0, opened.length - 1)) await each.close()
  return { world, browser, path }
}

async function assertUnavailable({ world, browser }: Scene): Promise<void> {
  const cookie = sessionCookie(browser, world.app)
  const page = await askMe(browser, world.app)
  assert.equal(page.status, 503)
  assert.match(String(page.headers['retry-after']), /^\d+$/)
  assert.deepEqual(setCookies(page), [])
  assert.equal(sessionCookie(browser, world.app), cookie)
}

async function assertSignedInAgain({ world, browser }: Scene): Promise<void> {
  await eventually(
    () => askMe(browser, world.app),
    ({ status }) => status === 200,
  )
}

/** Puts the log into the file, so that what happens to the file happens to all of it. */
function settle(path: string): void {
  const database = new DatabaseSync(path)
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  database.close()
}

test('while the file is damaged nobody is signed out, and restoring it brings the session back', async (t) => {
  const scene = await sessionInFile(t)
  settle(scene.path)
  const intact = readFileSync(scene.path)
  const replaceBy = (content: Buffer): void => {
    writeFileSync(`${scene.path}.new`, content)
    renameSync(`${scene.path}.new`, scene.path)
  }
  replaceBy(Buffer.from(intact).fill(0xaa, 4_096))
  await assertUnavailable(scene)
  replaceBy(intact)
  await assertSignedInAgain(scene)
})

test('while something else is at the path nobody is signed out', async (t) => {
  const scene = await sessionInFile(t)
  settle(scene.path)
  renameSync(scene.path, `${scene.path}.away`)
  writeFileSync(scene.path, 'not a database, however long one looks at it\n'.repeat(100))
  await assertUnavailable(scene)
  renameSync(`${scene.path}.away`, scene.path)
  await assertSignedInAgain(scene)
})

test('while somebody keeps the file to himself nobody is signed out', async (t) => {
  const scene = await sessionInFile(t)
  const holder = new DatabaseSync(scene.path)
  holder.exec('BEGIN IMMEDIATE')
  const page = await scene.browser.post(`${scene.world.app.baseUrl}/auth/logout`, {})
  assert.deepEqual([page.status, setCookies(page)], [503, []])
  holder.close()
  await assertSignedInAgain(scene)
})
