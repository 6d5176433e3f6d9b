import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { createKeyRing } from '../../src/session/key-ring.ts'
import { RecordCodec } from '../../src/session/record-codec.ts'
import { neverRefreshed } from '../../src/session/record.ts'
import { systemRandomness } from '../../src/shared/randomness.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { secret, startWorld, storeKinds } from '../support/app.ts'
import type { World } from '../support/app.ts'
import { startDeployment, subjectOf } from '../support/deployment.ts'
import type { Deployment } from '../support/deployment.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import { formatOf, opens, sealModes } from '../support/seal-modes.ts'
import type { SealMode } from '../support/seal-modes.ts'
import {
  askMe,
  directRequest,
  me,
  reachCallback,
  script,
  sessionCookie,
  signedIn,
  warmBrowser,
} from '../support/sign-in.ts'
import { suiteScope } from '../support/suite-scope.ts'
import { createUserAgent } from '../support/user-agent.ts'

const changes = sealModes.flatMap((from) => sealModes.filter((to) => to !== from).map((to) => ({ from, to })))
const endless = changes.filter(({ from, to }) => opens(from, to))
const ending = changes.filter(({ from, to }) => !opens(from, to))

for (const kind of storeKinds) {
  describe(`how values are kept, in ${kind}`, () => {
    const scope = suiteScope()
    let at: Deployment
    before(async () => {
      at = await startDeployment(scope, kind)
    })

    for (const { name, session, format } of sealModes) {
      it(`seal: ${name}. A session goes on in another process, with its data and tokens`, async () => {
        const auth = await at.deploy({ session })
        const cookie = await at.signIn()
        const first = await auth.authenticate(`sallyport=${cookie}`)
        await first!.update((draft) => void draft.notes.push('nul \0, half \ud83d'))
        const cold = await at.deploy({ session })
        const after = await cold.authenticate(`sallyport=${cookie}`)
        assert.deepEqual(after?.claims, first!.claims)
        assert.deepEqual(after?.data.notes, ['nul \0, half \ud83d'])
        assert.equal(await after.accessToken(), await first!.accessToken())
        assert.equal(formatOf((await at.rowOf(cold, cookie)).value), format)
      })
    }

    for (const { from, to } of endless) {
      it(`from ${from.name} to ${to.name}: no session ends, and each is kept in the new way from its next change on`, async () => {
        const auth = await at.deploy({ session: from.session })
        const cookie = await at.signIn()
        assert.equal(formatOf((await at.rowOf(auth, cookie)).value), from.format)
        const changed = await at.deploy({ session: to.session })
        const session = await changed.authenticate(`sallyport=${cookie}`)
        assert.equal(session?.claims.sub, 'alice')
        await session.update((draft) => void draft.notes.push('after'))
        assert.equal(formatOf((await at.rowOf(changed, cookie)).value), to.format)
        assert.deepEqual(
          (await (await at.deploy({ session: to.session })).authenticate(`sallyport=${cookie}`))?.data.notes,
          ['after'],
        )
      })
    }

    for (const { from, to } of ending) {
      it(`from ${from.name} to ${to.name}: readable sessions end, but cookie and row stay, for a change back`, async () => {
        const auth = await at.deploy({ session: from.session })
        const cookie = await at.signIn()
        const row = await at.rowOf(auth, cookie)
        const changed = await at.deploy({ session: to.session })
        const answer = await changed.guard(directRequest('/me', { cookie: `sallyport=${cookie}` }), () =>
          assert.fail('the cookie must not be cleared'),
        )
        assert.equal(answer.reply?.status, 401)
        assert.deepEqual((await at.store.read([row.key])).entries, [row])
        assert.equal(await subjectOf(await at.deploy({ session: from.session }), cookie), 'alice')
      })
    }

    for (const { from, to } of [...endless, ...ending]) {
      it(`a sign-in begun with ${from.name} ends well with ${to.name}`, async () => {
        await at.deploy({ session: from.session })
        const browser = createUserAgent()
        const callback = await reachCallback(browser, at, { returnTo: '/public' })
        const auth = await at.deploy({ session: to.session })
        const page = await browser.followRedirects(callback)
        assert.equal(page.url, `${at.baseUrl}${opens(from, to) ? '/public' : '/'}`)
        assert.equal(await subjectOf(auth, sessionCookie(browser, at)), 'alice')
      })
    }

    it('while instances differ in how they seal, each has the sessions of the other', async (t) => {
      const sealing = sealModes.filter(({ format }) => format !== undefined)
      const world = await startWorld(t, {
        store: kind,
        instances: 2,
        optionsOf: (instance) => ({ session: (instance === 0 ? sealing[0]! : sealing.at(-1)!).session }),
      })
      const browser = await warmBrowser(world)
      const expected: string[] = []
      for (const writer of [world.app, world.other, world.app, world.other]) {
        expected.push(`note ${expected.length}`)
        await browser.post(`${writer.baseUrl}/note`, { text: expected.at(-1)! }, script)
        for (const reader of world.apps) assert.deepEqual((await me(browser, reader)).notes, expected)
      }
    })

    for (const mode of sealModes) {
      const isBelieved = mode.format === undefined
      it(`seal: ${mode.name}. A session that somebody wrote into the store is ${isBelieved ? '' : 'not '}believed`, async () => {
        const auth = await at.deploy({ session: mode.session })
        const cookie = await at.signIn('bob')
        const { key, version } = await at.rowOf(auth, cookie)
        const forged = {
          claims: { sub: 'alice', iss: 'https://login.example' },
          data: { notes: [] },
          tokens: { accessToken: 'x', tokenType: 'Bearer' },
          tokensAt: Date.now(),
          refresh: neverRefreshed,
        }
        await at.store.replace(key, version, { value: Buffer.from(JSON.stringify(forged)), bump: true })
        assert.equal(
          await subjectOf(await at.deploy({ session: mode.session }), cookie),
          isBelieved ? 'alice' : undefined,
        )
      })
    }

    it('seal: false. A session edited by hand is read as it was edited, if it has all a session must have', async () => {
      const mode = sealModes.find(({ format }) => format === undefined)!
      const auth = await at.deploy({ session: mode.session })
      const cookie = await at.signIn()
      const { key, version, value } = await at.rowOf(auth, cookie)
      const edited = JSON.parse(Buffer.from(value).toString()) as { data: object; tokens?: object }
      edited.data = { notes: ['by hand'] }
      await at.store.replace(key, version, { value: Buffer.from(JSON.stringify(edited, null, 2)), bump: true })
      const session = await (await at.deploy({ session: mode.session })).authenticate(`sallyport=${cookie}`)
      assert.deepEqual(session?.data.notes, ['by hand'])
      delete edited.tokens
      await at.store.replace(key, version + 1, { value: Buffer.from(JSON.stringify(edited)), bump: true })
      assert.equal(await subjectOf(await at.deploy({ session: mode.session }), cookie), undefined)
    })
  })
}

describe('what is weaker than the default is said in one line of the log at start', () => {
  for (const { name, session } of sealModes) {
    it(`seal: ${name}`, async (t) => {
      const { logger, lines } = recordingLogger()
      await startWorld(t, { options: { session, logger } })
      const said = lines.filter(({ fields }) => 'seal' in fields)
      const { seal = true } = session
      assert.deepEqual(
        said.map(({ level, fields }) => [level, fields]),
        seal === true ? [] : [['warn', { seal }]],
      )
    })
  }
})

interface Stolen {
  world: World
  cookie: string
  accessToken: string
  /** Every byte of the database's files. */
  bytes: Buffer
  /** The stored value of the session, and its key. */
  row: { key: string; value: Uint8Array }
}

/** A copy of the database, taken while a session is in it. */
async function stealFile(t: TestContext, { session }: SealMode): Promise<Stolen> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'sessions.db')
  const world = await startWorld(t, { store: () => sqliteStore({ path }), options: { session } })
  const browser = await signedIn(world.app)
  await browser.post(`${world.app.baseUrl}/note`, { text: 'my-private-note' }, script)
  const cookie = sessionCookie(browser, world.app)
  const found = await world.app.auth.authenticate(`sallyport=${cookie}`)
  const [row] = (await world.app.store.read([`session:${found!.id}`])).entries
  const files = await readdir(folder)
  const bytes = Buffer.concat(await Promise.all(files.map((file) => readFile(join(folder, file)))))
  return { world, cookie, accessToken: await found!.accessToken(), bytes, row: row! }
}

describe('who has stolen the file of the store', () => {
  for (const mode of sealModes) {
    const isReadable = mode.format === undefined
    it(`seal: ${mode.name}. Reads ${isReadable ? 'everything' : 'nothing'}`, async (t) => {
      const { world, cookie, accessToken, bytes } = await stealFile(t, mode)
      for (const text of ['alice@example.com', 'my-private-note', accessToken]) {
        assert.equal(bytes.includes(text), isReadable)
      }
      assert.equal(bytes.includes(cookie.split('.')[2]!), false, 'the token of a cookie is in no store')
      assert.equal((await askMe(createUserAgent(), world.app)).status, 401)
    })
  }

  for (const mode of sealModes.filter(({ format }) => format !== undefined)) {
    const isOpen = mode.session.seal === 'server'
    it(`and the secret. seal: ${mode.name}. Reads ${isOpen ? 'everything' : 'nothing'}`, async (t) => {
      const { row } = await stealFile(t, mode)
      const codec = new RecordCodec({ seal: true, compressAboveBytes: Infinity }, systemRandomness)
      const place = { keys: createKeyRing([secret]).primary, id: row.key, storeKey: row.key }
      assert.equal(codec.decode(row.value, place) !== undefined, isOpen)
    })
  }
})
