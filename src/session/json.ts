import { SallyportError } from '../shared/errors.ts'
import type { SessionData } from './tokens.ts'

/** Refuses what would come back from the store as something else: dates, maps, functions, cycles, NaN, gaps in lists. */
export function assertSessionData(value: unknown): asserts value is SessionData {
  assertJsonObject(value, 'data')
}

/** The same for any part of a session; `path` names it in the error. */
export function assertJsonObject(value: unknown, path: string): void {
  if (!isPlainObject(value)) throw notJson(path, 'it is no plain object')
  assertJson(value, path, new Set())
}

function assertJson(value: unknown, path: string, above: Set<object>): void {
  if (value === null || value === undefined || typeof value === 'string' || typeof value === 'boolean') return
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw notJson(path, 'it is no finite number')
    return
  }
  if (typeof value !== 'object') throw notJson(path, `it is a ${typeof value}`)
  if (!Array.isArray(value) && !isPlainObject(value)) throw notJson(path, 'it is no plain object')
  if (above.has(value)) throw notJson(path, 'it contains itself')
  above.add(value)
  if (Array.isArray(value) && value.includes(undefined)) throw notJson(path, 'it is a list with a gap')
  for (const [name, part] of Object.entries(value)) assertJson(part, `${path}.${name}`, above)
  above.delete(value)
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function notJson(path: string, why: string): SallyportError {
  return new SallyportError('ERR_SESSION_DATA', `session data must be JSON, but ${path} is not: ${why}`)
}
