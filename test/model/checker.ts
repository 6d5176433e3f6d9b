import { layoutOf, type Layout } from './layout.ts'
import { StateSet } from './state-set.ts'
import { describeTrace, type TraceStep } from './trace.ts'

/** Offers what may happen next: its name, and what it does to the state. */
export type Step<S> = (name: string, effect: (state: S) => void) => void

/** A finite system: where it starts, what may happen next, and what must never be. */
export interface Model<S> {
  readonly name: string
  /** The first state, a new one at every call; for its shape see `layoutOf`. */
  start(): S
  /** Offers everything that may happen in this state, which it must not change. */
  steps(state: S, step: Step<S>): void
  /** The name of an invariant that the state breaks. */
  broken(state: S): string | undefined
}

export interface Verdict {
  /** Different states that can be reached; with a violation, those met before it. */
  states: number
  violation?: { invariant: string; trace: string }
}

/** A model with more states than this was given wrong bounds. */
const maxStates = 20_000_000

/** Visits every reachable state, breadth first, so that the way to the first violation is one of the shortest. */
export function check<S>(model: Model<S>): Verdict {
  return new Search(model).run()
}

class Search<S> {
  readonly #model: Model<S>
  readonly #layout: Layout<S>
  readonly #states: StateSet
  /** The state looked at, and the one that a step makes of it; used again and again. */
  readonly #current: S
  readonly #next: S
  readonly #bytes: Uint8Array
  readonly #words: Uint32Array

  constructor(model: Model<S>) {
    this.#model = model
    this.#current = model.start()
    this.#next = model.start()
    this.#layout = layoutOf(this.#next)
    this.#bytes = new Uint8Array(this.#layout.bytes)
    this.#words = new Uint32Array(this.#bytes.buffer)
    this.#states = new StateSet(this.#words.length)
  }

  run(): Verdict {
    this.#layout.write(this.#next, this.#bytes)
    this.#states.add(this.#words, -1)
    let index = 0
    const step: Step<S> = (_, effect) => {
      this.#after(index, effect)
      this.#states.add(this.#words, index)
    }
    for (; index < this.#states.size; index++) {
      this.#load(index, this.#current)
      const invariant = this.#model.broken(this.#current)
      if (invariant !== undefined) return { states: index + 1, violation: { invariant, trace: this.#traceTo(index) } }
      if (this.#states.size > maxStates) throw new Error(`${this.#model.name}: over ${maxStates} states`)
      this.#model.steps(this.#current, step)
    }
    return { states: this.#states.size }
  }

  #load(index: number, state: S): void {
    this.#states.load(index, this.#words)
    this.#layout.read(this.#bytes, state)
  }

  /** Leaves in the bytes what the effect makes of a state. */
  #after(index: number, effect: (state: S) => void): void {
    this.#load(index, this.#next)
    effect(this.#next)
    this.#layout.write(this.#next, this.#bytes)
  }

  #traceTo(index: number): string {
    const path = [index]
    for (let at = this.#states.parentOf(index); at >= 0; at = this.#states.parentOf(at)) path.unshift(at)
    const trace = path.map((at, i): TraceStep => {
      const state = this.#model.start()
      this.#load(at, state)
      return { name: i === 0 ? '' : this.#stepBetween(path[i - 1]!, at), state }
    })
    return describeTrace(trace)
  }

  /** Names are not kept with the states: the step is found again by trying all. */
  #stepBetween(from: number, to: number): string {
    const wanted = new Uint32Array(this.#words.length)
    this.#states.load(to, wanted)
    const names: string[] = []
    this.#load(from, this.#current)
    this.#model.steps(this.#current, (name, effect) => {
      this.#after(from, effect)
      if (this.#words.every((word, i) => word === wanted[i])) names.push(name)
    })
    return names[0]!
  }
}
