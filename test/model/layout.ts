/** How a state lies in bytes: one for every number and flag in it, in the order of its fields. */
export interface Layout<S> {
  /** Rounded up to whole words. */
  readonly bytes: number
  write(state: S, bytes: Uint8Array): void
  read(bytes: Uint8Array, state: S): void
}

/**
 * The layout of all states of this shape: nested objects and arrays of whole numbers from 0 to 255 and of flags.
 *
 * It is written out as code, for it is used a hundred million times: a loop over the fields' names takes ten times as
 * long.
 */
export function layoutOf<S>(example: S): Layout<S> {
  const leaves = leavesOf(example, 'state')
  const writes = leaves.map(({ path }, i) => `bytes[${i}] = ${path};`)
  const reads = leaves.map(({ path, isFlag }, i) => `${path} = bytes[${i}]${isFlag ? ' === 1' : ''};`)
  const all = leaves.map(({ path }) => path).join(' | ')
  const check = `if (((${all}) & ~255) !== 0) throw new RangeError('a field is not a byte');`
  return {
    bytes: Math.ceil(leaves.length / 4) * 4,
    write: compiled<Layout<S>['write']>('state, bytes', [check, ...writes]),
    read: compiled<Layout<S>['read']>('bytes, state', reads),
  }
}

interface Leaf {
  path: string
  isFlag: boolean
}

function leavesOf(value: unknown, path: string): Leaf[] {
  if (typeof value === 'number' || typeof value === 'boolean') return [{ path, isFlag: typeof value === 'boolean' }]
  if (typeof value !== 'object' || value === null) throw new TypeError(`${path} is neither number, flag nor object`)
  return Object.entries(value).flatMap(([key, part]) => leavesOf(part, `${path}[${JSON.stringify(key)}]`))
}

function compiled<F>(parameters: string, body: string[]): F {
  // The text is made of the names of fields above, and millions of states pass through what it compiles to.
  // oxlint-disable-next-line typescript/no-implied-eval
  return new Function(parameters, body.join('\n')) as F
}
