import { isPlainObject, kindOf } from '../../shared/options.ts'

/** A whole number of at least `min`; throws a `RangeError` that says what is wrong, or a `TypeError`. */
export function checkedNumber(what: string, value: number, min: number): number {
  if (typeof value !== 'number') throw new TypeError(`${what} must be a number, not ${kindOf(value)}`)
  if (!Number.isSafeInteger(value) || value < min) throw new RangeError(`${what} must be a whole number from ${min} on`)
  return value
}

const ways = { toServer: ['toServer'], toClient: ['toClient'], both: ['toServer', 'toClient'] } as const

export function checkedWays(direction: keyof typeof ways = 'both'): readonly ('toServer' | 'toClient')[] {
  if (Object.hasOwn(ways, direction)) return ways[direction]
  throw new TypeError(`direction must be 'toServer', 'toClient' or 'both'`)
}

/** What is wrong with the target of a proxy. */
export function wrongTarget(target: unknown): string | undefined {
  const wanted = 'must be { port }, { host, port } or { path }'
  if (!isPlainObject(target)) return `${wanted}, not ${kindOf(target)}`
  const { host, port, path, ...others } = target
  if (Object.keys(others).length > 0 || (path === undefined) === (port === undefined)) return wanted
  if (path !== undefined) {
    if (host !== undefined) return wanted
    return typeof path === 'string' && path !== '' ? undefined : 'must have a `path` that is a string and not empty'
  }
  if (host !== undefined && (typeof host !== 'string' || host === '')) return 'must have a `host` that is a name'
  const isPort = typeof port === 'number' && Number.isInteger(port) && port > 0 && port < 65_536
  return isPort ? undefined : 'must have a `port` from 1 to 65535'
}
