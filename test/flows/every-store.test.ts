import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Store } from '../../src/index.ts'
import { startWorld } from '../support/app.ts'
import type { App, MoreOptions, World } from '../support/app.ts'
import { countingStore } from '../support/counting-store.ts'
import type { CountingStore } from '../support/counting-store.ts'
import { everyStoreKind, openDatabase, whyNotOn } from '../support/databases.ts'
import { eventually } from '../support/eventually.ts'
import {
  askMe,
  browserWith,
  me,
  reachCallback,
  script,
  sessionCookie,
  signedIn,
  warmBrowser,
} from '../support/sign-in.ts'
import { suiteScope } from '../support/suite-scope.ts'
import { createUserAgent } from '../support/user-agent.ts'
import type { UserAgent } from '../support/user-agent.ts'

const maxStalenessMs = 300
/** A machine with too much to do is no broken store. */
const operationTimeoutMs = 10_000
const cache = { maxStalenessMs, operationTimeoutMs }

const note = (browser: UserAgent, app: App, text: string): Promise<unknown> =>
  browser.post(`${app.baseUrl}/note`, { text }, script)

async function statuses(browsers: readonly UserAgent[], app: App): Promise<number[]> {
  return Promise.all(browsers.map(async (browser) => (await askMe(browser, app)).status))
}

// Most of the time is waiting.
describe('the login flows on every store', { concurrency: 4 }, () => {
  for (const kind of everyStoreKind) {
    describe(`two instances on one database: ${kind}`, { skip: whyNotOn(kind), concurrency: 1 }, () => {
      const scope = suiteScope()
      const counting: CountingStore[] = []
      let world: World
      before(async () => {
        world = await startWorld(scope, {
          store: kind,
          instances: 2,
          options: { cache },
          wrap: (inner, instance) => (counting[instance] = countingStore(inner)).store,
        })
      })

      it('a sign-in at one leads where it was to lead, and both know who', async () => {
        const browser = createUserAgent()
        const callback = await reachCallback(browser, world.app, { returnTo: '/orders?page=2' })
        assert.equal((await browser.get(callback)).location, `${world.app.baseUrl}/orders?page=2`)
        const [here, there] = [await me(browser, world.app), await me(browser, world.other)]
        assert.deepEqual([there.id, there.sub], [here.id, 'alice'])
      })

      it('the callback opened again leads home, and the session is the same', async () => {
        const browser = createUserAgent()
        const callback = await reachCallback(browser, world.app)
        await browser.get(callback)
        const { id } = await me(browser, world.app)
        assert.equal((await browser.get(callback)).location, `${world.app.baseUrl}/`)
        assert.equal((await me(browser, world.app)).id, id)
      })

      it('the callback opened twenty times at once makes one session', async () => {
        const browser = createUserAgent()
        const callback = await reachCallback(browser, world.app, { user: 'bob' })
        await world.app.auth.sessions.revokeAll({ subject: 'bob' })
        await Promise.all(Array.from({ length: 20 }, () => browser.get(callback)))
        assert.equal((await world.other.auth.sessions.list({ subject: 'bob' })).length, 1)
      })

      it('a bookmarked callback in a new browser leads to the provider', async () => {
        const callback = await reachCallback(createUserAgent(), world.app)
        const page = await createUserAgent().followRedirects(callback)
        assert.equal(new URL(page.url).origin, world.provider.issuer)
      })

      it('a change at one is there on the very next request at the other', async () => {
        const browser = await warmBrowser(world)
        const expected: string[] = []
        for (let turn = 0; turn < 6; turn += 1) {
          const [writer, reader] = turn % 2 === 0 ? [world.app, world.other] : [world.other, world.app]
          expected.push(`note ${turn}`)
          await note(browser, writer, `note ${turn}`)
          assert.deepEqual((await me(browser, reader)).notes, expected)
        }
      })

      it('both keep what is written at both at once', async () => {
        const browser = await warmBrowser(world)
        const texts = Array.from({ length: 8 }, (_, i) => `note ${i}`)
        await Promise.all(texts.map((text, i) => note(browser, world.apps[i % 2]!, text)))
        const { notes } = await eventually(
          () => me(browser, world.other),
          (session) => session.notes.length === texts.length,
        )
        assert.deepEqual(notes.toSorted(), texts)
      })

      it('a logout at one ends the session at the other within maxStalenessMs', async () => {
        const browser = await warmBrowser(world)
        const stolen = browserWith(world.other, sessionCookie(browser, world.app))
        const page = await browser.post(`${world.app.baseUrl}/auth/logout`, {})
        assert.match(page.location ?? '', /\/session\/end\?/)
        assert.equal(browser.cookies(world.app.baseUrl).get('sallyport'), undefined)
        await pause(maxStalenessMs)
        for (const app of world.apps) assert.equal((await askMe(stolen, app)).status, 401)
      })

      it('sessions of a user are listed, with their devices, and end one by one', async () => {
        await world.app.auth.sessions.revokeAll({ subject: 'bob' })
        const [kept, ended] = [await warmBrowser(world, 'bob'), await warmBrowser(world, 'bob')]
        const ids = [(await me(kept, world.app)).id, (await me(ended, world.app)).id]
        const listed = await world.other.auth.sessions.list({ subject: 'bob' })
        assert.deepEqual(
          listed.map((info) => [info.id, typeof info.device]),
          ids.map((id) => [id, 'string']),
        )
        assert.equal(await world.other.auth.sessions.revoke(ids[1]!), true)
        assert.equal(await world.other.auth.sessions.revoke(ids[1]!), false)
        assert.deepEqual(await statuses([kept, ended], world.other), [200, 401])
        await pause(maxStalenessMs)
        assert.deepEqual(await statuses([kept, ended], world.app), [200, 401])
      })

      it('all sessions of a user but this one end, and nobody else is harmed', async () => {
        await world.app.auth.sessions.revokeAll({ subject: 'bob' })
        const alice = await warmBrowser(world)
        const [first, second, own] = await Promise.all(['bob', 'bob', 'bob'].map((user) => warmBrowser(world, user)))
        const page = await own!.post(`${world.app.baseUrl}/end-others`, {}, script)
        assert.deepEqual(JSON.parse(page.text), { ended: 2 })
        await pause(maxStalenessMs)
        for (const app of world.apps) {
          assert.deepEqual(await statuses([first!, second!, own!, alice], app), [401, 401, 200, 200])
        }
      })

      it('all sessions of a user end, and nobody else is harmed', async () => {
        await world.app.auth.sessions.revokeAll({ subject: 'bob' })
        const alice = await warmBrowser(world)
        const bobs = await Promise.all(['bob', 'bob'].map((user) => warmBrowser(world, user)))
        assert.equal(await world.app.auth.sessions.revokeAll({ subject: 'bob' }), 2)
        assert.equal(await world.app.auth.sessions.revokeAll({ subject: 'bob' }), 0)
        assert.deepEqual(await world.other.auth.sessions.list({ subject: 'bob' }), [])
        await pause(maxStalenessMs)
        for (const app of world.apps) assert.deepEqual(await statuses([...bobs, alice], app), [401, 401, 200])
      })

      it('a session ended for all instances is served by none when the call returns', async () => {
        const browser = await warmBrowser(world)
        const { id } = await me(browser, world.app)
        await world.app.auth.sessions.revoke(id, { wait: 'all-instances' })
        assert.equal((await askMe(browser, world.other)).status, 401)
      })

      it('a forged cookie is nobody and costs no store operation', async () => {
        const genuine = sessionCookie(await warmBrowser(world), world.app)
        const [version, kid, token, mac] = genuine.split('.') as [string, string, string, string]
        const forged = [
          `${version}.${kid}.${token}.${mac.slice(1)}A`,
          `${version}.${kid}.${'A'.repeat(token.length)}.${mac}`,
          genuine.slice(0, -1),
          'x'.repeat(100),
        ]
        for (const each of counting) each.reset()
        for (const app of world.apps) {
          const browsers = forged.map((text) => browserWith(app, text))
          assert.deepEqual(await statuses(browsers, app), [401, 401, 401, 401])
        }
        assert.deepEqual(
          counting.map((each) => each.requestOperations()),
          [0, 0],
        )
      })

      it('warm requests cost no store operation', async () => {
        const browser = await warmBrowser(world)
        // Whoever could not poll in time reads.
        const costOfWarmRequests = async (): Promise<number> => {
          for (const each of counting) each.reset()
          for (const app of world.apps) await statuses(Array<UserAgent>(20).fill(browser), app)
          return counting.reduce((sum, each) => sum + each.requestOperations(), 0)
        }
        await eventually(costOfWarmRequests, (cost) => cost === 0, { tries: 20 })
      })

      // What is in the memory of a process ends with it.
      it('sessions survive a restart of both instances', { skip: kind === 'memory' }, async () => {
        const browser = await warmBrowser(world)
        await note(browser, world.app, 'kept')
        for (const app of world.apps) await app.restart()
        for (const app of world.apps) assert.deepEqual((await me(browser, app)).notes, ['kept'])
        assert.ok(await world.app.auth.sessions.revokeAll({ subject: 'alice' }))
        assert.equal((await askMe(browser, world.app)).status, 401)
      })

      it('twenty requests at both refresh an expired access token once', async (t) => {
        const own = await startWorld(t, { store: kind, instances: 2, options: { cache, fetch: expiringAtSignIn } })
        const browser = await signedIn(own.app)
        const { accessTokenExpiresAt } = await me(browser, own.app)
        await eventually(Date.now, (now) => now > accessTokenExpiresAt!)
        const pages = await Promise.all(
          Array.from({ length: 20 }, (_, i) => browser.get(`${own.apps[i % 2]!.baseUrl}/token`, script)),
        )
        assert.deepEqual(new Set(pages.map((page) => page.status)), new Set([200]))
        assert.equal(new Set(pages.map((page) => page.text)).size, 1)
        const { refreshGrants, refreshGrantsRefused } = own.provider.stats()
        assert.deepEqual([refreshGrants, refreshGrantsRefused], [1, 0])
      })

      it('without pushes, polls end a session at the other within maxStalenessMs', async (t) => {
        const database = await openDatabase(t, kind)
        const store = (): Store => database.open({ push: false })
        const own = await startWorld(t, { store, instances: 2, options: { cache } })
        const browser = await warmBrowser(own)
        await own.app.auth.sessions.revoke((await me(browser, own.app)).id)
        await pause(maxStalenessMs)
        assert.equal((await askMe(browser, own.other)).status, 401)
      })

      it('where there are pushes, they end a session at the other long before a poll', async (t) => {
        // A poll would come after twenty seconds.
        const options: MoreOptions = { cache: { maxStalenessMs: 60_000, operationTimeoutMs } }
        const own = await startWorld(t, { store: kind, instances: 2, options })
        if (!own.app.store.capabilities.push) return t.skip('this store has none')
        // A push is best effort, and whoever has just begun to listen may have missed the first.
        const endedByPush = async (): Promise<boolean> => {
          const browser = await warmBrowser(own)
          await own.app.auth.sessions.revoke((await me(browser, own.app)).id)
          const ask = async (): Promise<number> => (await askMe(browser, own.other)).status
          return eventually(ask, (status) => status === 401, { tries: 20 }).then(
            () => true,
            () => false,
          )
        }
        assert.ok(await eventually(endedByPush, (ended) => ended, { tries: 5 }))
      })
    })
  }
})

/** Access tokens of a sign-in are good for one second, refreshed ones for as long as the provider says. */
const expiringAtSignIn: typeof fetch = async (input, init) => {
  const request = new Request(input, init)
  const isSignIn = request.method === 'POST' && (await request.clone().text()).includes('grant_type=authorization_code')
  const reply = await fetch(request)
  if (!isSignIn) return reply
  return Response.json({ ...((await reply.json()) as object), expires_in: 1 }, { status: reply.status })
}
