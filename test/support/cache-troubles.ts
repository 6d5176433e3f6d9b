import type { CacheSimulation, LossName } from './cache-simulation.ts'
import type { SimulatedCache } from './simulated-cache.ts'

const hourMs = 3_600_000

/** Where and for how long: `forMs` is up to twice D. */
interface Trouble {
  sim: CacheSimulation
  instance: SimulatedCache
  forMs: number
}

/** What may befall an instance, or the store. */
const troubles = {
  stop: ({ instance, forMs }) => instance.machine.stop(forMs),
  suspend({ sim, instance, forMs }) {
    instance.machine.suspend(forMs)
    for (const { machine, name } of sim.instances) if (machine === instance.machine) sim.history.slept(name, forMs)
  },
  'wall step'({ sim, instance, forMs }) {
    const { random } = sim.scheduler
    // A machine that sleeps while its clock is set back by as much is outside of the promise.
    const steps = sim.plan.troubles.includes('suspend') ? [forMs, hourMs] : [-hourMs, -forMs, -forMs, forMs]
    instance.machine.stepWall(random.pick(steps))
    if (random.chance(0.5)) cut({ sim, instance, forMs: 2 * forMs }, 'epochs')
  },
  kill({ sim, instance }) {
    instance.machine.kill()
    sim.instances.splice(0, Infinity, ...sim.instances.filter(({ machine }) => !machine.isDead))
    return sim.start(sim.plan.instances - sim.instances.length)
  },
  'polls lost': (trouble) => cut(trouble, 'epochs'),
  'cut off': (trouble) => cut(trouble),
  'many bumps': ({ sim }) => void sim.removeMuchOutside(sim.anyKey()),
  'store clock step': ({ sim }) => sim.stepStoreClock(sim.scheduler.random.pick([-hourMs, hourMs])),
  'store down': ({ sim, forMs }) => stopStore(sim, forMs / 4),
  restored: (trouble) => lose(trouble, 'restored'),
  replaced: (trouble) => lose(trouble, 'replaced'),
  moved: (trouble) => lose(trouble, 'moved'),
  /** A poll is answered that tells of an end, and before that arrives another store is in place, and written to. */
  'moved during a poll'({ sim }) {
    sim.removeOutside('it', sim.anyKey())
    sim.ambush('epochs', () => {
      void sim.lose('moved', 0)
      for (const instance of sim.instances) {
        void sim.requests.write(instance, 'remove beside')
        sim.cut(instance, 'epochs')
      }
    })
  },
  /** What the store lost was announced, and that arrives when nobody expects it any more. */
  'late push'({ sim }) {
    const { scheduler, plan } = sim
    const key = sim.anyKey()
    sim.holdPushes()
    sim.removeOutside('a neighbour', key)
    scheduler.schedule(1, () => stopStore(sim, 20, () => sim.lose('replaced', 1)))
    scheduler.schedule(plan.maxStalenessMs / 2, () => sim.requests.askAll(key))
    scheduler.schedule(plan.maxStalenessMs / 2 + scheduler.random.between(20, 80), () => {
      sim.removeOutside('it', key)
      sim.ambush('epochs', () => {
        sim.releasePushes()
        for (const instance of sim.instances) sim.cut(instance, 'epochs')
      })
    })
  },
} satisfies Record<string, (trouble: Trouble) => SimulatedCache[] | void>

export type TroubleName = keyof typeof troubles

/** Returns the instances that were started because of it. */
export function befall(sim: CacheSimulation, name: TroubleName): SimulatedCache[] {
  const { random } = sim.scheduler
  const { maxStalenessMs } = sim.plan
  const instance = random.pick(sim.instances)
  sim.saw(name)
  sim.tell(instance, name)
  const happen: (trouble: Trouble) => SimulatedCache[] | void = troubles[name]
  return happen({ sim, instance, forMs: random.between(20, 2 * maxStalenessMs) }) ?? []
}

function cut({ sim, instance, forMs }: Trouble, only?: string): void {
  sim.scheduler.schedule(forMs, sim.cut(instance, only))
}

/** What was just written is lost, before or after its writer was told that it was. */
function lose({ sim, forMs }: Trouble, how: LossName): void {
  const { random } = sim.scheduler
  const downMs = random.chance(0.7) ? 20 : 20 + forMs / 4
  const happen = (): void => stopStore(sim, downMs, () => sim.lose(how, random.below(8)))
  if (random.chance(0.3)) happen()
  else sim.ambush(random.pick(['create', 'replace', 'extend', 'remove']), happen)
}

/** The store refuses everything for a while, and is another one then. */
function stopStore(sim: CacheSimulation, forMs: number, then?: () => Promise<void>): void {
  sim.host.isDown = true
  sim.scheduler.schedule(forMs, () => {
    sim.host.isDown = false
    // What was overwritten meanwhile is not lost once all is well.
    if (!sim.isPeaceful) void then?.()
  })
}
