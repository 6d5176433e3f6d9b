import type { Trace } from './trace.ts'

/**
 * What no policy can beat (Belady, with the right to let a key pass by): of those that could be held, those that are
 * asked for again soonest. An entry is known by the position of its next request, so a request is answered if its own
 * position is held.
 */
export function optimalHitRatio(trace: Trace, entries: number): number {
  const next = nextRequests(trace)
  const held = new Positions(next.length)
  let size = 0
  let hits = 0
  for (let i = 0; i < next.length; i++) {
    if (held.has(i)) {
      hits++
      size--
      held.delete(i)
    }
    if (next[i] === never) continue
    held.add(next[i]!)
    if (size < entries) size++
    else held.delete(held.largest())
  }
  return (100 * hits) / next.length
}

const never = -1

/** For each request the position of the next one for the same key. */
function nextRequests({ requests, keys }: Trace): Int32Array {
  const next = new Int32Array(requests.length)
  const seenAt = new Int32Array(keys).fill(never)
  for (let i = requests.length - 1; i >= 0; i--) {
    next[i] = seenAt[requests[i]!]!
    seenAt[requests[i]!] = i
  }
  return next
}

/** A set of numbers below a limit that knows its largest: bits, and above them bits that say which words have any. */
class Positions {
  readonly #levels: Int32Array[] = []

  constructor(limit: number) {
    for (let bits = limit; this.#levels.length === 0 || bits > 1; bits = Math.ceil(bits / 32)) {
      this.#levels.push(new Int32Array(Math.ceil(bits / 32)))
    }
  }

  has(position: number): boolean {
    return (this.#levels[0]![position >>> 5]! & (1 << (position & 31))) !== 0
  }

  add(position: number): void {
    let bit = position
    for (const level of this.#levels) {
      level[bit >>> 5]! |= 1 << (bit & 31)
      bit >>>= 5
    }
  }

  delete(position: number): void {
    let bit = position
    for (const level of this.#levels) {
      level[bit >>> 5]! &= ~(1 << (bit & 31))
      bit >>>= 5
      if (level[bit] !== 0) return
    }
  }

  largest(): number {
    let word = 0
    for (let i = this.#levels.length - 1; i >= 0; i--) word = 32 * word + 31 - Math.clz32(this.#levels[i]![word]!)
    return word
  }
}
