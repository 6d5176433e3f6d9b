import { bucketOf } from '../../src/cache/bucket.ts'
import type { Store } from '../../src/cache/store.ts'
import { bucketCount } from '../../src/stores/rules/bumps.ts'
import { brief } from './brief.ts'
import { CacheHistory } from './cache-history.ts'
import type { CachePlan } from './cache-plan.ts'
import { CacheRequests } from './cache-requests.ts'
import type { TroubleName } from './cache-troubles.ts'
import { latencies, Link } from './link.ts'
import type { Latency, Trouble } from './link.ts'
import type { Machine, Scheduler } from './scheduler.ts'
import { seededRandom } from './seeded-random.ts'
import { SimulatedCache } from './simulated-cache.ts'
import { firstIncarnation, PushBus, simulatedStore, StoreHost } from './simulated-store.ts'
import { encode, StoreTimeline } from './store-timeline.ts'
import type { Value } from './store-timeline.ts'

const [oneBucket, another] = [bucketOf('a', bucketCount), bucketOf('b', bucketCount)]
/** Most are in the same bucket: what happens to one concerns its neighbours. */
const keys = [...keysOf(oneBucket, 15), ...keysOf(another, 5)]
  // Mixed, but always alike.
  .sort((a, b) => bucketOf(a, 1_000_003) - bucketOf(b, 1_000_003))
/** Nobody uses these, one of each bucket. */
const neighbours = [keysOf(oneBucket, 16).at(-1)!, keysOf(another, 6).at(-1)!]
const subjects = ['alice', 'bob']
const mishaps: readonly Trouble[] = ['request lost', 'reply lost', 'refused', 'cut']
const hourMs = 3_600_000
/** After these it is known how long an entry is there. */
const lasting: ReadonlySet<string> = new Set(['create', 'extend'])
/** One way, while all is well. */
const peacefulMs = 2

/** Restored from a backup, replaced by another that is a copy of it, or by another, empty one. */
export type LossName = 'restored' | 'replaced' | 'moved'

/** Caches that share one store, and a checker who sees everything. */
export class CacheSimulation {
  readonly scheduler: Scheduler
  readonly plan: CachePlan
  readonly host: StoreHost
  readonly timeline: StoreTimeline
  readonly history: CacheHistory
  readonly requests: CacheRequests
  readonly instances: SimulatedCache[] = []
  /** What has happened at least once, so that a run in which nothing did does not pass for one that went well. */
  readonly seen: Set<string> = new Set()
  readonly #bus: PushBus | undefined
  /** Somebody who writes without any delay. */
  readonly #outside: Store
  /** Called when an operation of this kind has taken effect. */
  readonly #ambushes = new Map<string, (key: string | undefined) => void>()
  #started = 0
  #keysUsed = 0
  #isPeaceful = true

  constructor(scheduler: Scheduler, plan: CachePlan) {
    this.scheduler = scheduler
    this.plan = plan
    this.host = new StoreHost(scheduler.machine('store'))
    const now = (): number => scheduler.now()
    this.timeline = new StoreTimeline(now, () => this.host.machine.wall())
    this.history = new CacheHistory({ ...plan, now, timeline: this.timeline })
    this.history.isCalm = isCalm(plan)
    this.requests = new CacheRequests(this)
    this.#bus = busFor(scheduler, plan)
    this.#outside = this.#place('outside', () => 0).store
    this.start(plan.instances)
  }

  /** Starts more instances. */
  start(howMany: number): SimulatedCache[] {
    const shared = this.plan.push === 'same store object' ? this.#placeOfInstance() : undefined
    const started = Array.from({ length: howMany }, () => {
      const place = shared ?? this.#placeOfInstance()
      const name = 'ABCDEFGHIJKLMNOP'[this.#started++]!
      const randomness = seededRandom(this.scheduler.random.below(2 ** 32))
      return new SimulatedCache({ ...place, name, plan: this.plan, timeline: this.timeline, randomness })
    })
    this.instances.push(...started)
    return started
  }

  get isPeaceful(): boolean {
    return this.#isPeaceful
  }

  /** In peace nothing gets lost or late. */
  makePeace(isPeaceful: boolean): void {
    this.#isPeaceful = isPeaceful
    if (isPeaceful) this.host.isDown = false
  }

  saw(event: string, happened: boolean = true): void {
    if (happened) this.seen.add(event)
  }

  tell({ name }: { name: string }, what: string): void {
    this.scheduler.trace?.(`${name}: ${what}`)
  }

  /** Loses calls of one kind, or all. Returns how to stop that. */
  cut({ toStore }: SimulatedCache, only?: string): () => void {
    const before = toStore.trouble
    toStore.trouble = (operation) => {
      const isCut = !this.#isPeaceful && (only === undefined || operation === only)
      return isCut ? 'request lost' : before(operation)
    }
    return () => void (toStore.trouble = before)
  }

  /** The last keys that were used, oldest first. */
  get lastKeys(): readonly string[] {
    return keys.slice(Math.max(0, this.#keysUsed - 3), this.#keysUsed)
  }

  /** A key that is used: most often the newest one that is there. */
  anyKey(): string {
    const { random } = this.scheduler
    const isPresent = (key: string): boolean => this.timeline.presentAt(key) !== undefined
    if (random.chance(0.6)) return this.lastKeys.findLast(isPresent) ?? this.lastKeys.at(-1)!
    return random.chance(0.6) ? random.pick(this.lastKeys) : keys[random.below(this.#keysUsed)]!
  }

  anyNeighbour(): string {
    return this.scheduler.random.pick(neighbours)
  }

  anySubject(): string {
    return this.scheduler.random.pick(subjects)
  }

  /** `undefined`: all are used. */
  newKey(): string | undefined {
    return this.#keysUsed === keys.length ? undefined : keys[this.#keysUsed++]
  }

  newValue(key: string, base?: Value): Value {
    return this.timeline.newValue(key, base?.subject ?? this.anySubject(), base)
  }

  /** Somebody else creates something. */
  createOutside(): void {
    const value = this.newValue(this.newKey()!)
    const { key, subject } = value
    const lifetime = { idleMs: this.plan.idleMs }
    void this.#outside.create({ key, value: encode(value.id), lifetime, indexes: { subject } }).catch(() => {})
  }

  /** Somebody else changes or ends what is under the key, at this moment. */
  writeOutside(key: string): void {
    const { random } = this.scheduler
    const present = this.timeline.presentAt(key)
    const writing =
      present === undefined || random.chance(0.4)
        ? this.#outside.remove({ key })
        : this.#outside.replace(key, present.version, {
            value: encode(this.newValue(key, present.value).id),
            bump: random.chance(0.6),
          })
    // The store may be down.
    writing.catch(() => {})
    if (random.chance(0.3)) this.removeOutside('a neighbour', key)
  }

  /** Somebody else removes what is under the key, or what nobody uses, in the bucket of that key. */
  removeOutside(what: 'it' | 'a neighbour', key: string): void {
    this.#outside.remove({ key: what === 'it' ? key : neighbourOf(key) }).catch(() => {})
  }

  /** Somebody else makes more changes at once than a poll tells of one by one. */
  async removeMuchOutside(key: string): Promise<void> {
    try {
      await this.#outside.remove({ key })
      for (let i = 0; i < 10; i++) await this.#outside.remove({ key: neighbourOf(key) })
    } catch {
      // The store is down.
    }
  }

  /** Calls `then` as soon as the next operation of this kind has taken effect, with the key it was about. */
  ambush(operation: string, then: (key: string) => void): void {
    this.#ambushes.set(operation, (key) => {
      this.#ambushes.delete(operation)
      this.saw(`ambush of ${operation}`)
      then(key ?? this.anyKey())
    })
  }

  /** No push arrives until all are let go. */
  holdPushes(): void {
    if (this.#bus !== undefined) this.#bus.isBlocked = true
  }

  releasePushes(): void {
    this.#bus?.releaseAll()
  }

  /** The store loses what was written last: so many writes, or with another empty store all. */
  async lose(wanted: LossName, writes: number): Promise<void> {
    // The clock of a replacement may be behind the numbers of its copy: then they rise by one, and who restored it would
    // have it use them twice. That is outside of the promise.
    const how = wanted === 'restored' && this.host.incarnation !== firstIncarnation ? 'replaced' : wanted
    const kept = how === 'moved' ? 0 : this.host.effects - writes
    if (how === 'restored') this.host.lose('restored', kept)
    else this.host.lose('another', kept, this.#machineWithAnotherTime(how === 'moved' ? hourMs : 200))
    this.scheduler.trace?.(`store: ${how}, of ${this.host.effects} writes`)
    const { entries } = await this.host.store.read(this.timeline.keys)
    const { numbers } = await this.host.store.epochs([])
    const { forgivesLosses } = this.plan
    const mustKnow = how !== 'restored' || !forgivesLosses
    const knowing = new Set<string>()
    for (const instance of this.instances) {
      for (const bucket of [oneBucket, another]) {
        if (mustKnow || instance.knowsMoreThan(numbers, bucket)) knowing.add(`${instance.name} ${bucket}`)
      }
    }
    this.saw('a restore that is noticed', how === 'restored' && knowing.size > 0)
    this.#watch(this.timeline.keys, this.plan.maxStalenessMs)
    this.timeline.lost(entries, {
      at: this.scheduler.now(),
      kept: forgivesLosses ? this.host.effects : Infinity,
      isAnother: how !== 'restored',
      mustNotice: (instance, bucket) => knowing.has(`${instance} ${bucket}`),
    })
  }

  stepStoreClock(ms: number): void {
    this.scheduler.trace?.(`store: clock steps by ${ms} ms`)
    this.host.machine.stepWall(ms)
    this.timeline.stepped()
  }

  /** Looks at all instances as soon as none may answer any more with what there was until now. */
  #watch(changed: readonly string[], afterMs: number): void {
    for (const instance of this.instances) {
      const look = (): void => changed.forEach((key) => this.requests.peek(instance, key))
      this.scheduler.schedule(afterMs + 2, look, instance.machine)
    }
  }

  #machineWithAnotherTime(upToMs: number): Machine {
    const machine = this.scheduler.machine('another store')
    // Most often behind: its numbers are then lower than those of the store before.
    machine.stepWall(Math.round(this.scheduler.random.between(-10 * upToMs, upToMs)))
    return machine
  }

  #placeOfInstance(): { machine: Machine; toStore: Link; store: Store } {
    const { latency, lossRate, pollLossRate } = this.plan
    const { random } = this.scheduler
    const place = this.#place(`machine of ${'ABCDEFGHIJKLMNOP'[this.#started]}`, (_, operation) => {
      return this.#isPeaceful ? random.between(0, peacefulMs) : latency(random, operation)
    })
    place.toStore.trouble = (operation) => {
      const rate = operation === 'epochs' ? Math.max(lossRate, pollLossRate) : lossRate
      return rate > 0 && !this.#isPeaceful && random.chance(rate) ? random.pick(mishaps) : undefined
    }
    return place
  }

  #place(name: string, latency: Latency): { machine: Machine; toStore: Link; store: Store } {
    const machine = this.scheduler.machine(name)
    const toStore = new Link(this.scheduler, machine, latency)
    const witness = (operation: string, args: readonly unknown[], reply: unknown): void => {
      this.scheduler.trace?.(`store: ${operation} of ${name}: ${brief(args)} -> ${brief(reply)}`)
      const changed = this.timeline.witness(operation, args, reply, name)
      if (changed.length > 0) this.#watch(changed, this.plan.maxStalenessMs)
      if (this.plan.idleMs < hourMs && lasting.has(operation)) this.#watch(this.lastKeys, this.plan.idleMs)
      if (name !== 'outside') this.#ambushes.get(operation)?.(keyIn(args))
    }
    return { machine, toStore, store: simulatedStore(this.host, { link: toStore, witness, bus: this.#bus }) }
  }
}

/** Whether nothing happens that could keep the store from answering in time. */
function isCalm({ latency, lossRate, operationTimeoutMs, troubles }: CachePlan): boolean {
  const harmless: readonly TroubleName[] = ['wall step', 'kill', 'polls lost', 'many bumps']
  const isQuick = latency === latencies.quick && operationTimeoutMs > 100
  return isQuick && lossRate === 0 && troubles.every((trouble) => harmless.includes(trouble))
}

function busFor(scheduler: Scheduler, { push, maxStalenessMs }: CachePlan): PushBus | undefined {
  if (push === 'bus') return new PushBus(scheduler, { lossRate: 0 })
  if (push !== 'bad bus') return undefined
  return new PushBus(scheduler, { lossRate: 0.3, duplicateRate: 0.2, heldUpRate: 0.5, heldUpMs: 2 * maxStalenessMs })
}

function neighbourOf(key: string): string {
  return neighbours.find((neighbour) => bucketOf(neighbour, bucketCount) === bucketOf(key, bucketCount))!
}

/** The key an operation is about, if it is one of those that are used. */
function keyIn([first]: readonly unknown[]): string | undefined {
  const key: unknown = Array.isArray(first) ? first[0] : first
  return typeof key === 'string' && keys.includes(key) ? key : undefined
}

function keysOf(bucket: number, howMany: number): string[] {
  const found: string[] = []
  for (let i = 0; found.length < howMany; i++) if (bucketOf(`key-${i}`, bucketCount) === bucket) found.push(`key-${i}`)
  return found
}
