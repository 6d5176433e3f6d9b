import type { KeyRing } from '../session/key-ring.ts'
import { readCookie, serializeCookie } from '../shared/cookie.ts'
import type { Randomness } from '../shared/randomness.ts'

/**
 * What ties logins to the browser that began them: one small constant cookie, `random.mac`, whatever the number of
 * tabs. Whoever sends a finished callback to another browser cannot send this along (RFC 9700 §4.7).
 */
export class BrowserBinding {
  readonly #keyRing: KeyRing
  readonly #randomness: Randomness
  readonly #cookie: { name: string; secure: boolean }

  constructor(keyRing: KeyRing, randomness: Randomness, cookie: { name: string; secure: boolean }) {
    this.#keyRing = keyRing
    this.#randomness = randomness
    this.#cookie = cookie
  }

  /** The random part of a cookie that we issued; `undefined` if there is none, more than one or a forged one. */
  read(cookieHeader: string | undefined): string | undefined {
    const value = cookieHeader === undefined ? undefined : readCookie(cookieHeader, this.#cookie.name)
    if (value?.length !== randomLength + 1 + macLength || value[randomLength] !== '.') return undefined
    const random = value.slice(0, randomLength)
    return this.#keyRing.verifies(label, random, value.slice(randomLength + 1)) ? random : undefined
  }

  issue(): { random: string; cookie: string } {
    const random = Buffer.from(this.#randomness.bytes(16)).toString('base64url')
    const value = `${random}.${this.#keyRing.mac(label, random)}`
    const { name, secure } = this.#cookie
    return { random, cookie: serializeCookie(name, value, { secure, sameSite: 'lax' }) }
  }
}

const label = 'login-binding'
const randomLength = 22
const macLength = 43
