import assert from 'node:assert/strict'
import type { Session } from '../../src/session/session.ts'
import type { Counted } from '../support/history.ts'
import { racesOf } from '../support/race.ts'
import { clockSkewMs } from '../support/scheduler.ts'
import type { SimulatedBrowser } from '../support/simulated-browser.ts'
import type { Simulation } from '../support/simulation.ts'

const race = racesOf(import.meta.url)

race(
  'update ∥ fill: no instance goes back to an older version, and who wrote reads it everywhere at once',
  {
    sees: ['answer from l1', 'answer from l2', 'answer from joined', 'a version cookie passed by memory'],
  },
  async (sim) => {
    const alice = await sim.signIn(sim.anyInstance, 'alice')
    const forgetful = alice.withoutVersion()
    const session = (await sim.ask(sim.anyInstance, alice))!
    const asking = [
      sim.traffic(alice, { forMs: 700, everyMs: 50 }),
      sim.traffic(forgetful, { forMs: 700, everyMs: 50 }),
    ]
    if (sim.scheduler.random.chance(0.5)) {
      const bob = await sim.signIn(sim.anyInstance, 'bob')
      asking.push(sim.traffic(bob, { forMs: 700, everyMs: 50 }))
    }
    if (sim.scheduler.random.chance(0.5)) asking.push(sim.noise(session, 700))

    for (let count = 1; count <= 3; count++) {
      await sim.pause(200)
      const writer = sim.anyInstance
      await sim.update(writer, alice, (await sim.ask(writer, alice))!, `update ${count}`)
      const known = sim.instances.map(({ service }) => service.stats().answers.l1)
      const seen = await Promise.all(sim.instances.map((instance) => sim.ask(instance, alice)))
      for (const answer of seen) assert.ok(answer!.data.count >= count, 'who wrote did not read it')
      sim.saw(
        'a version cookie passed by memory',
        sim.instances.some(({ service }, i) => service.stats().answers.l1 === known[i]),
      )
    }
    await Promise.all(asking)
    await sim.scheduler.sleep(sim.maxStalenessMs)
    for (const instance of sim.instances) assert.equal((await sim.ask(instance, forgetful))!.data.count, 3)
  },
)

race('update ∥ update: every one of them is in the result', { sees: ['a conflict'] }, async (sim) => {
  const browser = await sim.signIn(sim.anyInstance)
  const asking = sim.traffic(browser, { forMs: 400, everyMs: 50 })
  const marks = await updateAtOnce(sim, browser, { updates: 8, withinMs: 200 })
  await asking
  const { data } = await inStore(sim, browser)
  assert.equal(data.count, marks.length)
  assert.deepEqual(data.marks.toSorted(), marks)
  sim.saw(
    'a conflict',
    sim.effects.some(({ reply }) => (reply as { outcome?: string } | undefined)?.outcome === 'conflict'),
  )
})

race('update ∥ refresh: neither is lost', { plan: { accessTokenMs: 500 }, sees: ['a conflict'] }, async (sim) => {
  const browser = await sim.signIn(sim.anyInstance)
  const sessions = await Promise.all(sim.instances.map((instance) => sim.ask(instance, browser)))
  await sim.scheduler.sleep(sim.plan.accessTokenMs + clockSkewMs)

  const asking = sim.traffic(browser, { forMs: 600, everyMs: 50 })
  const refreshing = sessions.map(async (session) => {
    await sim.pause(200)
    return session!.accessToken()
  })
  const marks = await updateAtOnce(sim, browser, { updates: 4, withinMs: 600 })
  const tokens = await Promise.all(refreshing)
  await asking

  const session = await inStore(sim, browser)
  assert.equal(session.data.count, marks.length)
  assert.deepEqual(session.data.marks.toSorted(), marks)
  assert.equal(session.refreshCount, 1)
  assert.equal(sim.provider.requests, 1)
  assert.deepEqual(new Set(tokens), new Set([await session.accessToken()]))
  sim.saw(
    'a conflict',
    sim.effects.some(({ reply }) => (reply as { outcome?: string } | undefined)?.outcome === 'conflict'),
  )
})

/** Updates the session anywhere, all within a short time, and returns the marks of those that were made. */
async function updateAtOnce(
  sim: Simulation,
  browser: SimulatedBrowser,
  { updates, withinMs }: { updates: number; withinMs: number },
): Promise<string[]> {
  const made: string[] = []
  const tries = Array.from({ length: updates }, async (_, i) => {
    await sim.pause(withinMs)
    const instance = sim.anyInstance
    const session = (await sim.ask(instance, browser))!
    try {
      await sim.update(instance, browser, session, `update ${i}`)
      made.push(`update ${i}`)
    } catch (error) {
      // Its turn did not come in time: nothing was sent, so nothing is in doubt.
      assert.equal((error as { code?: string }).code, 'ERR_STORE_UNAVAILABLE', String(error))
    }
  })
  await Promise.all(tries)
  return made.sort()
}

/** The session as it is in the store: whoever asks when D is over gets nothing older. */
async function inStore(sim: Simulation, browser: SimulatedBrowser): Promise<Session<Counted>> {
  await sim.scheduler.sleep(sim.maxStalenessMs)
  return (await sim.ask(sim.anyInstance, browser))!
}
