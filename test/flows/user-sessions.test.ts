import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startWorld, storeKinds } from '../support/app.ts'
import { askMe, browserWith, me, script, sessionCookie, signIn, signedIn } from '../support/sign-in.ts'
import { createUserAgent } from '../support/user-agent.ts'
import { wrapStore } from '../support/wrapped-store.ts'

for (const store of storeKinds) {
  describe(`a user's sessions in ${store}`, () => {
    it('are listed, oldest first, with creation, last use and device', async (t) => {
      const { app } = await startWorld(t, { store })
      const firefox = createUserAgent()
      const phone = createUserAgent()
      await signIn(firefox, app)
      await signIn(phone, app)
      await signedIn(app, 'bob')
      const list = await app.auth.sessions.list({ subject: 'alice' })
      assert.deepEqual(
        list.map((info) => info.id),
        [(await me(firefox, app)).id, (await me(phone, app)).id],
      )
      for (const info of list) {
        assert.ok(info.createdAt <= info.lastSeenAt && info.lastSeenAt < info.expiresAt)
        assert.equal(typeof info.device, 'string')
      }
    })

    it('show nothing that opens anything', async (t) => {
      const { app } = await startWorld(t, { store })
      const browser = await signedIn(app)
      const [info] = await app.auth.sessions.list({ subject: 'alice' })
      const [version, kid, token, mac] = sessionCookie(browser, app).split('.')
      const shown = JSON.stringify(info)
      for (const part of [token, mac]) assert.ok(!shown.includes(part!))
      for (const guess of [info!.id, `${version}.${kid}.${info!.id}.${mac}`]) {
        assert.equal((await askMe(browserWith(app, guess), app)).status, 401)
      }
    })

    it('can be ended one by one', async (t) => {
      const { app } = await startWorld(t, { store })
      const [kept, ended] = [await signedIn(app), await signedIn(app)]
      const { id } = await me(ended, app)
      assert.equal(await app.auth.sessions.revoke(id), true)
      assert.equal(await app.auth.sessions.revoke(id), false)
      assert.equal((await askMe(ended, app)).status, 401)
      assert.equal((await askMe(kept, app)).status, 200)
    })

    it('are not ended by a handle nobody gave out', async (t) => {
      const { app } = await startWorld(t, { store })
      const browser = await signedIn(app)
      for (const id of ['', 'x', 'session:x', '*', '%', '__proto__', 'a'.repeat(10_000), sessionCookie(browser, app)]) {
        assert.equal(await app.auth.sessions.revoke(id), false)
      }
      assert.equal((await askMe(browser, app)).status, 200)
    })

    it('can all be ended but this one', async (t) => {
      const { app } = await startWorld(t, { store })
      const others = [await signedIn(app), await signedIn(app)]
      const bob = await signedIn(app, 'bob')
      const browser = await signedIn(app)
      const page = await browser.post(`${app.baseUrl}/end-others`, {}, script)
      assert.deepEqual(JSON.parse(page.text), { ended: 2 })
      for (const other of others) assert.equal((await askMe(other, app)).status, 401)
      for (const unharmed of [browser, bob]) assert.equal((await askMe(unharmed, app)).status, 200)
    })

    it('can all be ended, and nobody else is', async (t) => {
      const { app } = await startWorld(t, { store })
      const browsers = [await signedIn(app), await signedIn(app)]
      const bob = await signedIn(app, 'bob')
      assert.equal(await app.auth.sessions.revokeAll({ subject: 'alice' }), 2)
      assert.equal(await app.auth.sessions.revokeAll({ subject: 'alice' }), 0)
      for (const browser of browsers) assert.equal((await askMe(browser, app)).status, 401)
      assert.equal((await askMe(bob, app)).status, 200)
      assert.deepEqual(await app.auth.sessions.list({ subject: 'alice' }), [])
    })

    it('may be more than a page of the store: all are listed, and all end', async (t) => {
      const { app } = await startWorld(t, { store })
      const browser = createUserAgent()
      for (let count = 0; count < 105; count += 1) {
        browser.setCookie(app.baseUrl, 'sallyport', undefined)
        await signIn(browser, app)
      }
      const list = await app.auth.sessions.list({ subject: 'alice' })
      assert.equal(new Set(list.map((info) => info.id)).size, 105)
      assert.equal(await app.auth.sessions.revokeAll({ subject: 'alice' }), 105)
    })

    it('are out of memory too when the answer to their end was lost', async (t) => {
      let losing = false
      const { app } = await startWorld(t, {
        store,
        options: { cache: { operationTimeoutMs: 200 } },
        wrap: (inner) =>
          wrapStore(inner, async (operation, call) => {
            const reply = await call()
            if (losing && operation === 'remove') throw new Error('the connection broke')
            return reply
          }),
      })
      const browser = await signedIn(app)
      const { id } = await me(browser, app)
      losing = true
      await assert.rejects(app.auth.sessions.revoke(id), { code: 'ERR_STORE_UNAVAILABLE' })
      assert.equal((await askMe(browser, app)).status, 401)
    })

    it('end for themselves with their cookie', async (t) => {
      const { app } = await startWorld(t, { store })
      const browser = await signedIn(app)
      const cookie = sessionCookie(browser, app)
      assert.equal((await browser.post(`${app.baseUrl}/end`, {}, script)).status, 200)
      assert.equal(browser.cookies(app.baseUrl).get('sallyport'), undefined)
      assert.equal((await askMe(browserWith(app, cookie), app)).status, 401)
    })

    it('ended by themselves are told to the hook', async (t) => {
      const told: string[] = []
      const { app } = await startWorld(t, {
        store,
        options: {
          hooks: {
            onSignIn: () => ({ data: { notes: [] } }),
            onSignOut: (claims, { reason }) => void told.push(`${claims.sub} ${reason}`),
          },
        },
      })
      await (await signedIn(app)).post(`${app.baseUrl}/end`, {}, script)
      assert.deepEqual(told, ['alice revoked'])
    })
  })
}
