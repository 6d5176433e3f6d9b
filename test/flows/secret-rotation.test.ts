import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import type { Auth, SealingOptions } from '../../src/index.ts'
import { storeKinds } from '../support/app.ts'
import type { Notes, StoreKind } from '../support/app.ts'
import { startDeployment as start, subjectOf } from '../support/deployment.ts'
import type { Deployment } from '../support/deployment.ts'
import { formatOf, sealModes } from '../support/seal-modes.ts'
import { directRequest } from '../support/sign-in.ts'

const older = 'older-0123456789-0123456789-0123456789-01'
const newer = 'newer-0123456789-0123456789-0123456789-01'

interface Rotation extends Omit<Deployment, 'deploy'> {
  deploy(secret: string | [string, ...string[]]): Promise<Auth<Notes>>
}

async function startDeployment(t: TestContext, kind: StoreKind, session: SealingOptions): Promise<Rotation> {
  const deployment = await start(t, kind)
  return { ...deployment, deploy: (secret) => deployment.deploy({ secret, session }) }
}

const kidOf = (cookie: string): string | undefined => cookie.split('.')[1]

const cases = storeKinds.flatMap((store) => sealModes.map((mode) => ({ store, ...mode })))

for (const { store, name, session: sealing, format } of cases) {
  describe(`rotating the secret, sessions in ${store}, seal: ${name}`, () => {
    it('step 1, added as accepted: nothing changes for anybody', async (t) => {
      const { deploy, signIn } = await startDeployment(t, store, sealing)
      await deploy(older)
      const cookie = await signIn()
      const auth = await deploy([older, newer])
      assert.equal(await subjectOf(auth, cookie), 'alice')
      assert.equal(kidOf(await signIn()), kidOf(cookie))
    })

    it('step 2, made primary: old sessions go on, new ones are under the new one', async (t) => {
      const { deploy, signIn } = await startDeployment(t, store, sealing)
      await deploy([older, newer])
      const oldCookie = await signIn()
      const auth = await deploy([newer, older])
      const newCookie = await signIn('bob')
      assert.notEqual(kidOf(newCookie), kidOf(oldCookie))
      assert.equal(await subjectOf(auth, oldCookie), 'alice')
      assert.equal(await subjectOf(auth, newCookie), 'bob')
    })

    it('while instances differ in which is primary, each accepts the sessions of the other', async (t) => {
      const { deploy, signIn } = await startDeployment(t, store, sealing)
      const before = await deploy([older, newer])
      const oldCookie = await signIn()
      const after = await deploy([newer, older])
      const newCookie = await signIn()
      for (const auth of [before, after]) {
        assert.equal(await subjectOf(auth, oldCookie), 'alice')
        assert.equal(await subjectOf(auth, newCookie), 'alice')
      }
    })

    it('lists and revocations find the sessions of every configured secret', async (t) => {
      const { deploy, signIn } = await startDeployment(t, store, sealing)
      await deploy([older, newer])
      const oldCookie = await signIn()
      const auth = await deploy([newer, older])
      const newCookie = await signIn()
      assert.equal((await auth.sessions.list({ subject: 'alice' })).length, 2)
      const current = await auth.authenticate(`sallyport=${newCookie}`)
      assert.equal(await auth.sessions.revokeOthers(current!), 1)
      assert.equal(await subjectOf(auth, oldCookie), undefined)
      assert.equal(await auth.sessions.revokeAll({ subject: 'alice' }), 1)
      assert.equal(await subjectOf(auth, newCookie), undefined)
    })

    it('a session of either secret can be ended by its handle', async (t) => {
      const { deploy, signIn } = await startDeployment(t, store, sealing)
      await deploy([older, newer])
      const oldCookie = await signIn()
      const auth = await deploy([newer, older])
      const newCookie = await signIn()
      for (const { id } of await auth.sessions.list({ subject: 'alice' })) {
        assert.equal(await auth.sessions.revoke(id), true)
      }
      for (const cookie of [oldCookie, newCookie]) assert.equal(await subjectOf(auth, cookie), undefined)
    })

    it('an old session keeps its secret, and the way it is kept, when its data changes', async (t) => {
      const { deploy, signIn, rowOf } = await startDeployment(t, store, sealing)
      await deploy([older, newer])
      const cookie = await signIn()
      const auth = await deploy([newer, older])
      const session = await auth.authenticate(`sallyport=${cookie}`)
      await session!.update((draft) => void draft.notes.push('kept'))
      assert.equal(formatOf((await rowOf(auth, cookie)).value), format)
      const cold = await deploy([newer, older])
      assert.deepEqual((await cold.authenticate(`sallyport=${cookie}`))?.data.notes, ['kept'])
    })

    it('step 3, dropped: old sessions end, without a store operation and without clearing the cookie', async (t) => {
      const { deploy, signIn, counting } = await startDeployment(t, store, sealing)
      await deploy([older, newer])
      const oldCookie = await signIn()
      await deploy([newer, older])
      const newCookie = await signIn()
      const auth = await deploy(newer)
      counting.reset()
      const answer = await auth.guard(directRequest('/me', { cookie: `sallyport=${oldCookie}` }), () =>
        assert.fail('a cookie with an unknown kid is never cleared'),
      )
      assert.equal(answer.reply?.status, 401)
      assert.equal(counting.requestOperations(), 0)
      assert.equal(await subjectOf(auth, newCookie), 'alice')
    })
  })
}
