import type { Clock } from '../../shared/clock.ts'
import { isSallyportError, StoreUnavailableError } from '../../shared/errors.ts'
import { withTimeout } from '../../shared/timeout.ts'
import type { Store } from '../store.ts'

/** What a request may ask of a store. */
type Operation = 'init' | 'read' | 'create' | 'replace' | 'extend' | 'take' | 'remove' | 'list' | 'epochs' | 'ping'

/**
 * A store whose every operation ends in time, whatever its driver does: with an answer or with an error of ours,
 * never with "absent".
 */
export type TimedStore = Pick<Store, Operation>

export function timedStore(store: Store, clock: Clock, timeoutMs: number): TimedStore {
  const timed = <A extends unknown[], R>(operation: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      try {
        return await withTimeout(clock, timeoutMs, operation.apply(store, args), () => tooLate(store.name, timeoutMs))
      } catch (error) {
        if (isSallyportError(error)) throw error
        throw new StoreUnavailableError(`the ${store.name} store failed`, { cause: error })
      }
    }
  }
  return {
    init: timed(store.init),
    read: timed(store.read),
    create: timed(store.create),
    replace: timed(store.replace),
    extend: timed(store.extend),
    take: timed(store.take),
    remove: timed(store.remove),
    list: timed(store.list),
    epochs: timed(store.epochs),
    ping: timed(store.ping),
  }
}

function tooLate(name: string, timeoutMs: number): Error {
  return new StoreUnavailableError(`the ${name} store did not answer within ${timeoutMs} ms`)
}
