import type {
  CreateReply,
  EntryTimes,
  EpochsReply,
  ExtendReply,
  Lifetime,
  ListReply,
  NewEntry,
  ReadReply,
  RemoveReply,
  RemoveTarget,
  Replacement,
  ReplaceReply,
  Store,
  StoreCapabilities,
  StoredEntry,
  StoreStats,
} from '../cache/store.ts'
import type { Clock } from '../shared/clock.ts'
import { hasCode, SallyportError } from '../shared/errors.ts'
import { withTimeout } from '../shared/timeout.ts'
import { Turns } from '../shared/turns.ts'
import { isLive, type Frame } from './auth-cache-frame.ts'
import type { AuthCache } from './auth-cache.ts'
import { FramedCache, unsupported } from './framed-cache.ts'
import { RecentTouches } from './recent-touches.ts'
import { verifierPrefix } from './vault.ts'

/** About 12 MB at most. A session that is forgotten is touched once more than it had to be. */
const maxTouches = 50_000
/** The next change of a key waits no longer: the cache may never answer this one. */
const longestTurnMs = 500

/** What `fromAuthCache` makes. */
export class AuthCacheStore implements Store {
  readonly name = 'auth-cache'
  readonly cleanupIntervalSec = 0
  readonly capabilities: StoreCapabilities = {
    removeByIndex: 'none',
    clock: 'estimated',
    granularityMs: 1_000,
    push: false,
    durable: false,
    buckets: 0,
  }

  readonly #cache: FramedCache
  readonly #clock: Clock
  readonly #turns = new Turns()
  readonly #touches = new RecentTouches(maxTouches)
  #closed = false

  constructor(cache: AuthCache<string>, clock: Clock) {
    this.#cache = new FramedCache(cache)
    this.#clock = clock
  }

  async init(): Promise<void> {
    this.#now()
  }

  /** What cannot be read is an entry that cannot be: the tier above refuses it, and no other key of the same read. */
  async read(keys: readonly string[]): Promise<ReadReply> {
    this.#now()
    const frames = await Promise.all(keys.map((key) => this.#cache.read(key).catch(unreadable)))
    const storeNow = this.#now()
    const entries = keys.map((key, i) => {
      const frame = frames[i]
      return frame && isLive(frame, storeNow) ? this.#entryOf(key, frame, storeNow) : undefined
    })
    return { entries, storeNow }
  }

  create({ key, value, lifetime }: NewEntry): Promise<CreateReply> {
    return this.#inTurn(key, async () => {
      const { frame: present, storeNow } = await this.#look(key)
      if (present !== undefined) return { outcome: 'present' }
      const frame = { version: 1, createdAt: storeNow, value, ...deadlines(key, lifetime, storeNow) }
      await this.#cache.write(key, frame)
      return { outcome: 'created', version: 1, times: this.#timesOf(key, frame, storeNow), storeNow }
    })
  }

  /**
   * Told no lifetime it counts as a use, up to the ceiling: what is left of an idle time that other processes extend
   * cannot be asked for, and a guess too short would sign somebody out.
   */
  replace(key: string, version: number, { value, lifetime }: Replacement): Promise<ReplaceReply> {
    return this.#inTurn(key, async () => {
      const { frame: present, storeNow } = await this.#look(key)
      if (present === undefined) return { outcome: 'absent' }
      if (present.version !== version) return { outcome: 'conflict' }
      const kept = {
        ...present,
        writtenAt: storeNow,
        expiresAt: this.#extended(key, present, storeNow, present.idleMs),
      }
      const lives = lifetime === undefined ? {} : deadlines(key, lifetime, storeNow)
      const frame = { ...kept, ...lives, version: version + 1, value }
      await this.#cache.write(key, frame)
      const times = this.#timesOf(key, frame, storeNow)
      return { outcome: 'replaced', version: frame.version, times, storeNow, bumps: [] }
    })
  }

  /** Never writes the frame: that could bring back what was removed meanwhile. */
  async extend(key: string, idleMs: number): Promise<ExtendReply> {
    const { frame, storeNow } = await this.#look(key)
    if (frame === undefined) return { outcome: 'absent' }
    const { version, writtenAt } = frame
    const expiresAt = this.#extended(key, frame, storeNow, idleMs)
    await this.#cache.extend(key, expiresAt - storeNow)
    this.#touches.note(key, { version, writtenAt, seenAt: storeNow, expiresAt })
    return { outcome: 'extended', version, times: this.#timesOf(key, frame, storeNow), storeNow }
  }

  take(key: string): Promise<StoredEntry | undefined> {
    return this.#inTurn(key, async () => {
      const { frame, storeNow } = await this.#look(key)
      if (frame === undefined) return undefined
      await this.#cache.invalidate(key)
      return this.#entryOf(key, frame, storeNow)
    })
  }

  async remove(target: RemoveTarget): Promise<RemoveReply> {
    if ('index' in target) return this.#refuse('end sessions by user or provider session')
    const { key } = target
    return this.#inTurn(key, async () => {
      const wasThere =
        'ifVersion' in target
          ? (await this.#look(key)).frame?.version === target.ifVersion
          : await this.#cache.holds(key, this.#now())
      if (!wasThere && 'ifVersion' in target) return { removed: 0, bumps: [] }
      await this.#cache.invalidate(key)
      this.#touches.forget(key)
      return { removed: wasThere ? 1 : 0, bumps: [] }
    })
  }

  async list(): Promise<ListReply> {
    return this.#refuse('list sessions by user')
  }

  async epochs(): Promise<EpochsReply> {
    return this.#refuse('count epochs')
  }

  /** The cache lets go of what has expired by itself. */
  async sweep(): Promise<number> {
    this.#now()
    return 0
  }

  async stats(): Promise<StoreStats> {
    return this.#refuse('count its entries')
  }

  async ping(): Promise<void> {
    await this.#cache.holds(`${verifierPrefix}ping`, this.#now())
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #now(): number {
    if (this.#closed) throw new SallyportError('ERR_CLOSED', 'the auth-cache store is closed')
    return Math.floor(this.#clock.wall())
  }

  #refuse(what: string): never {
    this.#now()
    throw unsupported(what)
  }

  /** Changes of a key follow one another, as far as this process goes. */
  #inTurn<T>(key: string, change: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const turn = (): Promise<T> => {
        const changed = change()
        changed.then(resolve, reject)
        return withTimeout(this.#clock, longestTurnMs, changed, () => new Error('the turn is over'))
      }
      this.#turns.take(key, turn).catch(() => {})
    })
  }

  async #look(key: string): Promise<{ frame: Frame | undefined; storeNow: number }> {
    this.#now()
    const frame = await this.#cache.read(key)
    const storeNow = this.#now()
    return { frame: frame && isLive(frame, storeNow) ? frame : undefined, storeNow }
  }

  #entryOf(key: string, frame: Frame, now: number): StoredEntry {
    return { key, value: frame.value, version: frame.version, times: this.#timesOf(key, frame, now) }
  }

  /** As far as can be known: what another process extended ends at the latest when it would if it had been just now. */
  #timesOf(key: string, frame: Frame, now: number): EntryTimes {
    const { createdAt, absoluteExpiresAt } = frame
    const { seenAt, expiresAt } = this.#lastUse(key, frame)
    const ceiling = absoluteExpiresAt === undefined ? {} : { absoluteExpiresAt }
    const until = expiresAt > now ? expiresAt : Math.min(now + frame.idleMs, absoluteExpiresAt ?? Infinity)
    return { createdAt, lastSeenAt: seenAt, expiresAt: until, ...ceiling }
  }

  #extended(key: string, frame: Frame, now: number, idleMs: number): number {
    const wanted = Math.max(this.#lastUse(key, frame).expiresAt, Math.floor(now + idleMs))
    return Math.min(wanted, frame.absoluteExpiresAt ?? Infinity)
  }

  #lastUse(key: string, { version, writtenAt, expiresAt }: Frame): { seenAt: number; expiresAt: number } {
    const touch = this.#touches.of(key)
    const isOfThis = touch?.version === version && touch.writtenAt === writtenAt
    return isOfThis ? touch : { seenAt: writtenAt, expiresAt }
  }
}

/** No entry has version 0. */
function unreadable(error: unknown): Frame {
  if (!hasCode(error, 'ERR_STORE_CORRUPT')) throw error
  const never = { createdAt: 0, writtenAt: 0, idleMs: 0, expiresAt: 0, absoluteExpiresAt: undefined }
  return { ...never, version: 0, value: new Uint8Array() }
}

type Lives = Pick<Frame, 'writtenAt' | 'idleMs' | 'expiresAt' | 'absoluteExpiresAt'>

/** A verifier is given no time by the cache, and is never extended: its deadline is its ceiling. */
function deadlines(key: string, { idleMs, absoluteMs = Infinity }: Lifetime, now: number): Lives {
  const expiresAt = Math.floor(now + Math.min(idleMs, absoluteMs))
  const ceiling = key.startsWith(verifierPrefix) ? expiresAt : Math.floor(now + absoluteMs)
  const absoluteExpiresAt = ceiling === Infinity ? undefined : ceiling
  return { writtenAt: now, idleMs: Math.ceil(idleMs), expiresAt, absoluteExpiresAt }
}
