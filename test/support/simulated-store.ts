import type { Bump, Push, Store } from '../../src/cache/store.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import type { Link } from './link.ts'
import type { Machine, Scheduler } from './scheduler.ts'

/** Told of every operation when it takes effect: the one order in which all instances' operations happened. */
export type Witness = (operation: string, args: readonly unknown[], reply: unknown) => void

/** A channel on which a store announces bumps: late, out of order, and sometimes not at all. */
export class PushBus {
  readonly #scheduler: Scheduler
  readonly #lossRate: number
  readonly #listeners = new Map<(push: Push) => void, Link>()

  constructor(scheduler: Scheduler, lossRate: number) {
    this.#scheduler = scheduler
    this.#lossRate = lossRate
  }

  subscribe(link: Link, listener: (push: Push) => void): () => void {
    this.#listeners.set(listener, link)
    return () => this.#listeners.delete(listener)
  }

  announce(incarnation: string, bumps: readonly Bump[]): void {
    const { random } = this.#scheduler
    for (const bump of bumps) {
      for (const [listener, { latency, machine }] of this.#listeners) {
        if (random.chance(this.#lossRate)) continue
        this.#scheduler.schedule(latency(random, 'push'), () => listener({ incarnation, bump }), machine)
      }
    }
  }
}

/** What stands behind an address: usually the same store, until somebody puts another there or restores a backup. */
export class StoreHost {
  readonly machine: Machine
  store: Store
  incarnation: string = ''

  constructor(machine: Machine) {
    this.machine = machine
    this.store = memoryStore({ clock: machine })
  }

  async start(): Promise<void> {
    this.incarnation = (await this.store.epochs([])).incarnation
  }

  /** All that was stored is gone, as after the restore of an older backup, or with another store in its place. */
  async lose(as: 'restored' | 'another'): Promise<void> {
    this.store = memoryStore({ clock: this.machine })
    if (as === 'another') await this.start()
  }
}

export interface SimulatedStoreOptions {
  link: Link
  witness: Witness
  bus: PushBus | undefined
}

type Call<A extends unknown[], R> = (...args: A) => Promise<R>

/** A store at the other end of a link: every operation arrives, takes effect and is answered at times of their own. */
export function simulatedStore(host: StoreHost, { link, witness, bus }: SimulatedStoreOptions): Store {
  const { name, capabilities } = host.store
  function over<A extends unknown[], R>(operation: string, method: (store: Store) => Call<A, R>): Call<A, R> {
    return (...args) =>
      link.call(operation, async () => {
        const { store, incarnation } = host
        const reply = await method(store).apply(store, args)
        witness(operation, args, reply)
        bus?.announce(incarnation, (reply as { bumps?: Bump[] } | undefined)?.bumps ?? [])
        return reply
      })
  }
  return {
    name,
    // No sweeps: they would keep a run going for ever.
    cleanupIntervalSec: 0,
    capabilities: { ...capabilities, push: bus !== undefined },
    init: over('init', (store) => store.init),
    read: over('read', (store) => store.read),
    create: over('create', (store) => store.create),
    replace: over('replace', (store) => store.replace),
    extend: over('extend', (store) => store.extend),
    take: over('take', (store) => store.take),
    remove: over('remove', (store) => store.remove),
    list: over('list', (store) => store.list),
    epochs: over('epochs', (store) => async (known) => ({
      ...(await store.epochs(known)),
      incarnation: host.incarnation,
    })),
    ping: over('ping', (store) => store.ping),
    sweep: (limit) => host.store.sweep(limit),
    stats: () => host.store.stats(),
    close: async () => {},
    ...(bus === undefined ? {} : { subscribe: (listener) => bus.subscribe(link, listener) }),
  }
}
