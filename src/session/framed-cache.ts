import { SallyportError } from '../shared/errors.ts'
import { kindOf } from '../shared/options.ts'
import { frameText, isLive, readFrame, type Frame } from './auth-cache-frame.ts'
import type { AuthCache } from './auth-cache.ts'
import { sessionPrefix, verifierPrefix } from './vault.ts'

/** The operations of a plain cache that are the same for code verifiers and for sessions. */
interface Shelf {
  /** What a cache of somebody else answers may be anything. */
  get(key: string): Promise<unknown>
  set(key: string, text: string, ttlSec: number): Promise<void>
  invalidate(key: string): Promise<void>
}

/** A plain cache by store key: verifiers and sessions each go to their own operations, in frames. */
export class FramedCache {
  readonly #cache: AuthCache<string>
  readonly #verifiers: Shelf
  readonly #sessions: Shelf

  constructor(cache: AuthCache<string>) {
    this.#cache = cache
    this.#verifiers = {
      get: (key) => cache.getCodeVerifier(key),
      set: (key, text) => cache.setCodeVerifier(key, text),
      invalidate: (key) => cache.invalidateCodeVerifier(key),
    }
    this.#sessions = {
      get: (key) => cache.getAuthSession(key),
      set: (key, text, ttlSec) => cache.setAuthSession(key, text, ttlSec),
      invalidate: (key) => cache.invalidateAuthSession(key),
    }
  }

  /** Rejects with `ERR_STORE_CORRUPT` if what is there is none of ours. It is left alone: it may be newer than we are. */
  async read(key: string): Promise<Frame | undefined> {
    const text = await this.#shelf(key).get(key)
    if (text === undefined) return undefined
    if (typeof text !== 'string') throw corrupt(`${kindOf(text)} instead of a string or undefined`)
    const frame = readFrame(text)
    if (frame === undefined) throw corrupt('a string that is no entry of ours')
    return frame
  }

  /** Whether anything is there that has not reached its ceiling, readable or not. */
  async holds(key: string, now: number): Promise<boolean> {
    const text = await this.#shelf(key).get(key)
    const frame = typeof text === 'string' ? readFrame(text) : undefined
    return frame === undefined ? text !== undefined : isLive(frame, now)
  }

  async write(key: string, frame: Frame): Promise<void> {
    await this.#shelf(key).set(key, frameText(frame), inSeconds(frame.expiresAt - frame.writtenAt))
  }

  async extend(key: string, ms: number): Promise<void> {
    if (key.startsWith(verifierPrefix)) throw unsupported('extend code verifiers')
    await this.#cache.extendAuthSession(key, inSeconds(ms))
  }

  async invalidate(key: string): Promise<void> {
    await this.#shelf(key).invalidate(key)
  }

  #shelf(key: string): Shelf {
    if (key.startsWith(verifierPrefix)) return this.#verifiers
    if (key.startsWith(sessionPrefix)) return this.#sessions
    throw unsupported('keep anything but code verifiers and sessions')
  }
}

export function unsupported(what: string): SallyportError {
  const stores = 'the stores of sallyport/sqlite and sallyport/memory can'
  return new SallyportError('ERR_STORE_UNSUPPORTED', `a cache of seven operations cannot ${what}; ${stores}`)
}

function corrupt(what: string): SallyportError {
  return new SallyportError('ERR_STORE_CORRUPT', `the cache given to fromAuthCache answered ${what}`)
}

/** Rounded up: no entry ends before its time. */
function inSeconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1_000))
}
