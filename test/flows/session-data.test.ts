import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startWorld, storeKinds } from '../support/app.ts'
import { askMe, me, script, sessionCookie, signedIn } from '../support/sign-in.ts'

for (const store of storeKinds) {
  describe(`application data in ${store}`, () => {
    it('survives from request to request', async (t) => {
      const { app } = await startWorld(t, { store })
      const browser = await signedIn(app)
      for (const text of ['one', 'two', 'gr\u00fc\u00dfe \u{1f511}']) {
        assert.equal((await browser.post(`${app.baseUrl}/note`, { text }, script)).status, 200)
      }
      assert.deepEqual((await me(browser, app)).notes, ['one', 'two', 'gr\u00fc\u00dfe \u{1f511}'])
    })

    it('loses no update of many at once', async (t) => {
      const { app } = await startWorld(t, { store })
      const browser = await signedIn(app)
      const texts = Array.from({ length: 8 }, (_, i) => `note ${i}`)
      const pages = await Promise.all(texts.map((text) => browser.post(`${app.baseUrl}/note`, { text }, script)))
      assert.deepEqual(new Set(pages.map((page) => page.status)), new Set([200]))
      assert.deepEqual((await me(browser, app)).notes.toSorted(), texts)
    })

    it('can be replaced as a whole, and a draft kept aside changes nothing later', async (t) => {
      const { app } = await startWorld(t, { store })
      const browser = await signedIn(app)
      const session = await app.auth.authenticate(`sallyport=${sessionCookie(browser, app)}`)
      const given = { notes: ['whole'] }
      await session!.update(() => given)
      given.notes.push('later')
      assert.deepEqual(session!.data, { notes: ['whole'] })
      assert.deepEqual((await me(browser, app)).notes, ['whole'])
    })

    it('keeps a key named __proto__ to itself', async (t) => {
      const { app } = await startWorld(t, { store })
      const browser = await signedIn(app)
      const session = await app.auth.authenticate(`sallyport=${sessionCookie(browser, app)}`)
      await session!.update(() => JSON.parse('{"notes":[],"__proto__":{"polluted":true}}') as { notes: string[] })
      assert.equal((await me(browser, app)).sub, 'alice')
      assert.equal(({} as { polluted?: boolean }).polluted, undefined)
    })

    it('is not changed by an async function, whose failure harms nobody', async (t) => {
      const { app } = await startWorld(t, { store })
      const browser = await signedIn(app)
      const session = await app.auth.authenticate(`sallyport=${sessionCookie(browser, app)}`)
      const change = (() => Promise.reject(new Error('mine'))) as unknown as () => void
      await assert.rejects(session!.update(change), { code: 'ERR_SESSION_DATA', message: /async/ })
      assert.deepEqual((await me(browser, app)).notes, [])
    })

    it('is frozen outside of update', async (t) => {
      const { app } = await startWorld(t, { store })
      const browser = await signedIn(app)
      const session = await app.auth.authenticate(`sallyport=${sessionCookie(browser, app)}`)
      assert.throws(() => (session!.data as { notes: string[] }).notes.push('x'), TypeError)
      assert.throws(() => Object.assign(session!.claims, { sub: 'mallory' }), TypeError)
    })

    it('cannot be updated once the session is over, and the update does not bring it back', async (t) => {
      const { app } = await startWorld(t, { store })
      const browser = await signedIn(app)
      const session = await app.auth.authenticate(`sallyport=${sessionCookie(browser, app)}`)
      await app.auth.sessions.revokeAll({ subject: 'alice' })
      await assert.rejects(
        session!.update((draft) => void draft.notes.push('late')),
        { code: 'ERR_SESSION_ENDED' },
      )
      assert.equal((await askMe(browser, app)).status, 401)
    })

    it('must be JSON: anything else is refused and changes nothing', async (t) => {
      const { app } = await startWorld(t, { store })
      const browser = await signedIn(app)
      const session = await app.auth.authenticate(`sallyport=${sessionCookie(browser, app)}`)
      for (const notJson of [1n, () => {}, Symbol('x'), Number.NaN]) {
        await assert.rejects(
          session!.update(() => ({ notes: [notJson as unknown as string] })),
          { code: 'ERR_SESSION_DATA' },
        )
      }
      assert.deepEqual((await me(browser, app)).notes, [])
    })

    it('an update that throws changes nothing and shows its own error', async (t) => {
      const { app } = await startWorld(t, { store })
      const browser = await signedIn(app)
      const session = await app.auth.authenticate(`sallyport=${sessionCookie(browser, app)}`)
      const mine = new Error('mine')
      await assert.rejects(
        session!.update((draft) => {
          draft.notes.push('half')
          throw mine
        }),
        mine,
      )
      assert.deepEqual((await me(browser, app)).notes, [])
    })
  })
}
