import type { KeyRing } from '../session/key-ring.ts'
import type { Randomness } from '../shared/randomness.ts'

/** Whether this login was begun by the user, or by us because the one before came to nothing. */
type Attempt = 'first' | 'again'

/**
 * The `state` parameter (RFC 6749 §10.12): attempt, randomness, and a MAC over both and the browser binding, so that a
 * made-up or foreign one is recognised before the store is asked.
 */
export function issueState(
  keyRing: KeyRing,
  randomness: Randomness,
  of: { binding: string; attempt: Attempt },
): string {
  const random = Buffer.from(randomness.bytes(24)).toString('base64url')
  const text = `${digitOf[of.attempt]}${random}`
  return text + keyRing.mac(label, `${text}.${of.binding}`)
}

/** Whether we issued `state` to the browser of this binding. */
export function isOurState(keyRing: KeyRing, state: string, binding: string): boolean {
  if (state.length !== textLength + macLength) return false
  return keyRing.verifies(label, `${state.slice(0, textLength)}.${binding}`, state.slice(textLength))
}

/** Nobody vouches for it: it only decides whether the next answer is a redirect or a page. */
export function attemptOf(state: string): Attempt {
  return state.startsWith(digitOf.again) ? 'again' : 'first'
}

const digitOf: Record<Attempt, string> = { first: '0', again: '1' }
const label = 'login-state'
const textLength = 33
const macLength = 43
