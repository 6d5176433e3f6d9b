import { seededRandom } from '../test/support/seeded-random.ts'

/** Which of `count` things are asked for, one after another: the k-th most wanted in proportion to 1 / k^skew. */
export function zipfSequence({ count, skew, length }: { count: number; skew: number; length: number }): number[] {
  const upTo = new Float64Array(count)
  let sum = 0
  for (let k = 0; k < count; k++) upTo[k] = sum += 1 / (k + 1) ** skew
  const random = seededRandom(1)
  // Else those that are wanted most would lie side by side in memory.
  const order = Array.from({ length: count }, (_, k) => k)
  for (let k = count - 1; k > 0; k--) {
    const other = random.below(k + 1)
    ;[order[k], order[other]] = [order[other]!, order[k]!]
  }
  return Array.from({ length }, () => order[firstAbove(upTo, random.fraction() * sum)]!)
}

function firstAbove(ascending: Float64Array, wanted: number): number {
  let [low, high] = [0, ascending.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if (ascending[middle]! > wanted) high = middle
    else low = middle + 1
  }
  return low
}
