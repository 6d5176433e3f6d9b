import assert from 'node:assert/strict'
import { racesOf } from '../support/race.ts'
import { clockSkewMs } from '../support/scheduler.ts'
import type { Simulation } from '../support/simulation.ts'

const race = racesOf(import.meta.url)

/** Touches fall due after a quarter of it. */
const idleTimeoutSec = 8

race(
  'logout ∥ touch: the session is not revived, and nobody is served from memory later than D',
  {
    plan: { idleTimeoutSec },
    sees: ['extend before the removal', 'extend after the removal', 'answer from l1', 'answer from joined'],
  },
  async (sim) => {
    const browser = await sim.signIn(sim.anyInstance)
    const session = (await sim.ask(sim.anyInstance, browser))!
    await Promise.all(sim.instances.map((instance) => sim.ask(instance, browser)))
    await sim.scheduler.sleep((idleTimeoutSec * 1_000) / 4)

    const asking = sim.traffic(browser, { forMs: 500, everyMs: 50 })
    await sim.pause(400)
    await sim.end(sim.anyInstance, browser, session)
    await asking
    await sim.expectGone(browser, session)
    sawAround(sim, 'extend')
  },
)

race(
  'logout ∥ refresh: the session is not revived, and no refresh token is left over at the provider',
  {
    plan: { accessTokenMs: 500, rotation: 'strict' },
    sees: ['the refresh won', 'the logout won', 'an orphan was revoked', 'no refresh was sent'],
  },
  async (sim) => {
    const browser = await sim.signIn(sim.anyInstance)
    const [first, ...others] = await Promise.all(sim.instances.map((instance) => sim.ask(instance, browser)))
    await sim.scheduler.sleep(sim.plan.accessTokenMs + clockSkewMs)

    const asking = [first!, ...others].map(async (session) => {
      await sim.pause(300)
      return session!.accessToken().catch((error: unknown) => error as { code: string })
    })
    await sim.pause(800)
    await sim.end(sim.anyInstance, browser, first!)
    const answers = await Promise.all(asking)
    await sim.expectGone(browser, first!)

    const written = sim.instances.reduce((sum, { refreshed }) => sum + refreshed, 0)
    for (const answer of answers) {
      if (typeof answer === 'string') assert.ok(written > 0, 'a token nobody could save was handed out')
      else assert.equal(answer.code, 'ERR_SESSION_ENDED')
    }
    const { rotated } = sim.provider
    const orphans = rotated.filter((token) => sim.provider.stateOf(token) === 'revoked')
    assert.equal(orphans.length, rotated.length - written, 'refresh tokens that nobody holds are still good')
    sim.saw('the refresh won', written > 0)
    sim.saw('the logout won', written === 0)
    sim.saw('an orphan was revoked', orphans.length > 0)
    sim.saw('no refresh was sent', sim.provider.requests === 0)
  },
)

race(
  'sign-out ∥ refresh: what the sign-out ends at the provider is the refresh token that was good last',
  { plan: { accessTokenMs: 500 }, sees: ['the refresh won', 'the logout won'] },
  async (sim) => {
    const browser = await sim.signIn(sim.anyInstance)
    const [first, ...others] = await Promise.all(sim.instances.map((instance) => sim.ask(instance, browser)))
    await sim.scheduler.sleep(sim.plan.accessTokenMs + clockSkewMs)

    const asking = [first!, ...others].map(async (session) => {
      await sim.pause(300)
      await session!.accessToken().catch(() => {})
    })
    await sim.pause(800)
    const { service, toProvider } = sim.anyInstance
    const ended = await service.close({ cookieHeader: browser.cookieHeader, setCookie: () => {} })
    if (ended?.refreshToken !== undefined) await sim.provider.revokeTokenOver(toProvider)(ended.refreshToken)
    await Promise.all(asking)
    assert.deepEqual(sim.provider.good(), [])

    const written = sim.instances.reduce((sum, { refreshed }) => sum + refreshed, 0)
    sim.saw('the refresh won', written > 0)
    sim.saw('the logout won', written === 0)
  },
)

race(
  'logout ∥ update: no update puts the session back, neither in the store nor in memory',
  { sees: ['replace before the removal', 'replace after the removal', 'updated', 'ERR_SESSION_ENDED'] },
  async (sim) => {
    const browser = await sim.signIn(sim.anyInstance)
    const sessions = await Promise.all(sim.instances.map((instance) => sim.ask(instance, browser)))
    const asking = sim.traffic(browser, { forMs: 500, everyMs: 50 })
    const updating = [...sim.instances, ...sim.instances].map(async (instance, i) => {
      await sim.pause(400)
      const updated = sim.update(instance, browser, sessions[i % sessions.length]!, `update ${i}`)
      const outcome = await updated.then(
        () => 'updated',
        (error: unknown) => (error as { code?: string }).code,
      )
      assert.ok(['updated', 'ERR_SESSION_ENDED', 'ERR_STORE_UNAVAILABLE'].includes(outcome!), outcome)
      sim.saw(outcome!)
    })
    await sim.pause(400)
    await sim.end(sim.anyInstance, browser, sessions[0]!)
    await Promise.all([asking, ...updating])
    await sim.expectGone(browser, sessions[0]!)
    sawAround(sim, 'replace')
  },
)

race(
  'logout ∥ fill: a fill under way does not put the session back into any memory',
  { sees: ['read before the removal', 'answer from l2', 'answer from joined', 'answer from l1'] },
  async (sim) => {
    const { random } = sim.scheduler
    const first = sim.anyInstance
    const alice = await sim.signIn(first, 'alice')
    const session = (await sim.ask(first, alice))!
    const bob = random.chance(0.5) ? await sim.signIn(sim.anyInstance, 'bob') : undefined
    // The other instances are cold: their first answers are fills.
    const asking = [alice, ...(bob === undefined ? [] : [bob])].map((browser) => {
      return sim.traffic(browser, { forMs: 600, everyMs: 40 })
    })
    const noise = random.chance(0.5) ? sim.noise(session, 1_000) : undefined
    await sim.pause(500)
    await sim.end(sim.anyInstance, alice, session)
    await Promise.all(asking)
    await sim.expectGone(alice, session)
    await noise
    if (bob !== undefined) assert.ok(await sim.ask(sim.anyInstance, bob), 'the end of one session ended another')
    sawAround(sim, 'read')
  },
)

function sawAround(sim: Simulation, operation: string): void {
  const removedAt = sim.effects.findIndex(
    ({ reply }) => ((reply as { removed?: number } | undefined)?.removed ?? 0) > 0,
  )
  const times = sim.effectsOf(operation)
  sim.saw(
    `${operation} before the removal`,
    times.some((at) => at < removedAt),
  )
  sim.saw(
    `${operation} after the removal`,
    times.some((at) => at > removedAt),
  )
}
