const ways = 4
const firstBuckets = 16
/** The age of a place that holds nothing. It grows like any other: 2³¹ turns later it is one chance hash in 2³². */
const neverAge = 2 ** 31

/**
 * Remembers the hashes of the entries that were let go of last, in O(1) and without a queue: each hash has one bucket
 * of four places, each place the hash and its turn (how many had been let go of before it). What is older than the
 * window asked for counts as forgotten; a full bucket forgets its oldest a little early.
 */
export class GhostTable {
  /** Pairs of (hash, turn), four to a bucket. */
  #places: Int32Array = new Int32Array(2 * ways * firstBuckets)
  /** Wraps around; only differences count. */
  #turn: number = -neverAge

  /** The entry with this hash was let go of. `window`: how many are to be remembered now. */
  remember(hash: number, window: number): void {
    while (2 * window > this.#places.length) this.#grow(window)
    this.#turn = (this.#turn + 1) | 0
    this.#put(hash | 0, this.#turn)
  }

  /** Whether this hash is among the last `window` let go of; if so, it is forgotten. */
  take(hash: number, window: number): boolean {
    const start = this.#bucketOf(hash)
    for (let place = start; place < start + 2 * ways; place += 2) {
      if (this.#places[place] !== (hash | 0) || this.#ageOf(place) >= window) continue
      this.#places[place + 1] = (this.#turn - neverAge) | 0
      return true
    }
    return false
  }

  #put(hash: number, turn: number): void {
    const start = this.#bucketOf(hash)
    let chosen = start
    for (let place = start; place < start + 2 * ways; place += 2) {
      if (this.#places[place] === hash) {
        chosen = place
        break
      }
      if (this.#ageOf(place) > this.#ageOf(chosen)) chosen = place
    }
    this.#places[chosen] = hash
    this.#places[chosen + 1] = turn
  }

  /** How many were let go of since. */
  #ageOf(place: number): number {
    return (this.#turn - this.#places[place + 1]!) >>> 0
  }

  /** Where the bucket of this hash starts: multiplied first, so that a hash with idle bits spreads as well. */
  #bucketOf(hash: number): number {
    const buckets = this.#places.length / (2 * ways)
    return (Math.imul(hash, 0x9e3779b1) >>> (Math.clz32(buckets) + 1)) * 2 * ways
  }

  /** A bucket's places go to the two that replace it, so none is lost. */
  #grow(window: number): void {
    const old = this.#places
    this.#places = new Int32Array(2 * old.length)
    for (let place = 0; place < old.length; place += 2) {
      const turn = old[place + 1]!
      if ((this.#turn - turn) >>> 0 < window) this.#put(old[place]!, turn)
    }
  }
}
