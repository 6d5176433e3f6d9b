import type { Item } from '../cache/entry.ts'
import type { StoredEntry } from '../cache/store.ts'
import type { Logger } from '../shared/logger.ts'
import { cookieTextLength, parseTicket } from './cookie-text.ts'
import type { KeyRing, Keys } from './key-ring.ts'
import type { RecordCodec, RecordPlace } from './record-codec.ts'
import { deepFreeze } from './record.ts'

export const sessionPrefix = 'session:'
export const verifierPrefix = 'cv:'

const idMark = ';'

/**
 * The text an id has in L1, beside those of cookies: it is none a cookie can have, so no cookie is served by an id.
 * Most ids are their own text, for a new one would have to be hashed anew with every look-up.
 */
export function textOfId(id: string): string {
  return id.length === cookieTextLength || id.charCodeAt(0) === idMark.charCodeAt(0) ? idMark + id : id
}

/** Which key an id has in the store, and how its value is kept there. */
export class Vault {
  readonly keyRing: KeyRing
  readonly #codec: RecordCodec
  readonly #logger: Logger
  #unreadable = 0

  constructor(keyRing: KeyRing, codec: RecordCodec, logger: Logger) {
    this.keyRing = keyRing
    this.#codec = codec
    this.#logger = logger
  }

  /** The store key of an id: a keyed hash, so that a stolen store names nobody. */
  keyOf(prefix: string, id: string, keys: Keys = this.keyRing.primary): string {
    return prefix + keys.hash('key', prefix, id)
  }

  seal({ text, key, value }: Item<unknown>): Uint8Array {
    return this.sealAt({ ...this.#identify(text), storeKey: key }, value)
  }

  /**
   * `undefined` and a warning if it does not open, or is no `isValue`: it is nothing for us, and never deleted, for it
   * may be newer than we are.
   */
  open<V>(
    text: string,
    { key, value }: Pick<StoredEntry, 'key' | 'value'>,
    isValue: (opened: unknown) => opened is V,
  ): V | undefined {
    const opened = this.#codec.decode(value, { ...this.#identify(text), storeKey: key })
    if (isValue(opened)) return deepFreeze(opened)
    this.#noteUnreadable()
    return undefined
  }

  sealAt(place: RecordPlace, value: unknown): Uint8Array {
    return this.#codec.encode(value, place)
  }

  /** `undefined` and a warning if it does not open. */
  openAt(place: RecordPlace, stored: Uint8Array): unknown {
    const opened = this.#codec.decode(stored, place)
    if (opened === undefined) this.#noteUnreadable()
    return opened
  }

  /** One line for the first, the tenth, the hundredth …: after a change of the format every request may meet one. */
  #noteUnreadable(): void {
    const count = ++this.#unreadable
    if (Number.isInteger(Math.log10(count)))
      this.#logger.warn({ count }, 'stored records do not open; they are left alone')
  }

  /** A cookie's text stands for its token under its own secret. */
  #identify(text: string): { id: string; keys: Keys } {
    const ticket = parseTicket(this.keyRing, text)
    if (ticket !== undefined) return { id: ticket.token, keys: ticket.keys }
    return { id: text.startsWith(idMark) ? text.slice(idMark.length) : text, keys: this.keyRing.primary }
  }
}
