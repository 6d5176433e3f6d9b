import assert from 'node:assert/strict'
import type { Session } from '../../src/session/session.ts'
import type { Counted } from '../support/history.ts'
import { latencies } from '../support/link.ts'
import type { Trouble } from '../support/link.ts'
import { racesOf } from '../support/race.ts'
import type { SimulatedBrowser } from '../support/simulated-browser.ts'
import type { Instance } from '../support/simulated-instance.ts'
import type { Simulation } from '../support/simulation.ts'

const race = racesOf(import.meta.url)

const troubles: readonly Trouble[] = ['request lost', 'reply lost', 'refused']
const hourMs = 3_600_000
/** Polls get through at every latency, now and then. */
const cache = { maxStalenessMs: 1_000 }

race(
  'lease lost: without polls memory answers for D at most, and again after the next poll',
  { plan: { isolated: true, cache }, sees: ['answer from l1', 'memory was passed by', 'revoked while polls failed'] },
  async (sim) => {
    const { browser, session } = await warm(sim)
    const cutOff = sim.anyInstance
    const trouble = sim.scheduler.random.pick(troubles)
    cutOff.toStore.trouble = (operation) => (operation === 'epochs' ? trouble : undefined)
    if (sim.scheduler.random.chance(0.5)) {
      // What was answered before the cut must have been read again by now.
      await sim.scheduler.sleep(sim.maxStalenessMs)
      // A wall clock that was set back says that no time has passed.
      if (sim.scheduler.random.chance(0.5)) cutOff.machine.stepWall(-sim.maxStalenessMs)
      const { l1 } = cutOff.service.stats().answers
      await sim.ask(cutOff, browser)
      assert.equal(cutOff.service.stats().answers.l1, l1, 'memory answered although nothing vouched for it')
      sim.saw('memory was passed by', cutOff.service.stats().sessions.bypasses.lease > 0)
    }
    if (sim.scheduler.random.chance(0.5)) {
      const asking = sim.traffic(browser, { forMs: 800, everyMs: 50 })
      await sim.pause(600)
      await sim.end(sim.anyInstance, browser, session)
      await asking
      await sim.expectGone(browser, session)
      sim.saw('revoked while polls failed')
    }
    cutOff.toStore.trouble = () => undefined
    await expectMemory(sim)
  },
)

race(
  'store down: a session that lives is never called absent, and every question ends in time',
  {
    plan: { isolated: true, cache },
    sees: ['answer from l1', 'not answered', 'an update in doubt', 'a revoke in doubt'],
  },
  async (sim) => {
    const { random } = sim.scheduler
    const { browser, session } = await warm(sim)
    sim.history.hadTrouble = true
    sim.history.maxWaitMs = 1_000
    for (const { toStore } of sim.instances) {
      const trouble = random.pick(troubles)
      if (random.chance(0.7)) toStore.trouble = () => trouble
    }
    const asking = sim.traffic(browser, { forMs: 2_500, everyMs: 200 })
    await sim.pause(1_000)
    const writer = sim.anyInstance
    let inDoubt = 0
    const current = await sim.ask(writer, browser)
    if (current !== undefined) {
      await sim.update(writer, browser, current, 'in doubt').catch((error: unknown) => {
        assertUnavailable(error)
        inDoubt++
      })
    }
    await asking
    for (const { toStore } of sim.instances) toStore.trouble = () => undefined

    // What was lost is given up by then: nobody joins it any more.
    await sim.scheduler.sleep(sim.maxStalenessMs + 100)
    const counts = await Promise.all(
      sim.instances.map(async (instance) => (await sim.ask(instance, browser))!.data.count),
    )
    assert.equal(new Set(counts).size, 1)
    sim.saw('an update in doubt', inDoubt > 0)

    const ending = sim.anyInstance
    ending.toStore.trouble = () => (random.chance(0.5) ? random.pick(troubles) : undefined)
    for (let isOver = false; !isOver;) {
      isOver = await sim.end(ending, browser, session).then(
        () => true,
        (error: unknown) => {
          assertUnavailable(error)
          sim.saw('a revoke in doubt')
          return false
        },
      )
    }
    ending.toStore.trouble = () => undefined
    await sim.expectGone(browser, session)
  },
)

race(
  'wall clock steps of an hour, here and at the store: nobody outlives a deadline, and memory answers again after a poll',
  { plan: { isolated: true, cache }, sees: ['expired by the step', 'survived the step', 'answer from l1'] },
  async (sim) => {
    const { random } = sim.scheduler
    const { browser, session } = await warm(sim)
    const asking = sim.traffic(browser, { forMs: 3_000, everyMs: 100 })
    for (let steps = random.below(2); steps >= 0; steps--) {
      await sim.pause(500)
      const machine = random.pick([sim.host.machine, ...sim.instances.map((instance) => instance.machine)])
      const stepMs = random.pick([-hourMs, hourMs])
      if (machine === sim.host.machine) {
        // Half an hour of idling is over at once.
        if (stepMs > 0) sim.history.mayEnd(browser.subject)
        sim.history.stepped(stepMs)
      }
      machine.stepWall(stepMs)
      // There and back between two polls would go unnoticed.
      await sim.scheduler.sleep(sim.maxStalenessMs)
    }
    await asking
    const answers = await Promise.all(sim.instances.map((instance) => sim.ask(instance, browser)))
    sim.saw(answers[0] === undefined ? 'expired by the step' : 'survived the step')
    await expectMemory(sim)
    await sim.end(sim.anyInstance, browser, session)
    await sim.expectGone(browser, session)
  },
)

race(
  'a machine that sleeps or stops does not wake up with answers older than D',
  { plan: { isolated: true, cache }, sees: ['answer from l1', 'answer from l2'] },
  async (sim) => {
    const { random } = sim.scheduler
    const { browser, session } = await warm(sim)
    sim.history.hadTrouble = true
    sim.history.hadStops = true
    const [sleeper, other] = random.chance(0.5) ? sim.instances : sim.instances.toReversed()
    const asking = sim.traffic(browser, { forMs: 1_000, everyMs: 50 })
    await sim.pause(500)
    const forMs = random.between(200, 5_000)
    if (random.chance(0.5)) sleeper!.machine.stop(forMs)
    else sleeper!.machine.suspend(forMs)
    await sim.pause(forMs)
    await sim.end(other!, browser, session)
    await asking
    await sim.scheduler.sleep(0, sleeper!.machine)
    await sim.expectGone(browser, session)
  },
)

race(
  'a store that lost everything, restored or replaced: what it does not know is gone from memory within D',
  // Polls that get through: only who knew a number notices that it fell.
  { plan: { isolated: true, cache, latency: latencies.even }, sees: ['answer from l1', 'answer from l2'] },
  async (sim) => {
    const { browser, session } = await warm(sim)
    // A restored store is noticed by numbers that fell, so there must be one.
    await sim.bumpBeside(sim.anyInstance, session)
    await sim.scheduler.sleep(sim.maxStalenessMs)
    const asking = sim.traffic(browser, { forMs: 800, everyMs: 50 })
    await sim.pause(600)
    sim.history.mayEnd(browser.subject)
    sim.host.lose(sim.scheduler.random.pick(['restored', 'another']))
    sim.history.revoked('nobody', browser.subject)
    await asking
    await sim.expectGone(browser, session)
    await expectMemory(sim)
  },
)

/** A session that every instance has in memory. */
async function warm(sim: Simulation): Promise<{ browser: SimulatedBrowser; session: Session<Counted> }> {
  const browser = await sim.signIn(sim.anyInstance)
  const [session] = await Promise.all(sim.instances.map((instance) => sim.ask(instance, browser)))
  return { browser, session: session! }
}

/** Every instance answers from memory again, once a poll has had the time. */
async function expectMemory(sim: Simulation): Promise<void> {
  const browser = await sim.signIn(sim.anyInstance, 'bob')
  for (const instance of sim.instances) await expectMemoryAt(sim, instance, browser)
}

async function expectMemoryAt(sim: Simulation, instance: Instance, browser: SimulatedBrowser): Promise<void> {
  // Whatever is under way ends, a poll is sent, and its answer comes.
  for (let tries = 0; tries < 10; tries++) {
    await sim.ask(instance, browser)
    const { l1 } = instance.service.stats().answers
    await sim.ask(instance, browser)
    if (instance.service.stats().answers.l1 > l1) return
    await sim.scheduler.sleep(sim.maxStalenessMs / 3)
  }
  assert.fail(`${instance.name} does not answer from memory any more`)
}

function assertUnavailable(error: unknown): void {
  assert.equal((error as { code?: string }).code, 'ERR_STORE_UNAVAILABLE', String(error))
}
