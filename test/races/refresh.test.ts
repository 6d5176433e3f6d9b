import assert from 'node:assert/strict'
import type { Session } from '../../src/session/session.ts'
import type { Counted } from '../support/history.ts'
import { racesOf } from '../support/race.ts'
import { clockSkewMs } from '../support/scheduler.ts'
import type { SimulatedBrowser } from '../support/simulated-browser.ts'
import type { Instance } from '../support/simulated-instance.ts'
import type { Simulation } from '../support/simulation.ts'

const race = racesOf(import.meta.url)

const accessTokenMs = 500
/** More than what happens on one instance between the question for a token and the answer. */
const stepsOfOneRefresh = 24

race(
  '50 calls of accessToken() for an expired token: one request to the provider, and no error',
  { plan: { accessTokenMs }, sees: ['two waited for one', 'one waited for nobody'] },
  async (sim) => {
    const { sessions } = await expired(sim)
    const tokens = await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        await sim.pause(100)
        return sessions[i % sessions.length]!.accessToken()
      }),
    )
    assert.equal(sim.provider.requests, 1)
    assert.deepEqual(new Set(tokens), new Set([await sessions[0]!.accessToken()]))
    // One try for the lease per process, and one write of the tokens, with a conflict each.
    assert.ok(sim.effectsOf('replace').length <= 2 * sessions.length)
    const reads = sim.effectsOf('read').length
    sim.saw(reads > 2 * sessions.length ? 'two waited for one' : 'one waited for nobody')
  },
)

race(
  'a refresh whose process is killed costs at most one more request, and never a loop',
  {
    plan: { accessTokenMs, instances: 3, isolated: true },
    sees: [...killedWhen('killed'), 'fresh', 'ERR_SESSION_ENDED'],
  },
  async (sim) => {
    const { sessions } = await expired(sim)
    const [dying, ...living] = sim.instances
    dying!.machine.after(sim.scheduler.seed % stepsOfOneRefresh, 'kill')
    sessions[0]!.accessToken().catch(() => {})
    await sim.pause(2_000)
    if (dying!.machine.isDead) sim.saw(`killed ${progressOf(sim)}`)

    const outcomes = await Promise.all(living.map((instance, i) => insistentToken(sim, instance, sessions[i + 1]!)))
    assert.ok(sim.provider.requests <= 2, `${sim.provider.requests} requests`)
    // Only a provider that refuses the second request ends the session.
    const expected = sim.provider.refused === 0 ? 'fresh' : 'ERR_SESSION_ENDED'
    assert.deepEqual(new Set(outcomes), new Set([expected]))
    sim.saw(expected)
  },
)

race(
  'two processes killed in their refreshes cost two requests at most: then only a login helps',
  {
    plan: { accessTokenMs, instances: 3, isolated: true, refreshTimeoutMs: 1_000, rotation: 'lenient' },
    sees: ['fresh', 'ERR_LOGIN_REQUIRED'],
  },
  async (sim) => {
    const { sessions } = await expired(sim)
    const [first, second, last] = sim.instances
    const killWithin = (instance: Instance): void => {
      instance.machine.after(sim.scheduler.random.below(stepsOfOneRefresh), 'kill')
    }
    killWithin(first!)
    sessions[0]!.accessToken().catch(() => {})
    await sim.pause(500)
    void insistentToken(sim, second!, sessions[1]!)
    await sim.scheduler.sleep(2 * sim.plan.refreshTimeoutMs)
    killWithin(second!)
    await sim.pause(2_000)

    const outcome = await insistentToken(sim, last!, sessions[2]!)
    assert.ok(['fresh', 'ERR_LOGIN_REQUIRED'].includes(outcome), outcome)
    assert.ok(sim.provider.requests <= (outcome === 'fresh' ? 3 : 2), `${sim.provider.requests} requests`)
    sim.saw(outcome)
  },
)

race(
  'a process stopped in its refresh overwrites nothing when it goes on, and leaves no refresh token behind',
  {
    plan: { accessTokenMs, isolated: true, refreshTimeoutMs: 1_000 },
    sees: [...killedWhen('stopped'), 'an orphan was revoked', 'fresh', 'ERR_SESSION_ENDED'],
  },
  async (sim) => {
    const { browser, sessions } = await expired(sim)
    const [stopped, other] = sim.instances
    const stopForMs = sim.scheduler.random.between(500, 6_000)
    stopped!.machine.after(sim.scheduler.seed % stepsOfOneRefresh, { stopForMs })
    const first = insistentToken(sim, stopped!, sessions[0]!)
    await sim.pause(2_000)
    sim.saw(`stopped ${progressOf(sim)}`)

    const outcomes = await Promise.all([first, insistentToken(sim, other!, sessions[1]!)])
    assert.ok(sim.provider.requests <= 2, `${sim.provider.requests} requests`)
    for (const outcome of outcomes) {
      assert.ok(outcome === 'fresh' || (outcome === 'ERR_SESSION_ENDED' && sim.provider.refused > 0), outcome)
      sim.saw(outcome)
    }
    // Whatever it had under way is over by now.
    await sim.scheduler.sleep(stopForMs + 2 * sim.plan.refreshTimeoutMs)
    await expectNoOrphans(sim, other!, browser)
  },
)

race(
  'answers of the provider that get lost cost one more request at most, and then a login',
  { plan: { accessTokenMs, refreshTimeoutMs: 1_000 }, sees: ['fresh', 'ERR_SESSION_ENDED', 'ERR_LOGIN_REQUIRED'] },
  async (sim) => {
    const { sessions } = await expired(sim)
    for (const { toProvider } of sim.instances) {
      toProvider.trouble = (operation) =>
        operation === 'refresh' && sim.scheduler.random.chance(0.5) ? 'reply lost' : undefined
    }
    const outcomes = await Promise.all(sessions.map((session, i) => insistentToken(sim, sim.instances[i]!, session)))
    assert.ok(sim.provider.requests <= 2, `${sim.provider.requests} requests`)
    for (const outcome of outcomes) {
      sim.saw(outcome)
      if (outcome === 'ERR_SESSION_ENDED') assert.ok(sim.provider.refused > 0)
      else if (outcome === 'ERR_LOGIN_REQUIRED') assert.equal(sim.provider.requests, 2)
      else assert.equal(outcome, 'fresh')
    }
  },
)

/** A session whose access token has just expired, as every instance sees it. */
async function expired(sim: Simulation): Promise<{ browser: SimulatedBrowser; sessions: Session<Counted>[] }> {
  const browser = await sim.signIn(sim.anyInstance)
  const sessions = await Promise.all(sim.instances.map(async (instance) => (await sim.ask(instance, browser))!))
  await sim.scheduler.sleep(accessTokenMs + clockSkewMs)
  return { browser, sessions }
}

/** Asks for a token until there is one or there never will be: `fresh`, or the code of the error. */
async function insistentToken(sim: Simulation, { machine }: Instance, session: Session<Counted>): Promise<string> {
  for (let tries = 0; tries < 10; tries++) {
    try {
      await session.accessToken()
      assert.ok(session.accessTokenExpiresAt! > machine.wall())
      return 'fresh'
    } catch (error) {
      const { code, retryAfterSec = 0 } = error as { code?: string; retryAfterSec?: number }
      if (code !== 'ERR_REFRESH_UNAVAILABLE' && code !== 'ERR_STORE_UNAVAILABLE') return code ?? String(error)
      await sim.scheduler.sleep(retryAfterSec * 1_000, machine)
    }
  }
  return 'never'
}

function killedWhen(verb: string): string[] {
  return ['without a lease', 'before sending', 'after sending'].map((when) => `${verb} ${when}`)
}

function progressOf(sim: Simulation): string {
  if (sim.provider.requests > 0) return 'after sending'
  return sim.effectsOf('replace').length > 0 ? 'before sending' : 'without a lease'
}

/** The only refresh token that is still good is the one the session holds. */
async function expectNoOrphans(sim: Simulation, { service }: Instance, browser: SimulatedBrowser): Promise<void> {
  sim.history.mayEnd(browser.subject)
  const ended = await service.close({ cookieHeader: browser.cookieHeader, setCookie: () => {} })
  assert.deepEqual(sim.provider.good(), ended === undefined ? [] : [ended.refreshToken])
  const written = sim.instances.some(({ refreshed }) => refreshed > 0)
  assert.ok(ended !== undefined || !written, 'the session was ended although its tokens were fresh')
  sim.saw(
    'an orphan was revoked',
    sim.provider.rotated.some((token) => sim.provider.stateOf(token) === 'revoked'),
  )
}
