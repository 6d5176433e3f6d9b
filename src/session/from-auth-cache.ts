import type { Store } from '../cache/store.ts'
import { systemClock, type Clock } from '../shared/clock.ts'
import { checkOptions, objectWith, required, type Rules } from '../shared/options.ts'
import { AuthCacheStore } from './auth-cache-store.ts'
import type { AuthCache } from './auth-cache.ts'

export interface FromAuthCacheOptions {
  /** Judges the deadlines that the cache itself does not know. Default: the system's. */
  clock?: Clock
}

interface Given extends FromAuthCacheOptions {
  mine: AuthCache<string>
}

/**
 * A cache of your own with the seven plain operations, as a store. It is given hashed keys and sealed texts only, and
 * it stays yours: `close` leaves it open.
 *
 * Seven plain operations have no conditional write, no single use, no index and no epochs, so the promises are weaker
 * than those of other stores. Of two processes that change a session at once one change may be lost, two may refresh its
 * tokens, and one that changes it may bring it back while another ends it. Memory trusts an entry for `maxStalenessMs`
 * after it was read, and not longer. A code verifier may be taken twice. Sessions cannot be listed or ended by user:
 * that rejects with `ERR_STORE_UNSUPPORTED`. Within one process, through one store object, changes of a session follow
 * one another.
 *
 * The cache must answer `undefined` for what is not there, keep a session for the `ttlSec` it is set with, count
 * `extendAuthSession` from the call, and never bring a session back by it. Throws `ConfigError` naming the operations
 * that are missing.
 */
export function fromAuthCache(mine: AuthCache<string>, options: FromAuthCacheOptions = {}): Store {
  const given: unknown = mine === undefined ? options : { ...options, mine }
  checkOptions<Given>('fromAuthCache', given, rules)
  return new AuthCacheStore(mine, options.clock ?? systemClock)
}

const rules: Rules<Given> = {
  mine: required(
    objectWith(
      'a cache of the seven operations',
      'getCodeVerifier',
      'setCodeVerifier',
      'invalidateCodeVerifier',
      'getAuthSession',
      'setAuthSession',
      'invalidateAuthSession',
      'extendAuthSession',
    ),
  ),
  clock: objectWith('a clock', 'monotonic', 'wall', 'setTimer'),
}
