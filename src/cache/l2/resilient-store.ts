import { hasCode, isSallyportError, StoreUnavailableError } from '../../shared/errors.ts'
import { withTimeout } from '../../shared/timeout.ts'
import type { Store, StoreStats } from '../store.ts'
import { ReplyChecks, type CheckedRead } from './check-replies.ts'
import { CircuitBreaker, type BreakerSeams } from './circuit-breaker.ts'
import type { SlowOperations } from './slow-operations.ts'

export interface ResilientStoreOptions extends BreakerSeams {
  /** Every operation ends after this. */
  timeoutMs: number
  slow: SlowOperations
}

/** What a request may ask of a store, but for reads, whose entries may be errors one by one. */
type Operation = 'init' | 'create' | 'replace' | 'extend' | 'writeMany' | 'take' | 'remove' | 'list' | 'epochs' | 'ping'

/**
 * A store whose every operation ends in time, whatever its driver does: with an answer that can be true, or with an
 * error of ours, never with "absent". While it does not answer, most operations fail at once and spare it.
 */
export interface ResilientStore extends Pick<Store, Operation> {
  read(keys: readonly string[]): Promise<CheckedRead>
  /** For people, and it may take long to count: no reason to spare the store anything else. */
  stats(): Promise<StoreStats>
  readonly breaker: CircuitBreaker
}

export function resilientStore(store: Store, options: ResilientStoreOptions): ResilientStore {
  const breaker = new CircuitBreaker(store.name, options)
  const checks = new ReplyChecks(store)
  const limited = limiter(store.name, options)
  const ask = asker(breaker, limited, options)
  return {
    breaker,
    stats: () => limited('stats', async () => checks.stats(await store.stats())),
    init: (instance) => ask('init', async () => store.init(instance)),
    read: (keys) => ask('read', async () => checks.read(keys, await store.read(keys))),
    create: (entry) => ask('create', async () => checks.create(await store.create(entry))),
    replace: (key, version, change) =>
      ask('replace', async () => checks.replace(version, await store.replace(key, version, change))),
    extend: (key, idleMs) => ask('extend', async () => checks.extend(await store.extend(key, idleMs))),
    ...(store.writeMany === undefined ? {} : { writeMany: writer(store.writeMany.bind(store), checks, ask) }),
    take: (key) => ask('take', async () => checks.take(key, await store.take(key))),
    // Somebody is to be signed out: that is worth a probe before its time.
    remove: (target) => ask('remove', async () => checks.remove(await store.remove(target)), true),
    list: (query) => ask('list', async () => checks.list(query, await store.list(query))),
    epochs: (known) => ask('epochs', async () => checks.epochs(await store.epochs(known))),
    ping: () => ask('ping', async () => store.ping()),
  }
}

type WriteMany = NonNullable<Store['writeMany']>

function writer(writeMany: WriteMany, checks: ReplyChecks, ask: Ask): WriteMany {
  return (writes) => ask('writeMany', async () => checks.writeMany(writes, await writeMany(writes)))
}

type Limited = <R>(operation: string, call: () => Promise<R>, timeoutMs?: number) => Promise<R>

/** Ends in time, and fails with nothing but errors of ours. */
function limiter(name: string, { clock, timeoutMs: longestMs, slow }: ResilientStoreOptions): Limited {
  const tooLate = (): Error => new StoreUnavailableError(`the ${name} store did not answer within ${longestMs} ms`)

  return async (operation, call, timeoutMs = longestMs) => {
    const sentAt = clock.monotonic()
    try {
      return await withTimeout(clock, timeoutMs, call(), tooLate)
    } catch (error) {
      if (isSallyportError(error)) throw error
      throw new StoreUnavailableError(`the ${name} store failed`, { cause: error })
    } finally {
      slow.ended(operation, sentAt)
    }
  }
}

type Ask = <R>(operation: string, call: () => Promise<R>, isUrgent?: boolean) => Promise<R>

/** The same through the breaker. */
function asker(breaker: CircuitBreaker, limited: Limited, { clock, timeoutMs }: ResilientStoreOptions): Ask {
  return async (operation, call, isUrgent) => {
    const startedAt = clock.monotonic()
    // The store has just recovered: a crowd that comes first is not refused for want of one moment's patience.
    if (breaker.hopefulProbe !== undefined) await breaker.hopefulProbe
    const pass = breaker.enter(isUrgent)
    try {
      const reply = await limited(operation, call, timeoutMs - (clock.monotonic() - startedAt))
      breaker.answered(pass)
      return reply
    } catch (error) {
      // Whatever else it says, it answers.
      if (hasCode(error, 'ERR_STORE_UNAVAILABLE')) breaker.failed(pass, error)
      else breaker.answered(pass)
      throw error
    }
  }
}
