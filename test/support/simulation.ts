import assert from 'node:assert/strict'
import type { Answer } from '../../src/cache/answer.ts'
import { bucketOf } from '../../src/cache/bucket.ts'
import type { Session } from '../../src/session/session.ts'
import { brief } from './brief.ts'
import { FakeProviderTokens } from './fake-provider-tokens.ts'
import { History } from './history.ts'
import type { Counted } from './history.ts'
import { Link } from './link.ts'
import { completePlan } from './plan.ts'
import type { Plan } from './plan.ts'
import type { Machine, Scheduler } from './scheduler.ts'
import { SimulatedBrowser } from './simulated-browser.ts'
import { answers, issuer, startInstance } from './simulated-instance.ts'
import type { Instance, Place } from './simulated-instance.ts'
import { PushBus, simulatedStore, StoreHost } from './simulated-store.ts'

/** By bucket: to look for one takes longer than most races. */
const neighbours = new Map<number, string>()

/** Instances that share one store and one provider, and a checker who sees everything. */
export class Simulation {
  readonly scheduler: Scheduler
  readonly plan: Plan
  readonly host: StoreHost
  readonly provider: FakeProviderTokens
  readonly history: History
  readonly instances: readonly Instance[]
  /** What has happened at least once, so that a race that was never run does not pass for one that was won. */
  readonly seen: Set<string> = new Set()
  /** Operations as they took effect at the store. */
  readonly effects: { operation: string; instance: string; args: readonly unknown[]; reply: unknown }[] = []

  private constructor(scheduler: Scheduler, plan: Plan, host: StoreHost) {
    this.scheduler = scheduler
    this.plan = plan
    this.host = host
    this.provider = new FakeProviderTokens(plan.rotation)
    const { maxStalenessMs = 1_000, operationTimeoutMs = 1_000 } = plan.cache
    this.history = new History({
      maxStalenessMs,
      operationTimeoutMs,
      now: () => scheduler.now(),
      storeWall: () => host.machine.wall(),
    })
    const lossRate = plan.push === 'lossy bus' ? 0.5 : 0
    const bus = plan.push.endsWith('bus') ? new PushBus(scheduler, { lossRate }) : undefined
    const shared = plan.push === 'same store object' ? this.#place('AB', bus) : undefined
    this.instances = Array.from('ABCDEFGH'.slice(0, plan.instances), (name) => {
      return startInstance(name, shared ?? this.#place(name, bus), this)
    })
  }

  static async start(scheduler: Scheduler, plan: Partial<Plan> = {}): Promise<Simulation> {
    const host = new StoreHost(scheduler.machine('store'))
    return new Simulation(scheduler, completePlan(plan, scheduler.random), host)
  }

  get maxStalenessMs(): number {
    return this.plan.cache.maxStalenessMs ?? 1_000
  }

  get anyInstance(): Instance {
    return this.scheduler.random.pick(this.instances)
  }

  saw(event: string, happened: boolean = true): void {
    if (happened) this.seen.add(event)
  }

  /** The positions, in the order at the store, of the operations of one kind. */
  effectsOf(operation: string): number[] {
    return this.effects.flatMap((effect, at) => (effect.operation === operation ? [at] : []))
  }

  /** Waits some time up to `ms`; on a machine, until that goes on. */
  async pause(ms: number, machine?: Machine): Promise<void> {
    await this.scheduler.sleep(this.scheduler.random.between(0, ms), machine)
  }

  /** Opens a session at an instance. */
  async signIn(instance: Instance, owner = 'alice'): Promise<SimulatedBrowser> {
    const browser = new SimulatedBrowser({ owner }, () => this.scheduler.now())
    const opening = {
      claims: { sub: owner, iss: issuer },
      tokens: this.provider.issue(instance.machine.wall() + this.plan.accessTokenMs),
      data: { owner, count: 0, marks: [] },
    }
    await instance.service.open(opening, { cookieHeader: undefined, setCookie: browser.setCookie })
    return browser
  }

  /** Asks an instance who this is, and has the answer checked. `undefined`: nobody, or it could not be known. */
  async ask(instance: Instance, browser: SimulatedBrowser): Promise<Session<Counted> | undefined> {
    if (instance.machine.isStopped) await this.scheduler.sleep(0, instance.machine)
    const question = this.history.asked(instance.name, browser.subject, browser.owed)
    const context: { answer?: Answer } = {}
    const { cookieHeader, setCookie } = browser
    try {
      const session = await answers.run(context, () => instance.service.authenticate(cookieHeader, setCookie))
      const { source, reason } = context.answer!
      this.scheduler.trace?.(`${instance.name}: ${browser.subject.owner} answered from ${source} ${reason ?? ''}`)
      this.saw(`answer from ${source}`)
      if (session === undefined) this.history.missed(question, reason)
      else this.history.found(question, session, source)
      return session
    } catch (error) {
      this.scheduler.trace?.(`${instance.name}: ${browser.subject.owner} not answered`)
      this.saw('not answered')
      this.history.failed(question, error)
      return undefined
    }
  }

  /** Asks again and again, everywhere or at one instance, for a while. */
  async traffic(browser: SimulatedBrowser, how: { forMs: number; everyMs: number; at?: Instance }): Promise<void> {
    const until = this.scheduler.now() + how.forMs
    const askers = (how.at === undefined ? this.instances : [how.at]).map(async (instance) => {
      while (this.scheduler.now() < until) {
        await this.pause(2 * how.everyMs, instance.machine)
        // Nobody waits for an answer before asking again: the reads overlap.
        void this.ask(instance, browser)
      }
    })
    await Promise.all(askers)
  }

  /** Adds one to the session's counter. */
  async update(instance: Instance, browser: SimulatedBrowser, session: Session<Counted>, mark: string): Promise<void> {
    await session.update((draft) => {
      draft.count++
      draft.marks.push(mark)
    })
    this.history.updated(instance.name, browser.subject, session.data.count)
    browser.vouchesFor(session.data.count)
  }

  /** Ends a session in one of the ways there are. */
  async end(instance: Instance, browser: SimulatedBrowser, session: Session<Counted>): Promise<void> {
    const { service, machine } = instance
    const { cookieHeader } = browser
    if (machine.isStopped) await this.scheduler.sleep(0, machine)
    const ways: Record<string, () => Promise<unknown>> = {
      revoke: () => service.revoke(session.id),
      revokeAll: () => service.revokeAll({ subject: browser.subject.owner }),
      close: () => service.close({ cookieHeader, setCookie: () => {} }),
    }
    const way = this.scheduler.random.pick(Object.keys(ways))
    const { subject } = browser
    this.history.mayEnd(subject)
    this.scheduler.trace?.(`${instance.name}: ${way} begins`)
    this.history.revoking(instance.name, subject, way === 'revoke')
    try {
      await ways[way]!()
    } catch (error) {
      this.history.revoking(instance.name, subject, false)
      throw error
    }
    this.scheduler.trace?.(`${instance.name}: ${way} returned`)
    this.history.revoked(instance.name, subject)
  }

  /** Keeps asking until every instance must have noticed, and makes sure that they have. */
  async expectGone(browser: SimulatedBrowser, session: Session<Counted>): Promise<void> {
    await this.traffic(browser, { forMs: this.maxStalenessMs + 500, everyMs: 100 })
    for (const instance of this.instances) assert.equal(await this.ask(instance, browser), undefined)
    const { entries } = await this.host.store.read([`session:${session.id}`])
    assert.equal(entries[0], undefined, 'it is in the store again')
  }

  /** Bumps the session's own bucket for something else. */
  async bumpBeside({ service }: Instance, session: Session<Counted>): Promise<void> {
    await service.revoke(this.#neighbourOf(session.id))
  }

  /** Does so again and again: what polls still know of the session's own bumps is forgotten soon. */
  async noise(session: Session<Counted>, forMs: number): Promise<void> {
    const until = this.scheduler.now() + forMs
    while (this.scheduler.now() < until) {
      await this.pause(40)
      void this.bumpBeside(this.anyInstance, session).catch(() => {})
    }
  }

  /** An id that nobody has, in the same bucket. */
  #neighbourOf(id: string): string {
    const bucket = this.#bucketOf(id)
    let neighbour = neighbours.get(bucket)
    for (let i = 0; neighbour === undefined; i++) {
      const candidate = `noise-${i}`.padEnd(43, '-')
      if (this.#bucketOf(candidate) === bucket) neighbour = candidate
    }
    neighbours.set(bucket, neighbour)
    return neighbour
  }

  #bucketOf(id: string): number {
    return bucketOf(`session:${id}`, this.host.store.capabilities.buckets)
  }

  #place(name: string, bus: PushBus | undefined): Place {
    const machine = this.scheduler.machine(name)
    const toStore = new Link(this.scheduler, machine, this.plan.latency)
    const witness = (operation: string, args: readonly unknown[], reply: unknown): void => {
      this.effects.push({ operation, instance: name, args, reply })
      this.scheduler.trace?.(`store: ${operation} of ${name}: ${brief(args)} -> ${brief(reply)}`)
    }
    const store = simulatedStore(this.host, { link: toStore, witness, bus })
    return { machine, toStore, store }
  }
}
