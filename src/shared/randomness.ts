import { randomBytes } from 'node:crypto'

/** Randomness as an argument, so that tests can replay it. */
export interface Randomness {
  /** `size` bytes nobody can guess. */
  bytes(size: number): Uint8Array
  /** A number in [0, 1), for jitter only. */
  fraction(): number
}

export const systemRandomness: Randomness = {
  bytes: (size) => randomBytes(size),
  fraction: () => Math.random(),
}
