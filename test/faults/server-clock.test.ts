import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Store } from '../../src/index.ts'
import { mysqlStore } from '../../src/stores/mysql.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { startWorld } from '../support/app.ts'
import type { MoreOptions, World } from '../support/app.ts'
import { countingStore } from '../support/counting-store.ts'
import type { CountingStore } from '../support/counting-store.ts'
import { eventually } from '../support/eventually.ts'
import { serverClock } from '../support/servers/server-clock.ts'
import type { ServerClock } from '../support/servers/server-clock.ts'
import { startServer } from '../support/servers/server.ts'
import type { TestServer } from '../support/servers/server.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'
import {
  askMe,
  browserWith,
  cookieAttributes,
  me,
  reachCallback,
  script,
  sessionCookie,
  setCookies,
  signedIn,
  signIn,
  warmBrowser,
} from '../support/sign-in.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { suiteScope } from '../support/suite-scope.ts'
import { createUserAgent } from '../support/user-agent.ts'
import type { UserAgent } from '../support/user-agent.ts'

const maxStalenessMs = 300
/** A machine with too much to do is no broken store. */
const operationTimeoutMs = 5_000
const hourSec = 3_600

/** Without pushes: what a poll misses they would hide. */
const common = { operationTimeoutMs, logger: silentLogger }
const stores = {
  postgres: (url: string) => postgresStore({ connectionString: url, push: false, ...common }),
  mariadb: (url: string) => mysqlStore({ connectionString: url, ...common }),
  redis: (url: string) => redisStore({ url, push: false, ...common }),
} satisfies Record<string, (url: string) => Store>

const sides = [
  ['ahead', hourSec],
  ['behind', -hourSec],
] as const

type Session = NonNullable<MoreOptions['session']>

describe('a server whose clock is off', { concurrency: 3 }, () => {
  for (const kind of ['postgres', 'mariadb', 'redis'] as const) {
    describe(kind, { skip: whyNotTested(kind, 'own'), concurrency: 1 }, () => {
      const scope = suiteScope()
      let clock: ServerClock | undefined
      let why = ''
      let server: TestServer
      before(async () => {
        try {
          clock = await serverClock(scope)
        } catch (error) {
          why = `no clock was set: ${String(error)}`
          console.log(why)
          return
        }
        server = await startServer(kind, { env: clock.env })
        scope.after(() => server.stop())
      })

      const on = (
        name: string,
        test: (t: TestContext, set: (sec: number) => Promise<void>, start: Start) => Promise<void>,
      ): void => {
        it(name, async (t) => {
          if (clock === undefined) return t.skip(why)
          await clock.set(0)
          await test(t, clock.set, (session, wrap) => twoInstances(t, () => stores[kind](server.url), session, wrap))
        })
      }

      for (const [side, offset] of sides) {
        on(
          `an hour ${side}: a sign-in ends well, and cookie and session last as long as they should`,
          async (_, set, start) => {
            await set(offset)
            const { app, other } = await start({ absoluteLifetimeSec: 1_000, idleTimeoutSec: 900 })
            const browser = createUserAgent()
            const page = await signIn(browser, app)
            assert.equal(cookieAttributes(setCookies(page), 'sallyport').get('max-age'), '1000')
            for (const each of [app, other]) {
              const { createdAt, lastSeenAt, idleExpiresAt, absoluteExpiresAt } = await me(browser, each)
              assert.deepEqual([idleExpiresAt - lastSeenAt, absoluteExpiresAt - createdAt], [900_000, 1_000_000])
              // The store's clock is the one that counts.
              assert.ok(Math.abs(createdAt - offset * 1_000 - Date.now()) < 60_000, `created at ${createdAt}`)
            }
          },
        )

        on(`an hour ${side}: warm requests cost no store operation`, async (_, set, start) => {
          await set(offset)
          const counting: CountingStore[] = []
          const world = await start({}, (store) => {
            const counted = countingStore(store)
            counting.push(counted)
            return counted.store
          })
          const browser = await warmBrowser(world)
          const costOfWarmRequests = async (): Promise<number> => {
            for (const each of counting) each.reset()
            for (const app of world.apps) for (let i = 0; i < 10; i += 1) await me(browser, app)
            return counting.reduce((sum, each) => sum + each.requestOperations(), 0)
          }
          await eventually(costOfWarmRequests, (cost) => cost === 0, { tries: 20 })
        })

        on(
          `an hour ${side}: a session ends at its deadline, from memory too, and not before`,
          async (_, set, start) => {
            await set(offset)
            const world = await start({ absoluteLifetimeSec: 2, idleTimeoutSec: 2 })
            const browser = await warmBrowser(world)
            // The browser will forget it in time.
            const cookie = sessionCookie(browser, world.app)
            const { absoluteExpiresAt } = await me(browser, world.app)
            const left = (): number => absoluteExpiresAt - offset * 1_000 - Date.now()
            let asked = 0
            for (; left() > 500; asked += 1) {
              assert.deepEqual(await statuses(world, cookie), [200, 200])
              await pause(10)
            }
            assert.ok(asked > 0, 'it was too late for a look before')
            await pause(left() + 1)
            assert.deepEqual(await statuses(world, cookie), [401, 401])
          },
        )

        on(
          `that steps an hour ${side} and back: who signed out stays out, who did not stays in`,
          async (_, set, start) => {
            const world = await start({ idleTimeoutSec: 5 * hourSec, absoluteLifetimeSec: 8 * hourSec })
            const stays = await warmBrowser(world)
            const out: string[] = []
            for (const offsetNow of [offset, 0]) {
              const leaves = await warmBrowser(world, 'bob')
              // The number of its bucket is of the time before.
              await leaves.post(`${world.app.baseUrl}/note`, { text: 'x' }, script)
              const { id } = await me(leaves, world.other)
              const cookie = sessionCookie(leaves, world.app)
              await set(offsetNow)
              await askFor(2 * maxStalenessMs, world, [stays, leaves], out)
              await world.app.auth.sessions.revoke(id)
              await pause(maxStalenessMs)
              out.push(cookie)
              await askFor(maxStalenessMs, world, [stays], out)
            }
          },
        )

        on(`that steps an hour ${side} while a sign-in is under way: it ends well`, async (_, set, start) => {
          const { app } = await start({})
          const browser = createUserAgent()
          const callback = await reachCallback(browser, app)
          await set(offset)
          await browser.followRedirects(callback)
          assert.equal((await me(browser, app)).sub, 'alice')
          assert.equal((await me(await signedIn(app, 'bob'), app)).sub, 'bob')
        })
      }
    })
  }
})

type Start = (session: Session, wrap?: (store: Store) => Store) => Promise<World>

function twoInstances(
  t: TestContext,
  store: () => Store,
  session: Session,
  wrap: (store: Store) => Store = (inner) => inner,
): Promise<World> {
  const options = { session, cache: { maxStalenessMs, operationTimeoutMs } }
  return startWorld(t, { store, wrap, instances: 2, options })
}

/** What every instance answers to whoever has this cookie. */
async function statuses({ apps }: World, cookie: string): Promise<number[]> {
  return Promise.all(apps.map(async (app) => (await askMe(browserWith(app, cookie), app)).status))
}

async function askFor(ms: number, world: World, stay: readonly UserAgent[], out: readonly string[]): Promise<void> {
  const until = performance.now() + ms
  while (performance.now() < until) {
    for (const cookie of out) assert.deepEqual(await statuses(world, cookie), [401, 401])
    for (const browser of stay) {
      for (const app of world.apps) assert.equal((await askMe(browser, app)).status, 200)
    }
    await pause(10)
  }
}
