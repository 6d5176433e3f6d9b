import { readCookie, serializeCookie, type CookieAttributes } from '../shared/cookie.ts'
import { cookieTextLength } from './cookie-text.ts'
import type { KeyRing } from './key-ring.ts'

export interface SessionCookieOptions {
  /** The full name, prefix included. */
  name: string
  domain?: string
  sameSite: 'lax' | 'strict'
  /** Whether the cookie outlives the browser. */
  persistent: boolean
  secure: boolean
}

/**
 * The two cookies of a session: its text, and for about D after a write the version the browser must not fall behind,
 * so that whoever writes on one instance reads it at any other.
 */
export class SessionCookies {
  readonly name: string
  readonly #versionName: string
  readonly #attributes: CookieAttributes
  readonly #lifetimeSec: number | undefined
  readonly #staleness: { readonly greatestStalenessMs: number }
  readonly #keyRing: KeyRing

  constructor(
    options: SessionCookieOptions,
    keyRing: KeyRing,
    absoluteLifetimeSec: number,
    staleness: { readonly greatestStalenessMs: number },
  ) {
    const { name, domain, sameSite, persistent, secure } = options
    this.name = name
    this.#versionName = `${name}-version`
    this.#attributes = { secure, sameSite, domain }
    this.#lifetimeSec = persistent ? absoluteLifetimeSec : undefined
    this.#staleness = staleness
    this.#keyRing = keyRing
  }

  /** The session's text, if there is exactly one and it is as long as all of ours. */
  read(cookieHeader: string): string | undefined {
    const text = readCookie(cookieHeader, this.name)
    return text?.length === cookieTextLength ? text : undefined
  }

  /** Whether anything stands under our name. */
  isIn(cookieHeader: string): boolean {
    return cookieHeader.includes(`${this.name}=`)
  }

  /** The version this browser has written, which nobody has vouched for yet; 0 if it wrote nothing lately. */
  claimedVersion(cookieHeader: string): number {
    if (cookieHeader.length < this.name.length + cookieTextLength + this.#versionName.length) return 0
    const value = readCookie(cookieHeader, this.#versionName)
    return value === undefined ? 0 : Number.parseInt(value, 10) || 0
  }

  /** Whether the claimed version is one we gave to this session. */
  vouchesForVersion(cookieHeader: string, text: string): boolean {
    const [version, mac] = readCookie(cookieHeader, this.#versionName)?.split('.') ?? []
    if (version === undefined || mac === undefined) return false
    return this.#keyRing.verifies('version', `${version}.${text}`, mac)
  }

  session(text: string): string {
    return serializeCookie(this.name, text, { ...this.#attributes, maxAgeSec: this.#lifetimeSec })
  }

  version(version: number, text: string): string {
    const value = `${version}.${this.#keyRing.mac('version', `${version}.${text}`)}`
    const maxAgeSec = Math.ceil(this.#staleness.greatestStalenessMs / 1_000) + 1
    return serializeCookie(this.#versionName, value, { ...this.#attributes, maxAgeSec })
  }

  clearing(): string[] {
    const cleared = { ...this.#attributes, maxAgeSec: 0 }
    return [serializeCookie(this.name, '', cleared), serializeCookie(this.#versionName, '', cleared)]
  }
}
