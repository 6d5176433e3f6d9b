/** An extension of one writing of an entry. Instants are Unix ms. */
export interface Touch {
  /** Which writing it was, so that it says nothing about a later one. */
  readonly version: number
  readonly writtenAt: number
  readonly seenAt: number
  readonly expiresAt: number
}

/** What this process extended lately, where the store cannot say so. Keeps between half its capacity and all of it. */
export class RecentTouches {
  readonly #half: number
  #recent = new Map<string, Touch>()
  #older = new Map<string, Touch>()

  constructor(capacity: number) {
    this.#half = capacity / 2
  }

  of(key: string): Touch | undefined {
    return this.#recent.get(key) ?? this.#older.get(key)
  }

  note(key: string, touch: Touch): void {
    // Two halves, for a Map that is used as a queue gets slow.
    if (this.#recent.size >= this.#half && !this.#recent.has(key)) {
      this.#older = this.#recent
      this.#recent = new Map()
    }
    this.#recent.set(key, touch)
  }

  forget(key: string): void {
    this.#recent.delete(key)
    this.#older.delete(key)
  }
}
