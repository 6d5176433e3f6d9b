import type { Randomness } from '../shared/randomness.ts'
import { isSameText, type KeyRing, type Keys } from './key-ring.ts'

/** What a genuine session cookie stands for. */
export interface Ticket {
  /** The whole text, as the browser sends it. */
  readonly text: string
  /** 32 random bytes in base64url: the only copy is in the cookie. */
  readonly token: string
  readonly keys: Keys
}

/**
 * The session cookie's value: `version.kid.token.mac`, the MAC over the exact text before it. A text that decodes to
 * the same bytes is another text, and forged.
 */
const version = '1'
const kidLength = 8
const tokenLength = 43
const macLength = 43
const tokenAt = version.length + 1 + kidLength + 1
const macAt = tokenAt + tokenLength + 1

/** Every genuine text is this long, so most others need no look. */
export const cookieTextLength: number = macAt + macLength

export function issueTicket(keyRing: KeyRing, randomness: Randomness): Ticket {
  const keys = keyRing.primary
  const token = Buffer.from(randomness.bytes(32)).toString('base64url')
  const signed = `${version}.${keys.kid}.${token}`
  return { text: `${signed}.${keys.mac('session', signed)}`, token, keys }
}

/** `undefined` if we did not issue it, or no longer know the secret. */
export function parseTicket(keyRing: KeyRing, text: string): Ticket | undefined {
  if (text.length !== cookieTextLength || !text.startsWith(`${version}.`)) return undefined
  if (text[tokenAt - 1] !== '.' || text[macAt - 1] !== '.') return undefined
  const keys = keyRing.ofKid(text.slice(version.length + 1, tokenAt - 1))
  if (keys === undefined) return undefined
  const signed = text.slice(0, macAt - 1)
  if (!isSameText(keys.mac('session', signed), text.slice(macAt))) return undefined
  return { text, token: text.slice(tokenAt, macAt - 1), keys }
}
