import type { Trace } from './trace.ts'

/** Keys are below this, so that a moment and a key fit into one number that sorts by the moment. */
const keyLimit = 2 ** 23

/** Requests noted in any order, to be told in that of time. Keys are handed out here. */
export class Timeline {
  #notes = new Float64Array(1_024)
  #length = 0
  #keys = 0

  get length(): number {
    return this.#length
  }

  /** The first of so many new keys. */
  newKeys(count: number): number {
    const first = this.#keys
    this.#keys += count
    if (this.#keys > keyLimit) throw new RangeError(`a workload has at most ${keyLimit} keys`)
    return first
  }

  note(seconds: number, key: number): void {
    if (this.#length === this.#notes.length) {
      const larger = new Float64Array(2 * this.#length)
      larger.set(this.#notes)
      this.#notes = larger
    }
    this.#notes[this.#length++] = Math.floor(seconds * 1_000) * keyLimit + key
  }

  trace(name: string): Trace {
    const notes = this.#notes.subarray(0, this.#length).sort()
    return { name, requests: Int32Array.from(notes, (note) => note % keyLimit), keys: this.#keys }
  }
}
