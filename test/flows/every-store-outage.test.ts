import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Store } from '../../src/index.ts'
import { faultProxy } from '../../src/testing.ts'
import { startWorld } from '../support/app.ts'
import type { WorldPlan } from '../support/app.ts'
import { everyStoreKind, openDatabase, whyNotOn } from '../support/databases.ts'
import { eventually } from '../support/eventually.ts'
import { isServerKind } from '../support/servers/kinds.ts'
import { askMe, sessionCookie, setCookies, warmBrowser } from '../support/sign-in.ts'

const plan: WorldPlan = { instances: 2, options: { cache: { maxStalenessMs: 300 } } }

for (const kind of everyStoreKind) {
  describe(`an instance without its store: ${kind}`, { skip: whyNotOn(kind) }, () => {
    it('which was closed, says 503, and the cookie stays', async (t) => {
      const world = await startWorld(t, { ...plan, store: kind })
      const browser = await warmBrowser(world)
      const cookie = sessionCookie(browser, world.app)
      await world.app.store.close()
      const page = await eventually(
        () => askMe(browser, world.app),
        ({ status }) => status !== 200,
      )
      assert.deepEqual([page.status, setCookies(page)], [503, []])
      assert.equal(sessionCookie(browser, world.app), cookie)
    })

    it('which is out of reach, says 503; elsewhere, and here afterwards, users are signed in', async (t) => {
      if (!isServerKind(kind)) return t.skip('no network leads to it')
      const database = await openDatabase(t, kind)
      const proxy = await faultProxy({ target: { port: Number(new URL(database.url!).port) } })
      t.after(() => proxy.close())
      const cutOff = { url: proxy.via(database.url!) }
      const store = (instance: number): Store => database.open(instance === 0 ? cutOff : {})
      const world = await startWorld(t, { ...plan, store })
      const browser = await warmBrowser(world)
      proxy.refuse()
      proxy.reset()
      const page = await eventually(
        () => askMe(browser, world.app),
        ({ status }) => status !== 200,
      )
      assert.deepEqual([page.status, setCookies(page)], [503, []])
      assert.equal((await askMe(browser, world.other)).status, 200)
      await proxy.heal()
      await eventually(
        () => askMe(browser, world.app),
        ({ status }) => status === 200,
      )
    })
  })
}
