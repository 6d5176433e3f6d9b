/** A step of a counter-example, and the state it led to. */
export interface TraceStep {
  name: string
  state: unknown
}

/** One line per step: what happened, and which fields changed by it. */
export function describeTrace(steps: readonly TraceStep[]): string {
  const width = Math.max(...steps.map(({ name }) => name.length))
  const lines = steps.slice(1).map(({ name, state }, i) => {
    const changes = changesBetween(flatten(steps[i]!.state), flatten(state))
    return `${String(i + 1).padStart(4)}  ${name.padEnd(width)}  ${changes.join(', ')}`.trimEnd()
  })
  return lines.join('\n')
}

function changesBetween(before: Map<string, unknown>, after: Map<string, unknown>): string[] {
  const changes: string[] = []
  for (const [path, value] of after) {
    const old = before.get(path)
    if (old !== value) changes.push(`${path} ${String(old)}→${String(value)}`)
  }
  return changes
}

function flatten(value: unknown, path = '', into = new Map<string, unknown>()): Map<string, unknown> {
  if (typeof value !== 'object' || value === null) return into.set(path, value)
  for (const [key, part] of Object.entries(value)) flatten(part, path === '' ? key : `${path}.${key}`, into)
  return into
}
