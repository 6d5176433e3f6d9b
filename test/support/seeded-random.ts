import type { Randomness } from '../../src/shared/randomness.ts'

/** Choices that a seed decides: the same seed, the same choices. */
export interface SeededRandom extends Randomness {
  between(min: number, max: number): number
  /** A whole number from 0 up to, but not including, `limit`. */
  below(limit: number): number
  chance(probability: number): boolean
  pick<T>(from: readonly T[]): T
}

/** Mulberry32: 32 bits of state, far from unguessable, and fast. */
export function seededRandom(seed: number): SeededRandom {
  // Spread, so that neighbouring seeds do not begin alike.
  let state = Math.imul(seed + 1, 0x9e3779b1)

  function bits(): number {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }

  const fraction = (): number => bits() / 2 ** 32
  const below = (limit: number): number => Math.floor(fraction() * limit)
  return {
    bytes: (size) => Uint8Array.from({ length: size }, () => bits() & 0xff),
    fraction,
    between: (min, max) => min + fraction() * (max - min),
    below,
    chance: (probability) => fraction() < probability,
    pick: (from) => from[below(from.length)]!,
  }
}
