import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { json, startEvilProvider, status, text } from '../../test/support/evil-provider.ts'
import type { Answer, EvilProvider } from '../../test/support/evil-provider.ts'
import { callbackUrl, exchange, failureOf, relyingParty } from '../../test/support/relying-party.ts'
import type { RelyingParty } from '../../test/support/relying-party.ts'
import type { SignIn } from './provider.ts'

describe('the provider’s keys', () => {
  let op: EvilProvider
  beforeEach(async () => {
    op = await startEvilProvider()
  })
  afterEach(() => op.close())

  const signIn = ({ provider }: RelyingParty): Promise<SignIn> => exchange(provider, callbackUrl(op))
  const downloads = (): number => op.requestsTo('/jwks').length

  test('are fetched once for many sign-ins', async () => {
    const party = relyingParty(op)
    await signIn(party)
    await signIn(party)
    assert.equal(downloads(), 1)
  })

  test('are fetched once for many sign-ins at the same time', async () => {
    const party = relyingParty(op)
    await Promise.all(Array.from({ length: 20 }, () => signIn(party)))
    assert.equal(downloads(), 1)
  })

  test('are fetched again when they are five minutes old', async (t) => {
    const party = relyingParty(op)
    await signIn(party)
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 301_000 })
    await signIn(party)
    assert.equal(downloads(), 2)
  })

  test('are fetched again when one is unknown and they are a minute old', async (t) => {
    const party = relyingParty(op)
    await signIn(party)
    op.rotateKeys()
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 61_000 })
    await signIn(party)
    assert.equal(downloads(), 2)
  })

  test('are not fetched for an unknown one when they are fresh', async () => {
    const party = relyingParty(op)
    await signIn(party)
    op.rotateKeys({ announced: false })
    assert.equal((await failureOf(signIn(party))).code, 'ERR_PROVIDER_RESPONSE')
    assert.equal(downloads(), 1)
  })

  const answers: [what: string, jwks: Answer][] = [
    ['404', status(404)],
    ['500', status(500)],
    ['a page', text(200, '<h1>Back soon</h1>')],
    ['JSON that is no key set', json(200, { error: 'busy' })],
    ['null', json(200, null)],
  ]
  for (const [what, jwks] of answers) {
    test(`serve on for an hour when a new set is answered with ${what}`, async (t) => {
      const party = relyingParty(op)
      await signIn(party)
      op.misbehave({ jwks })
      t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 301_000 })
      await party.clock.advance(3_599_000)
      await signIn(party)
      assert.equal(downloads(), 2)
    })
  }

  test('serve on when a page came first and then nothing', async (t) => {
    const party = relyingParty(op)
    await signIn(party)
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 301_000 })
    op.misbehave({ jwks: text(200, '<h1>Back soon</h1>') })
    await signIn(party)
    t.mock.timers.setTime(Date.now() + 301_000)
    op.misbehave({ jwks: status(500) })
    await signIn(party)
    assert.equal(downloads(), 3)
  })

  test('do not serve on after an hour', async (t) => {
    const party = relyingParty(op)
    await signIn(party)
    op.misbehave({ jwks: status(500) })
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 301_000 })
    await party.clock.advance(3_600_000)
    assert.equal((await failureOf(signIn(party))).code, 'ERR_PROVIDER_UNAVAILABLE')
  })

  test('make a sign-in fail as unavailable when none were ever had', async () => {
    op.misbehave({ jwks: status(500) })
    assert.equal((await failureOf(signIn(relyingParty(op)))).code, 'ERR_PROVIDER_UNAVAILABLE')
  })
})
