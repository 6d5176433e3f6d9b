import type { WriteName } from './cache-plan.ts'
import type { CacheSimulation } from './cache-simulation.ts'
import { befall } from './cache-troubles.ts'
import type { SimulatedCache } from './simulated-cache.ts'

/** Enough for what an instance needs to begin with, or for an answer, while all is well. */
const peacefulAnswerMs = 16

/** Asks and writes at all instances, lets things go wrong meanwhile, and asks once more when all is well again. */
export class CacheWorkload {
  readonly #sim: CacheSimulation
  /** Much happens at about these times, and so at once. */
  readonly #hotTimes: readonly number[]
  readonly #writes: readonly WriteName[]

  constructor(sim: CacheSimulation) {
    this.#sim = sim
    const { forMs, weights } = sim.plan
    this.#hotTimes = [0, 0].map(() => sim.scheduler.random.between(0, forMs))
    const names = Object.entries(weights) as [WriteName, number][]
    this.#writes = names.flatMap(([name, weight]) => Array.from({ length: weight }, () => name))
  }

  async run(): Promise<void> {
    const { plan, scheduler, instances } = this.#sim
    for (let i = 0; i < 2; i++) this.#sim.createOutside()
    await scheduler.sleep(0)
    if (plan.isWarm) await this.#askAll()
    this.#sim.makePeace(false)
    for (const instance of instances) this.#use(instance)
    this.#interfere()
    await scheduler.sleep(plan.forMs)
    if (plan.rests) await this.#goOnAfterARest()
    await this.#endInPeace()
  }

  /** Requests to one instance. */
  #use(instance: SimulatedCache): void {
    const { scheduler, plan, requests } = this.#sim
    const { random } = scheduler
    for (let i = 0; i < plan.gets; i++) {
      const get = (): void => requests.get(instance, this.#sim.anyKey(), random.chance(0.25))
      scheduler.schedule(this.#someTime(), get, instance.machine)
    }
    for (let i = 0; i < plan.writes; i++) {
      const name = random.pick(this.#writes)
      scheduler.schedule(this.#someTime(), () => void requests.write(instance, name), instance.machine)
    }
  }

  /** What others do meanwhile, and what befalls everybody. */
  #interfere(): void {
    const { scheduler, plan } = this.#sim
    for (let i = 0; i < plan.writesOutside; i++) {
      scheduler.schedule(this.#someTime(), () => this.#sim.writeOutside(this.#sim.anyKey()))
    }
    for (let i = 0; i < plan.ambushes; i++) scheduler.schedule(this.#someTime(), () => this.#ambush())
    for (const trouble of plan.troubles) {
      scheduler.schedule(this.#someTime(), () => befall(this.#sim, trouble).forEach((started) => this.#use(started)))
    }
  }

  /** Somebody else writes at the worst moment, and nobody hears of what happens just after. */
  #ambush(): void {
    const { random } = this.#sim.scheduler
    this.#sim.ambush(random.pick(['epochs', 'epochs', 'read', 'replace', 'extend', 'create']), (key) => {
      if (random.chance(0.7)) this.#sim.writeOutside(key)
      if (random.chance(0.5)) this.#sim.releasePushes()
      if (random.chance(0.5)) this.#askAfresh(key)
      if (random.chance(0.5)) this.#sim.instances.forEach((instance) => this.#sim.cut(instance, 'epochs'))
    })
  }

  #askAfresh(key: string): void {
    const { scheduler, instances, requests } = this.#sim
    const instance = scheduler.random.pick(instances)
    scheduler.schedule(0, () => requests.get(instance, key, true), instance.machine)
  }

  /** Nobody asks for so long that nobody polls any more. */
  async #goOnAfterARest(): Promise<void> {
    const { plan, scheduler, instances } = this.#sim
    await scheduler.sleep(11 * plan.maxStalenessMs)
    this.#sim.saw(
      'rested',
      instances.some((instance) => instance.isResting),
    )
    for (const instance of instances) this.#use(instance)
    this.#interfere()
    await scheduler.sleep(plan.forMs)
  }

  #someTime(): number {
    const { random } = this.#sim.scheduler
    const { forMs } = this.#sim.plan
    return random.chance(0.4) ? random.between(0, forMs) : random.pick(this.#hotTimes) + random.between(0, 50)
  }

  /** After D nobody may answer with what was true before, and memory answers again. */
  async #endInPeace(): Promise<void> {
    const { scheduler, plan } = this.#sim
    // Those who watch look then for the last time.
    await scheduler.sleep(plan.maxStalenessMs + 5)
    this.#sim.makePeace(true)
    for (let i = 0; i < 2; i++) await this.#askAll()
  }

  async #askAll(): Promise<void> {
    const { scheduler, instances, lastKeys, requests } = this.#sim
    for (const key of lastKeys) requests.askAll(key)
    for (const { machine } of instances) await scheduler.sleep(0, machine)
    await scheduler.sleep(peacefulAnswerMs)
  }
}
