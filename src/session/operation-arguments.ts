import { SallyportError } from '../shared/errors.ts'
import { assertJsonObject } from './json.ts'
import type { AuthSession } from './tokens.ts'

const maxTtlSec = 31_536_000

/** A key that is no text would be found under another's hash, or under none. */
export function assertId(id: unknown): asserts id is string {
  if (typeof id !== 'string' || id === '') throw invalid('an id must be a string that is not empty')
  // Such a half of a character has no bytes of its own, so that two ids would be one.
  if (/\p{Surrogate}/u.test(id)) throw invalid('an id must not contain half a character')
}

export function assertVerifier(verifier: unknown): asserts verifier is string {
  if (typeof verifier !== 'string' || verifier === '') {
    throw invalid('a code verifier must be a string that is not empty')
  }
}

/** Refuses what would not come back from the store as it was given. */
export function assertAuthSession(session: unknown): asserts session is AuthSession {
  if (typeof session !== 'object' || session === null || Array.isArray(session)) {
    throw invalid('a session must be an object with `accessToken`, `tokenType`, `claims` and `data`')
  }
  const { claims, data, ...tokens } = session as Record<string, unknown>
  assertJsonObject(claims, 'claims')
  assertJsonObject(data, 'data')
  assertJsonObject(tokens, 'tokens')
}

/** What is no number would never end in memory, and a deadline too large for a number could not be read back. */
export function lifetimeMs(ttlSec: unknown): number {
  if (typeof ttlSec === 'number' && ttlSec > 0 && ttlSec <= maxTtlSec) return ttlSec * 1_000
  throw invalid(`ttlSec must be more than 0 and at most ${maxTtlSec} seconds`)
}

function invalid(message: string): SallyportError {
  return new SallyportError('ERR_ARGUMENT_INVALID', message)
}
