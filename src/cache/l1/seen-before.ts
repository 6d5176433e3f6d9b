/** Longer ones are not remembered: what is remembered must stay small. */
const maxLength = 64

/**
 * Which texts, property names and shapes of objects values have in common: memory keeps those once, however many
 * values have them. Of each kind at most `max` are remembered; then all are forgotten, and the common ones are soon
 * known again.
 */
export class SeenBefore {
  readonly #max: number
  readonly #texts = new Set<string>()
  readonly #names = new Map<string, number>()
  readonly #shapes = new Set<number>()
  /** Of the object being looked at: a hash of its names in their order; `undefined` once one of them is new. */
  #shape: number | undefined

  constructor(max: number) {
    this.#max = max
  }

  text(text: string): boolean {
    if (this.#texts.has(text)) return true
    if (this.#texts.size >= this.#max) this.#texts.clear()
    this.#texts.add(text)
    return false
  }

  beginShape(): void {
    this.#shape = 0
  }

  /** The next name of the object. */
  name(name: string): boolean {
    const number = this.#names.get(name)
    if (number === undefined) {
      this.#shape = undefined
      this.#learn(name)
      return false
    }
    if (this.#shape !== undefined) this.#shape = mixed(this.#shape ^ number)
    return true
  }

  /** Whether an object of the same names in the same order was seen before. */
  endShape(): boolean {
    if (this.#shape === undefined) return false
    if (this.#shapes.has(this.#shape)) return true
    if (this.#shapes.size >= this.#max) this.#shapes.clear()
    this.#shapes.add(this.#shape)
    return false
  }

  #learn(name: string): void {
    if (name.length > maxLength) return
    if (this.#names.size >= this.#max) {
      this.#names.clear()
      this.#shapes.clear()
    }
    this.#names.set(name, this.#names.size + 1)
  }
}

function mixed(bits: number): number {
  const product = Math.imul(bits, 0x9e3779b1)
  return product ^ (product >>> 15)
}
