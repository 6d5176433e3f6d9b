import { isSallyportError, StoreUnavailableError, type SallyportError } from '../../shared/errors.ts'
import { withTimeout } from '../../shared/timeout.ts'
import type { Store } from '../store.ts'
import { ReplyChecks, type CheckedRead } from './check-replies.ts'
import { CircuitBreaker, type BreakerSeams } from './circuit-breaker.ts'

export interface ResilientStoreOptions extends BreakerSeams {
  /** Every operation ends after this. */
  timeoutMs: number
}

/** What a request may ask of a store, but for reads, whose entries may be errors one by one. */
type Operation = 'init' | 'create' | 'replace' | 'extend' | 'writeMany' | 'take' | 'remove' | 'list' | 'epochs' | 'ping'

/**
 * A store whose every operation ends in time, whatever its driver does: with an answer that can be true, or with an
 * error of ours, never with "absent". While it does not answer, most operations fail at once and spare it.
 */
export interface ResilientStore extends Pick<Store, Operation> {
  read(keys: readonly string[]): Promise<CheckedRead>
  readonly breaker: CircuitBreaker
}

export function resilientStore(store: Store, options: ResilientStoreOptions): ResilientStore {
  const breaker = new CircuitBreaker(store.name, options)
  const checks = new ReplyChecks(store)
  const ask = asker(store.name, breaker, options)
  return {
    breaker,
    init: (instance) => ask(async () => store.init(instance)),
    read: (keys) => ask(async () => checks.read(keys, await store.read(keys))),
    create: (entry) => ask(async () => checks.create(await store.create(entry))),
    replace: (key, version, change) =>
      ask(async () => checks.replace(version, await store.replace(key, version, change))),
    extend: (key, idleMs) => ask(async () => checks.extend(await store.extend(key, idleMs))),
    ...(store.writeMany === undefined ? {} : { writeMany: writer(store.writeMany.bind(store), checks, ask) }),
    take: (key) => ask(async () => checks.take(key, await store.take(key))),
    // Somebody is to be signed out: that is worth a probe before its time.
    remove: (target) => ask(async () => checks.remove(await store.remove(target)), true),
    list: (query) => ask(async () => checks.list(query, await store.list(query))),
    epochs: (known) => ask(async () => checks.epochs(await store.epochs(known))),
    ping: () => ask(async () => store.ping()),
  }
}

type WriteMany = NonNullable<Store['writeMany']>

function writer(writeMany: WriteMany, checks: ReplyChecks, ask: Ask): WriteMany {
  return (writes) => ask(async () => checks.writeMany(writes, await writeMany(writes)))
}

type Ask = <R>(operation: () => Promise<R>, isUrgent?: boolean) => Promise<R>

function asker(name: string, breaker: CircuitBreaker, { clock, timeoutMs }: ResilientStoreOptions): Ask {
  const tooLate = (): Error => new StoreUnavailableError(`the ${name} store did not answer within ${timeoutMs} ms`)
  const ourOwn = (error: unknown): SallyportError =>
    isSallyportError(error) ? error : new StoreUnavailableError(`the ${name} store failed`, { cause: error })

  return async (operation, isUrgent) => {
    const startedAt = clock.monotonic()
    // The store has just recovered: a crowd that comes first is not refused for want of one moment's patience.
    if (breaker.hopefulProbe !== undefined) await breaker.hopefulProbe
    const pass = breaker.enter(isUrgent)
    try {
      const reply = await withTimeout(clock, timeoutMs - (clock.monotonic() - startedAt), operation(), tooLate)
      breaker.answered(pass)
      return reply
    } catch (thrown) {
      const error = ourOwn(thrown)
      // Whatever else it says, it answers.
      if (error.code === 'ERR_STORE_UNAVAILABLE') breaker.failed(pass, error)
      else breaker.answered(pass)
      throw error
    }
  }
}
