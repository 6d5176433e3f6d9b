import type { CacheEntry } from '../entry.ts'

/**
 * The first tier: decoded entries by the text their owner holds, bounded, the least recently used leaving first.
 *
 * The recency list runs through the entries themselves: a hit moves pointers and allocates nothing.
 */
export class L1<V> {
  readonly #capacity: number
  readonly #byText = new Map<string, CacheEntry<V>>()
  /** At most one entry per store key: a second text for the same key replaces the first. */
  readonly #byKey = new Map<string, CacheEntry<V>>()
  #newest: CacheEntry<V> | undefined
  #oldest: CacheEntry<V> | undefined
  evictions: number = 0

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get size(): number {
    return this.#byKey.size
  }

  get(text: string): CacheEntry<V> | undefined {
    return this.#byText.get(text)
  }

  ofKey(key: string): CacheEntry<V> | undefined {
    return this.#byKey.get(key)
  }

  /** A served entry is the last to leave. */
  use(entry: CacheEntry<V>): void {
    if (this.#newest === entry) return
    this.#unlink(entry)
    this.#link(entry)
  }

  set(entry: CacheEntry<V>): void {
    this.delete(entry.key)
    if (this.#byKey.size >= this.#capacity) this.#evict()
    this.#byText.set(entry.text, entry)
    this.#byKey.set(entry.key, entry)
    this.#link(entry)
  }

  delete(key: string): void {
    const entry = this.#byKey.get(key)
    if (entry === undefined) return
    this.#byKey.delete(key)
    this.#byText.delete(entry.text)
    this.#unlink(entry)
  }

  deleteBucket(bucket: number): void {
    for (const entry of this.#byKey.values()) if (entry.bucket === bucket) this.delete(entry.key)
  }

  clear(): void {
    this.#byText.clear()
    this.#byKey.clear()
    this.#newest = undefined
    this.#oldest = undefined
  }

  #evict(): void {
    if (this.#oldest === undefined) return
    this.evictions++
    this.delete(this.#oldest.key)
  }

  #link(entry: CacheEntry<V>): void {
    entry.newer = undefined
    entry.older = this.#newest
    if (this.#newest !== undefined) this.#newest.newer = entry
    this.#newest = entry
    this.#oldest ??= entry
  }

  #unlink(entry: CacheEntry<V>): void {
    if (entry.newer === undefined) this.#newest = entry.older
    else entry.newer.older = entry.older
    if (entry.older === undefined) this.#oldest = entry.newer
    else entry.older.newer = entry.newer
    entry.newer = undefined
    entry.older = undefined
  }
}
