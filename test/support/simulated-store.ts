import type { Bump, Store } from '../../src/cache/store.ts'
import type { Clock } from '../../src/shared/clock.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import type { Link } from './link.ts'
import type { Machine, Scheduler } from './scheduler.ts'

/** Told of every operation when it takes effect: the one order in which all instances' operations happened. */
export type Witness = (operation: string, args: readonly unknown[], reply: unknown) => void

export interface BusWeather {
  /** How many of the messages never arrive. */
  lossRate: number
  /** How many arrive twice. */
  duplicateRate?: number
  /** How many are held up on the way, for up to `heldUpMs`. */
  heldUpRate?: number
  heldUpMs?: number
}

/** A channel on which a store announces bumps: late, out of order, twice, and sometimes not at all. */
export class PushBus {
  readonly #scheduler: Scheduler
  readonly #weather: Required<BusWeather>
  readonly #listeners = new Map<(bump: Bump) => void, Link>()
  readonly #heldUp = new Set<() => void>()
  /** Whether everything is held up until somebody lets it go. */
  isBlocked: boolean = false

  constructor(scheduler: Scheduler, weather: BusWeather) {
    this.#scheduler = scheduler
    this.#weather = { duplicateRate: 0, heldUpRate: 0, heldUpMs: 0, ...weather }
  }

  subscribe(link: Link, listener: (bump: Bump) => void): () => void {
    this.#listeners.set(listener, link)
    return () => this.#listeners.delete(listener)
  }

  announce(bumps: readonly Bump[]): void {
    const { random } = this.#scheduler
    for (const bump of bumps) {
      for (const [listener, link] of this.#listeners) {
        if (random.chance(this.#weather.lossRate)) continue
        this.#deliver(link, () => listener(bump))
        if (random.chance(this.#weather.duplicateRate)) this.#deliver(link, () => listener(bump))
      }
    }
  }

  /** What is held up arrives soon. */
  releaseAll(): void {
    this.isBlocked = false
    for (const release of this.#heldUp) release()
    this.#heldUp.clear()
  }

  #deliver({ latency, machine }: Link, message: () => void): void {
    const { random } = this.#scheduler
    const { heldUpRate, heldUpMs } = this.#weather
    const arrive = (): void => {
      this.#scheduler.trace?.(`${machine.name}: a push arrives`)
      message()
    }
    if (this.isBlocked || random.chance(heldUpRate)) {
      const later = this.#scheduler.schedule(this.isBlocked ? Infinity : random.between(0, heldUpMs), arrive, machine)
      this.#heldUp.add(() => {
        later.cancel()
        this.#scheduler.schedule(latency(random, 'push'), arrive, machine)
      })
    } else this.#scheduler.schedule(latency(random, 'push'), arrive, machine)
  }
}

/** A write as it took effect, to be done again when a store is restored. */
interface Effect {
  operation: WriteOperation
  args: readonly unknown[]
  wall: number
}

const writeOperations = ['init', 'create', 'replace', 'extend', 'take', 'remove'] as const
type WriteOperation = (typeof writeOperations)[number]

export const firstIncarnation = 'store 1'

/** What stands behind an address: usually the same store, until somebody puts another there or restores a backup. */
export class StoreHost {
  machine: Machine
  store: Store
  incarnation: string = firstIncarnation
  /** Refuses every call. */
  isDown: boolean = false
  readonly #effects: Effect[] = []

  constructor(machine: Machine) {
    this.machine = machine
    this.store = memoryStore({ clock: machine })
  }

  /** How many writes have taken effect: what `lose` can keep. */
  get effects(): number {
    return this.#effects.length
  }

  /** Does an operation at the store as it is now, and remembers what it wrote. */
  async serve<R>(operation: string, args: readonly unknown[]): Promise<R> {
    if (this.isDown) throw new Error('connection refused')
    if (isWrite(operation)) this.#effects.push({ operation, args, wall: this.machine.wall() })
    const { incarnation } = this
    const reply: unknown = await invoke(this.store, operation, args)
    return named(reply, incarnation) as R
  }

  /**
   * What was written last is gone, as after the restore of a backup, or with another store in its place. Only the
   * first `keep` writes are there, as they were made then. The store may run on another `machine` from now on.
   */
  lose(as: 'restored' | 'another', keep = 0, machine: Machine = this.machine): void {
    this.#effects.length = Math.max(0, Math.min(this.#effects.length, keep))
    if (as === 'another') this.incarnation = `store ${Number(this.incarnation.slice('store '.length)) + 1}`
    this.machine = machine
    let replayedWall: number | undefined
    const clock: Clock = {
      monotonic: () => machine.monotonic(),
      wall: () => replayedWall ?? machine.wall(),
      setTimer: (callback, afterMs) => machine.setTimer(callback, afterMs),
    }
    this.store = memoryStore({ clock })
    for (const { operation, args, wall } of this.#effects) {
      replayedWall = wall
      void invoke(this.store, operation, args)
    }
    replayedWall = undefined
  }
}

/** The reply as that of a store of this name: the one behind the host makes up its own. */
function named(reply: unknown, incarnation: string): unknown {
  if (typeof reply !== 'object' || reply === null) return reply
  const told: { incarnation?: string; bumps?: Bump[]; recent?: Bump[] } = { ...reply }
  const ofIt = (bump: Bump): Bump => ({ ...bump, incarnation })
  if (told.bumps !== undefined) told.bumps = told.bumps.map(ofIt)
  if (told.recent !== undefined) told.recent = told.recent.map(ofIt)
  if (told.incarnation !== undefined) told.incarnation = incarnation
  return told
}

export function isWrite(operation: string): operation is WriteOperation {
  return (writeOperations as readonly string[]).includes(operation)
}

function invoke(store: Store, operation: string, args: readonly unknown[]): Promise<unknown> {
  const method = store[operation as keyof Store] as (...args: readonly unknown[]) => Promise<unknown>
  return method.apply(store, args as unknown[])
}

export interface SimulatedStoreOptions {
  link: Link
  witness: Witness
  bus: PushBus | undefined
}

/** A store at the other end of a link: every operation arrives, takes effect and is answered at times of their own. */
export function simulatedStore(host: StoreHost, { link, witness, bus }: SimulatedStoreOptions): Store {
  const { name, capabilities } = host.store
  function over<A extends unknown[], R>(operation: string): (...args: A) => Promise<R> {
    return (...args) =>
      link.call(operation, async () => {
        const reply = await host.serve<R>(operation, args)
        witness(operation, args, reply)
        if (bus !== undefined) bus.announce((reply as { bumps?: Bump[] } | undefined)?.bumps ?? [])
        return reply
      })
  }
  return {
    name,
    // No sweeps: they would keep a run going for ever.
    cleanupIntervalSec: 0,
    capabilities: { ...capabilities, push: bus !== undefined },
    init: over('init'),
    read: over('read'),
    create: over('create'),
    replace: over('replace'),
    extend: over('extend'),
    take: over('take'),
    remove: over('remove'),
    list: over('list'),
    epochs: over('epochs'),
    ping: over('ping'),
    sweep: (limit) => host.store.sweep(limit),
    stats: () => host.store.stats(),
    close: async () => {},
    ...(bus === undefined ? {} : { subscribe: (listener) => bus.subscribe(link, listener) }),
  }
}
