import type { Machine, Scheduler } from './scheduler.ts'
import type { SeededRandom } from './seeded-random.ts'

/** How long one way takes, in milliseconds. Each kind makes other orders likely; none makes any impossible. */
export type Latency = (random: SeededRandom, operation: string) => number

export const latencies = {
  quick: (random) => random.between(0, 4),
  even: (random) => random.between(0, 60),
  slow: (random) => random.between(0, 300),
  /** A value takes its time, the numbers of a poll do not. */
  slowReads: (random, operation) => random.between(0, operation === 'read' ? 250 : 20),
  bursty: (random) => (random.chance(0.85) ? random.between(0, 10) : random.between(0, 400)),
} satisfies Record<string, Latency>

export const anyLatency: readonly Latency[] = Object.values(latencies)

/** What becomes of a call that does not get through. `cut`: it took effect, and yet an error comes back. */
export type Trouble = 'request lost' | 'reply lost' | 'refused' | 'cut'

/** The way from a machine to somebody who answers. Calls overtake each other, and so do answers. */
export class Link {
  readonly machine: Machine
  latency: Latency
  /** Asked once for every call. */
  trouble: (operation: string) => Trouble | undefined = () => undefined
  readonly #scheduler: Scheduler

  constructor(scheduler: Scheduler, machine: Machine, latency: Latency) {
    this.#scheduler = scheduler
    this.machine = machine
    this.latency = latency
  }

  /** `serve` runs when the call arrives, and must answer without waiting for anything that takes time. */
  call<R>(operation: string, serve: () => Promise<R>): Promise<R> {
    const trouble = this.trouble(operation)
    return new Promise<R>((resolve, reject) => {
      const back = (outcome: () => void): void => {
        if (trouble !== 'reply lost') this.#later(operation, outcome, this.machine)
      }
      if (trouble === 'refused') back(() => reject(new Error('connection refused')))
      else if (trouble !== 'request lost') {
        this.#later(operation, () => {
          // Who died may have died before the last words were out.
          if (this.machine.isDead && this.#scheduler.random.chance(0.5)) return
          serve().then(
            (reply) => back(() => (trouble === 'cut' ? reject(new Error('connection reset')) : resolve(reply))),
            (error: unknown) => back(() => reject(error)),
          )
        })
      }
      this.#scheduler.trace?.(
        `${this.machine.name}: ${operation} leaves${trouble === undefined ? '' : ` (${trouble})`}`,
      )
    })
  }

  #later(operation: string, callback: () => void, owner?: Machine): void {
    this.#scheduler.schedule(this.latency(this.#scheduler.random, operation), callback, owner)
  }
}
