import { isUint8Array } from 'node:util/types'
import { hasCode, isSallyportError, SallyportError, StoreUnavailableError } from '../../shared/errors.ts'
import type {
  Bump,
  CreateReply,
  EpochsReply,
  ExtendReply,
  ListQuery,
  ListReply,
  RemoveReply,
  ReplaceReply,
  Store,
  StoredEntry,
  StoreStats,
  Write,
  WriteOutcome,
  WriteReply,
} from '../store.ts'

/** What a read brought: an entry that cannot be true is an error of its own, and no other key's. */
export interface CheckedRead {
  /** In the order of the keys asked for. */
  entries: (StoredEntry | SallyportError | undefined)[]
  /** The store's clock, Unix ms. */
  storeNow: number
}

type Fields = Record<string, unknown>

const defaultPageSize = 100

/**
 * What a store answers is believed only if it can be true by its contract. Else it is `ERR_STORE_CORRUPT`, whose text
 * names the store and the operation: never "absent", and never what belongs to another key.
 */
export class ReplyChecks {
  readonly #store: string
  readonly #buckets: number

  constructor({ name, capabilities }: Pick<Store, 'name' | 'capabilities'>) {
    this.#store = name
    this.#buckets = capabilities.buckets
  }

  read(keys: readonly string[], reply: unknown): CheckedRead {
    if (!isObject(reply) || !isTime(reply.storeNow)) throw this.#nonsense('read', 'no time')
    if (!Array.isArray(reply.entries)) throw this.#nonsense('read', 'no entries')
    const found: unknown[] = reply.entries
    if (found.length !== keys.length) {
      throw this.#nonsense('read', `${found.length} entries for ${keys.length} keys`)
    }
    const { storeNow } = reply
    const entries = keys.map((key, i) => this.#entryRead(key, found[i], storeNow))
    return { entries, storeNow }
  }

  create(reply: unknown): CreateReply {
    if (isOutcome(reply, 'present')) return reply as CreateReply
    if (isOutcome(reply, 'created') && reply.version === 1 && isDated(reply)) return reply as unknown as CreateReply
    throw this.#nonsense('create', 'no outcome that a new entry can have')
  }

  replace(version: number, reply: unknown): ReplaceReply {
    if (isOutcome(reply, 'conflict') || isOutcome(reply, 'absent')) return reply as ReplaceReply
    if (
      isOutcome(reply, 'replaced') &&
      reply.version === version + 1 &&
      isDated(reply) &&
      this.#areBumps(reply.bumps)
    ) {
      return reply as unknown as ReplaceReply
    }
    throw this.#nonsense('replace', 'no outcome that the next version can have')
  }

  extend(reply: unknown): ExtendReply {
    if (isOutcome(reply, 'absent')) return reply as ExtendReply
    if (isOutcome(reply, 'extended') && isVersion(reply.version) && isDated(reply)) {
      return reply as unknown as ExtendReply
    }
    throw this.#nonsense('extend', 'no outcome that an extension can have')
  }

  /** A write that failed, or whose outcome cannot be true, leaves the others be; if the store failed at all, it throws. */
  writeMany(writes: readonly Write[], outcomes: unknown): WriteOutcome[] {
    if (!Array.isArray(outcomes)) throw this.#nonsense('writeMany', 'no outcomes')
    if (outcomes.length !== writes.length) {
      throw this.#nonsense('writeMany', `${outcomes.length} outcomes for ${writes.length} writes`)
    }
    const checked = writes.map((write, i) => this.#outcomeOf(write, outcomes[i]))
    const failures = checked.flatMap((outcome) => (isUnavailable(outcome) ? [outcome.error] : []))
    const [failure] = failures
    if (failure !== undefined && failures.length === writes.length) throw failure
    return checked
  }

  take(key: string, entry: unknown): StoredEntry | undefined {
    if (entry === undefined) return undefined
    if (isObject(entry) && entry.key === key && isEntry(entry)) return entry as unknown as StoredEntry
    throw this.#nonsense('take', 'an entry that cannot be the one asked for')
  }

  remove(reply: unknown): RemoveReply {
    if (isObject(reply) && isCount(reply.removed) && this.#areBumps(reply.bumps)) {
      return reply as unknown as RemoveReply
    }
    throw this.#nonsense('remove', 'no number of entries, or bumps that cannot be')
  }

  list({ limit = defaultPageSize, after }: ListQuery, reply: unknown): ListReply {
    if (!isObject(reply) || !Array.isArray(reply.entries)) throw this.#nonsense('list', 'no entries')
    if (reply.entries.length > limit) {
      throw this.#nonsense('list', `${reply.entries.length} entries on a page of ${limit}`)
    }
    if (!reply.entries.every(isInfo)) throw this.#nonsense('list', 'an entry that cannot be')
    // A page that leads to itself would be listed for ever.
    if (!isAbsentOrText(reply.next) || (reply.next !== undefined && reply.next === after)) {
      throw this.#nonsense('list', 'no next page that can be')
    }
    return reply as unknown as ListReply
  }

  stats(reply: unknown): StoreStats {
    if (isObject(reply) && isCount(reply.entries) && (reply.sizeBytes === undefined || isAmount(reply.sizeBytes))) {
      return reply as unknown as StoreStats
    }
    throw this.#nonsense('stats', 'no number of entries, or a size that cannot be')
  }

  /** Numbers may be missing: those buckets count as fallen. */
  epochs(reply: unknown): EpochsReply {
    if (!isObject(reply) || !isTime(reply.storeNow)) throw this.#nonsense('epochs', 'no time')
    if (!isIdentity(reply.incarnation)) throw this.#nonsense('epochs', 'no incarnation')
    if (!isAmount(reply.maxStalenessMs)) throw this.#nonsense('epochs', 'no greatest staleness')
    if (!this.#areNumbers(reply.numbers)) throw this.#nonsense('epochs', 'numbers that cannot be')
    if (!this.#areBumps(reply.recent)) throw this.#nonsense('epochs', 'bumps that cannot be')
    return reply as unknown as EpochsReply
  }

  /** To be asked of pushes, which are best effort: what is none counts as lost. */
  isBump(bump: unknown): bump is Bump {
    if (!isObject(bump) || !isIdentity(bump.incarnation)) return false
    const { bucket, prev, n, keys } = bump
    if (!isCount(bucket) || bucket >= this.#buckets) return false
    if (!isAmount(prev) || !isAmount(n) || n <= prev) return false
    return keys === '*' || (Array.isArray(keys) && keys.every((key) => typeof key === 'string'))
  }

  #entryRead(key: string, entry: unknown, storeNow: number): CheckedRead['entries'][number] {
    if (entry === undefined) return undefined
    if (!isObject(entry)) return this.#nonsense('read', 'something that is no entry')
    // Then nothing in this answer stands where it belongs.
    if (entry.key !== key) throw this.#nonsense('read', 'an entry under another key')
    if (!isEntry(entry)) return this.#nonsense('read', 'an entry that cannot be')
    const stored = entry as unknown as StoredEntry
    // By the store's own word its time is over, so it is absent.
    return stored.times.expiresAt > storeNow ? stored : undefined
  }

  #outcomeOf(write: Write, outcome: unknown): WriteOutcome {
    if (!isObject(outcome)) return { error: this.#nonsense('writeMany', 'something that is no outcome') }
    if (!('reply' in outcome)) return { error: this.#errorOf(outcome.error) }
    try {
      return { reply: this.#replyTo(write, outcome.reply) }
    } catch (error) {
      return { error }
    }
  }

  #replyTo(write: Write, reply: unknown): WriteReply {
    if (write.operation === 'create') return this.create(reply)
    if (write.operation === 'replace') return this.replace(write.version, reply)
    return this.extend(reply)
  }

  #errorOf(error: unknown): SallyportError {
    if (isSallyportError(error)) return error
    return new StoreUnavailableError(`the ${this.#store} store failed at one write of several`, { cause: error })
  }

  #areNumbers(numbers: unknown): boolean {
    if (!Array.isArray(numbers) || numbers.length !== this.#buckets) return false
    // Holes are not passed over: a missing number is told apart from one that cannot be.
    return Array.from(numbers).every((n) => n === undefined || isAmount(n))
  }

  #areBumps(bumps: unknown): boolean {
    return Array.isArray(bumps) && bumps.every((bump) => this.isBump(bump))
  }

  #nonsense(operation: string, what: string): SallyportError {
    return new SallyportError('ERR_STORE_CORRUPT', `the ${this.#store} store answered ${operation} with ${what}`)
  }
}

function isUnavailable(outcome: WriteOutcome): outcome is { error: SallyportError } {
  return 'error' in outcome && hasCode(outcome.error, 'ERR_STORE_UNAVAILABLE')
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null
}

function isOutcome(reply: unknown, outcome: string): reply is Fields {
  return isObject(reply) && reply.outcome === outcome
}

function isTime(value: unknown): value is number {
  return Number.isFinite(value)
}

function isAmount(value: unknown): value is number {
  return isTime(value) && value >= 0
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isVersion(value: unknown): boolean {
  return isCount(value) && value > 0
}

function isIdentity(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}

function isAbsentOrText(value: unknown): boolean {
  return value === undefined || typeof value === 'string'
}

function areTimes(times: unknown): boolean {
  if (!isObject(times)) return false
  const { createdAt, lastSeenAt, expiresAt, absoluteExpiresAt } = times
  if (!isTime(createdAt) || !isTime(lastSeenAt) || !isTime(expiresAt)) return false
  return absoluteExpiresAt === undefined || isTime(absoluteExpiresAt)
}

function isDated({ times, storeNow }: Fields): boolean {
  return isTime(storeNow) && areTimes(times)
}

function isEntry({ value, version, times }: Fields): boolean {
  return isUint8Array(value) && isVersion(version) && areTimes(times)
}

function isInfo(info: unknown): boolean {
  if (!isObject(info) || typeof info.key !== 'string') return false
  return isVersion(info.version) && areTimes(info.times) && isAbsentOrText(info.label)
}
