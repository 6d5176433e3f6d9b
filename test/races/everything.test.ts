import assert from 'node:assert/strict'
import type { Trouble } from '../support/link.ts'
import { racesOf } from '../support/race.ts'
import type { SimulatedBrowser } from '../support/simulated-browser.ts'
import type { Instance } from '../support/simulated-instance.ts'
import type { Simulation } from '../support/simulation.ts'

const race = racesOf(import.meta.url)

const troubles: readonly Trouble[] = ['request lost', 'reply lost', 'refused']
const forMs = 1_500
/** Touches fall due after a quarter of it, and nobody lets it pass. */
const idleTimeoutSec = 12

/** Updates that returned, and those nobody knows about. */
interface Tally {
  done: number
  inDoubt: number
}

race(
  'everything at once, over a network that loses messages, on machines that stop',
  {
    plan: { isolated: true, idleTimeoutSec, accessTokenMs: 500 },
    sees: [
      'answer from l1',
      'answer from l2',
      'answer from joined',
      'not answered',
      'in doubt',
      'refreshed',
      'touched',
    ],
  },
  async (sim) => {
    const { random } = sim.scheduler
    const [alice, bob] = [await sim.signIn(sim.anyInstance, 'alice'), await sim.signIn(sim.anyInstance, 'bob')]
    const session = (await sim.ask(sim.anyInstance, alice))!
    const bobs = (await sim.ask(sim.anyInstance, bob))!
    await sim.scheduler.sleep((idleTimeoutSec * 1_000) / 4)

    sim.history.hadTrouble = true
    sim.history.hadStops = true
    const lossRate = random.pick([0, 0.02, 0.1])
    for (const { toStore } of sim.instances) {
      toStore.trouble = () => (random.chance(lossRate) ? random.pick(troubles) : undefined)
    }
    const tallies = new Map([alice, bob].map((browser) => [browser, { done: 0, inDoubt: 0 }]))
    const going = [alice, bob].flatMap((browser) => [
      sim.traffic(browser, { forMs, everyMs: 80 }),
      sim.traffic(browser.withoutVersion(), { forMs, everyMs: 80 }),
      writeNowAndThen(sim, browser, tallies.get(browser)!),
    ])
    going.push(sim.noise(bobs, random.pick([0, forMs])))
    if (random.chance(0.5)) sim.anyInstance.machine.after(random.below(60), { stopForMs: random.between(100, 3_000) })

    await sim.pause(forMs)
    await insist(sim, (instance) => sim.end(instance, alice, session))
    await Promise.all(going)
    for (const { toStore } of sim.instances) toStore.trouble = () => undefined
    await sim.expectGone(alice, session)
    await sim.scheduler.sleep(sim.maxStalenessMs)

    const { done, inDoubt } = tallies.get(bob)!
    const { count } = (await sim.ask(sim.anyInstance, bob))!.data
    assert.ok(
      count >= done && count <= done + inDoubt,
      `${count} updates, ${done} of them known and ${inDoubt} in doubt`,
    )
    sim.saw('in doubt', inDoubt > 0)
    sim.saw('refreshed', sim.provider.requests > 0)
    sim.saw('touched', sim.effectsOf('extend').length > 0)
  },
)

/** Updates and refreshes a session now and then, anywhere, as long as it lives. */
async function writeNowAndThen(sim: Simulation, browser: SimulatedBrowser, tally: Tally): Promise<void> {
  const until = sim.scheduler.now() + forMs
  while (sim.scheduler.now() < until) {
    await sim.pause(400)
    const instance = sim.anyInstance
    const session = await sim.ask(instance, browser)
    if (session === undefined) continue
    try {
      if (sim.scheduler.random.chance(0.3)) await session.accessToken()
      else {
        await sim.update(instance, browser, session, `update at ${sim.scheduler.now()}`)
        tally.done++
      }
    } catch (error) {
      const { code } = error as { code?: string }
      if (code === 'ERR_STORE_UNAVAILABLE') tally.inDoubt++
      else assert.ok(code === 'ERR_SESSION_ENDED' || code === 'ERR_REFRESH_UNAVAILABLE', String(error))
    }
  }
}

/** Does it wherever the store answers. */
async function insist(sim: Simulation, act: (instance: Instance) => Promise<void>): Promise<void> {
  for (;;) {
    try {
      await act(sim.anyInstance)
      return
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'ERR_STORE_UNAVAILABLE', String(error))
    }
  }
}
