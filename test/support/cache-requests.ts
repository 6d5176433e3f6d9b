import { BreakerOpenError } from '../../src/cache/l2/circuit-breaker.ts'
import type { RemoveTarget } from '../../src/cache/store.ts'
import type { Asked, Source } from './cache-history.ts'
import type { RemoveName, WriteName } from './cache-plan.ts'
import type { CacheSimulation } from './cache-simulation.ts'
import type { Found, SimulatedCache } from './simulated-cache.ts'
import type { State } from './store-timeline.ts'

interface Attempt {
  what: string
  /** Whether it writes this key, so that in doubt nobody knows what is under it. */
  isOfKey: boolean
  act: () => Promise<unknown>
}

/** What instances are asked, with every answer handed to the checker. */
export class CacheRequests {
  readonly #sim: CacheSimulation
  readonly #takeable: string[] = []
  /** How many of an instance are under way, or failed. */
  readonly #removalsByIndex = new Map<SimulatedCache, number>()
  /** How many writes of a key are under way at an instance. */
  readonly #open = new Map<string, number>()

  constructor(sim: CacheSimulation) {
    this.#sim = sim
  }

  get(instance: SimulatedCache, key: string, fresh = false): void {
    const { history, scheduler } = this.#sim
    const asked = history.asked(instance.name, key)
    const text = scheduler.random.chance(0.05) ? `another cookie of ${key}` : `cookie of ${key}`
    const served = fresh ? undefined : instance.serve(text)
    if (served !== undefined) {
      this.#found(instance, { ...asked, text }, served)
      return
    }
    this.#sim.tell(instance, `asks for ${key}${fresh ? ' afresh' : ''}`)
    instance.load(text, key, fresh).then(
      (loaded) => {
        // Who asks afresh joins only what is not sent yet.
        const source = fresh ? 'l2' : loaded.source
        if (loaded.value === undefined) this.#absent(instance, asked, source)
        else this.#found(instance, { ...asked, text }, { ...loaded, value: loaded.value, source })
        this.peek(instance, key)
      },
      (error: unknown) => this.#failed(instance, asked, error),
    )
  }

  /** All instances are asked, each when it can be. */
  askAll(key: string): void {
    const { scheduler, instances } = this.#sim
    for (const instance of instances) scheduler.schedule(0, () => this.get(instance, key), instance.machine)
  }

  /** Looks whether memory would answer, and with what. */
  peek(instance: SimulatedCache, key: string): void {
    const text = `cookie of ${key}`
    const served = instance.serve(text)
    if (served === undefined) return
    this.#found(instance, { ...this.#sim.history.asked(instance.name, key), text }, served)
  }

  async write(instance: SimulatedCache, name: WriteName): Promise<void> {
    if (name === 'create') await this.#create(instance)
    else if (name === 'replace for all') await this.#replace(instance, this.#sim.anyKey(), true)
    else if (name === 'replace quietly') await this.#replace(instance, this.#sim.anyKey(), false)
    else if (name === 'extend') await this.#extend(instance, this.#sim.anyKey())
    else if (name === 'take') await this.#take(instance)
    else await this.remove(instance, name)
    for (const key of this.#sim.lastKeys) this.peek(instance, key)
  }

  async remove(instance: SimulatedCache, how: RemoveName): Promise<void> {
    const { history } = this.#sim
    const target = this.#targetFor(instance, how)
    if (target === undefined) return
    const key = 'key' in target ? target.key : undefined
    const asked = history.asked(instance.name, key ?? this.#sim.anyKey())
    const act = (): Promise<void> => this.#removeAndTell(instance, how, target)
    if (key !== undefined) history.removing(asked, 1)
    await this.#attempt(instance, asked, { what: `remove ${JSON.stringify(target)}`, isOfKey: key !== undefined, act })
    if (key !== undefined) history.removing(asked, -1)
  }

  async #removeAndTell(instance: SimulatedCache, how: RemoveName, target: RemoveTarget): Promise<void> {
    const { history, timeline, plan } = this.#sim
    const asked = timeline.keysMeant(target).map((key) => history.asked(instance.name, key))
    const before = this.#removalsByIndex.get(instance) ?? 0
    if ('index' in target) this.#removalsByIndex.set(instance, before + 1)
    const { removed, bumps } = await instance.remove(target)
    this.#sim.saw(how, removed > 0)
    if ('ifVersion' in target && removed === 0) return
    const named = new Set(bumps.flatMap((bump) => bump.keys))
    // Of several removals by index only one learns what it removed.
    const isOnlyOne = this.#removalsByIndex.get(instance) === 1 && plan.push !== 'same store object'
    const isByThis = ({ key, removedFrom }: State): boolean => {
      return 'key' in target || named.has(key) || (isOnlyOne && removedFrom === instance.machine.name)
    }
    for (const each of asked) history.removed(each, isByThis)
    // One that fails stays: nobody knows what it did.
    if ('index' in target) this.#removalsByIndex.set(instance, this.#removalsByIndex.get(instance)! - 1)
  }

  async #create(instance: SimulatedCache): Promise<void> {
    const { history, plan } = this.#sim
    const key = this.#sim.newKey()
    if (key === undefined) return
    const value = this.#sim.newValue(key)
    const asked = history.asked(instance.name, key)
    const act = async (): Promise<void> => {
      const isCreated = await instance.create(`cookie of ${key}`, value, plan.idleMs)
      if (isCreated) history.written(asked, value)
    }
    await this.#attempt(instance, asked, { what: `create ${key}`, isOfKey: true, act })
  }

  async #replace(instance: SimulatedCache, key: string, bump: boolean): Promise<void> {
    const { history, timeline } = this.#sim
    const entry = instance.held.get(key)
    if (entry === undefined) return this.get(instance, key)
    const base = timeline.value(entry.value)
    const value = this.#sim.newValue(key, base)
    const asked = history.asked(instance.name, key)
    const what = `replace ${base.id} of ${key} by ${value.id} ${bump ? 'for all' : 'quietly'}`
    const act = async (): Promise<void> => {
      const outcome = await instance.replace(entry, value, { bump })
      this.#sim.saw(`replace: ${outcome}`)
      if (outcome === 'replaced') history.written(asked, value)
      else if (outcome === 'conflict') history.refused(asked, base)
      else history.absent(asked, 'l2')
    }
    await this.#attempt(instance, asked, { what, isOfKey: true, act })
  }

  async #extend(instance: SimulatedCache, key: string): Promise<void> {
    const { history, plan } = this.#sim
    const asked = history.asked(instance.name, key)
    const act = async (): Promise<void> => {
      const outcome = await instance.extend(key, plan.idleMs, instance.held.get(key))
      this.#sim.saw(`extend: ${outcome}`)
      if (outcome === 'absent') history.absent(asked, 'l2')
    }
    // In doubt memory goes on as before: whether a deadline has moved makes nothing untrue that it knows.
    await this.#attempt(instance, asked, { what: `extend ${key}`, isOfKey: false, act })
  }

  /** Makes something to be taken, or takes it, as others may do at the same time. */
  async #take(instance: SimulatedCache): Promise<void> {
    const { history, scheduler } = this.#sim
    if (this.#takeable.length === 0 || scheduler.random.chance(0.3)) {
      const value = this.#sim.newValue(`taken ${this.#takeable.length}`)
      this.#takeable.push(value.key)
      const asked = history.asked(instance.name, value.key)
      const act = (): Promise<unknown> => instance.create(value.key, value, 3_600_000)
      await this.#attempt(instance, asked, { what: `create ${value.key}`, isOfKey: true, act })
      return
    }
    const key = scheduler.random.pick(this.#takeable)
    const asked = history.asked(instance.name, key)
    const act = async (): Promise<void> => {
      const value = await instance.take(key)
      this.#sim.saw('taken', value !== undefined)
      history.took(asked, value)
    }
    await this.#attempt(instance, asked, { what: `take ${key}`, isOfKey: false, act })
  }

  #targetFor(instance: SimulatedCache, how: RemoveName): RemoveTarget | undefined {
    if (how === 'remove beside') return { key: this.#sim.anyNeighbour() }
    const key = this.#sim.anyKey()
    if (how === 'remove by key') return { key }
    if (how === 'remove by subject') {
      const except = this.#sim.scheduler.random.chance(0.3) ? { except: key } : {}
      return { index: 'subject', values: [this.#sim.anySubject()], ...except }
    }
    const version = instance.held.get(key)?.version
    return version === undefined ? undefined : { key, ifVersion: version }
  }

  async #attempt(instance: SimulatedCache, asked: Asked, { what, isOfKey, act }: Attempt): Promise<void> {
    this.#sim.tell(instance, `begins to ${what}`)
    const id = `${instance.name} ${asked.key}`
    this.#open.set(id, (this.#open.get(id) ?? 0) + 1)
    const acting = act()
    // Whoever asks now may see the one or the other.
    if (this.#sim.scheduler.random.chance(0.3) && !this.#takeable.includes(asked.key)) {
      this.get(instance, asked.key, true)
    }
    try {
      await acting
      this.#sim.tell(instance, `has done: ${what}`)
    } catch (error) {
      this.#failed(instance, asked, error)
      // Another write under way may yet be kept: if it was done, then upon what this one found.
      const isInDoubt = isOfKey && !(error instanceof BreakerOpenError)
      if (isInDoubt && this.#open.get(id) === 1) this.#sim.history.doubted(asked)
    }
    this.#open.set(id, this.#open.get(id)! - 1)
  }

  #found(instance: SimulatedCache, asked: Asked & { text: string }, { text, value, source }: Found): void {
    const { history } = this.#sim
    this.#sim.saw(`answer from ${source}`)
    this.#sim.tell(instance, `answers ${asked.key} with ${value.id} from ${source}`)
    if (text !== asked.text) history.violate(asked, `got what was opened for ${text}`)
    history.found(asked, value, source)
    if (instance.isTooFull) history.violate(asked, 'memory is fuller than it may be')
  }

  #absent(instance: SimulatedCache, asked: Asked, source: Source): void {
    this.#sim.saw(`absent by ${source}`)
    this.#sim.tell(instance, `answers ${asked.key} with nothing from ${source}`)
    this.#sim.history.absent(asked, source)
  }

  #failed(instance: SimulatedCache, asked: Asked, error: unknown): void {
    this.#sim.saw('not answered')
    this.#sim.tell(instance, `gets no answer: ${String(error)}`)
    this.#sim.history.failed(asked, error)
  }
}
