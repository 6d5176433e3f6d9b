const chunkBits = 16
const chunkSize = 1 << chunkBits

/** States as words, each once, in the order in which they were met: millions of them fit. */
export class StateSet {
  readonly #width: number
  readonly #chunks: Uint32Array[] = []
  /** From which state each was reached. */
  readonly #parents: Int32Array[] = []
  /** Open addressing: the index of a state plus one; 0: free. */
  #slots: Int32Array = new Int32Array(1 << 12)
  size: number = 0

  /** `width`: the words of a state. */
  constructor(width: number) {
    this.#width = width
  }

  /** Does nothing if it was met before. */
  add(words: Uint32Array, parent: number): void {
    const mask = this.#slots.length - 1
    let slot = hashOf(words) & mask
    for (let found = this.#slots[slot]!; found !== 0; found = this.#slots[slot]!) {
      if (this.#equals(found - 1, words)) return
      slot = (slot + 1) & mask
    }
    this.#append(words, parent)
    this.#slots[slot] = this.size
    if (this.size * 2 > this.#slots.length) this.#rehash()
  }

  load(index: number, words: Uint32Array): void {
    const chunk = this.#chunks[index >>> chunkBits]!
    const start = (index & (chunkSize - 1)) * this.#width
    for (let i = 0; i < this.#width; i++) words[i] = chunk[start + i]!
  }

  /** -1: it was the first. */
  parentOf(index: number): number {
    return this.#parents[index >>> chunkBits]![index & (chunkSize - 1)]!
  }

  #equals(index: number, words: Uint32Array): boolean {
    const chunk = this.#chunks[index >>> chunkBits]!
    const start = (index & (chunkSize - 1)) * this.#width
    for (let i = 0; i < this.#width; i++) if (chunk[start + i] !== words[i]) return false
    return true
  }

  #append(words: Uint32Array, parent: number): void {
    const at = this.size & (chunkSize - 1)
    if (at === 0) {
      this.#chunks.push(new Uint32Array(chunkSize * this.#width))
      this.#parents.push(new Int32Array(chunkSize))
    }
    this.#chunks.at(-1)!.set(words, at * this.#width)
    this.#parents.at(-1)![at] = parent
    this.size++
  }

  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 4)
    const mask = slots.length - 1
    const words = new Uint32Array(this.#width)
    for (let index = 0; index < this.size; index++) {
      this.load(index, words)
      let slot = hashOf(words) & mask
      while (slots[slot] !== 0) slot = (slot + 1) & mask
      slots[slot] = index + 1
    }
    this.#slots = slots
  }
}

function hashOf(words: Uint32Array): number {
  let hash = 0x9e3779b9
  for (let i = 0; i < words.length; i++) {
    hash = Math.imul(hash ^ words[i]!, 0x85ebca6b)
    hash ^= hash >>> 15
  }
  hash = Math.imul(hash, 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
