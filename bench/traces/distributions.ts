import type { SeededRandom } from '../../test/support/seeded-random.ts'

/** A whole number from 1 up, each step as likely to be the last. */
export function geometric(random: SeededRandom, mean: number): number {
  return 1 + Math.floor(Math.log(1 - random.fraction()) / Math.log(1 - 1 / mean))
}

export function logNormal(random: SeededRandom, { median, sigma }: { median: number; sigma: number }): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random.fraction())) * Math.cos(2 * Math.PI * random.fraction())
  return median * Math.exp(sigma * normal)
}

/** Numbers below `count`; number n is drawn in proportion to (n + 1)^-alpha. */
export function zipf(random: SeededRandom, { alpha, count }: { alpha: number; count: number }): () => number {
  const upTo = new Float64Array(count)
  let sum = 0
  for (let n = 0; n < count; n++) upTo[n] = sum += (n + 1) ** -alpha
  return () => {
    const drawn = random.fraction() * sum
    let [low, high] = [0, count - 1]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (upTo[middle]! > drawn) high = middle
      else low = middle + 1
    }
    return low
  }
}
