/**
 * The known option path that was probably meant by an unknown one: by the edit distance of the last names, case apart.
 * A name of the same group is preferred to one of another. `undefined` if none is near.
 */
export function nearestName(path: string, known: readonly string[]): string | undefined {
  const [group, name] = split(path)
  let nearest: string | undefined
  let least = Infinity
  for (const candidate of known) {
    const [candidateGroup, candidateName] = split(candidate)
    const distance = likeness(name.toLowerCase(), candidateName.toLowerCase()) + (group === candidateGroup ? 0 : 1.5)
    if (distance >= least) continue
    least = distance
    nearest = candidate
  }
  return least <= Math.max(2, name.length / 3) ? nearest : undefined
}

function split(path: string): [group: string, name: string] {
  const dot = path.lastIndexOf('.')
  return [path.slice(0, dot + 1), path.slice(dot + 1)]
}

/** The edit distance, except that a name without its unit (`idleTimeout`) is as good as a slip. */
function likeness(a: string, b: string): number {
  if (a === b) return 0
  if (a.length >= 4 && b.startsWith(a)) return 1
  return editDistance(a, b)
}

/** Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const cost = a[row - 1] === b[column - 1] ? 0 : 1
      let best = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + cost)
      const isSwap = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      if (row > 1 && column > 1 && isSwap) best = Math.min(best, beforeLast[column - 2]! + 1)
      current.push(best)
    }
    beforeLast = last
    last = current
  }
  return last[b.length]!
}
