import type { CacheEntry } from '../cache/entry.ts'
import type { Partition } from '../cache/partition.ts'
import type { Writes } from '../cache/writes.ts'
import { sleep, type Clock } from '../shared/clock.ts'
import { hasCode, SallyportError } from '../shared/errors.ts'
import type { Logger } from '../shared/logger.ts'
import type { Randomness } from '../shared/randomness.ts'
import { deepFreeze, type RefreshState, type SessionRecord } from './record.ts'
import { loginRequired, sessionEnded } from './session-errors.ts'
import { RefreshFailure, type RefreshTokens, type RevokeToken, type TokenSet } from './tokens.ts'

/** What refreshing works with. */
export interface RefreshOptions {
  partition: Partition<SessionRecord>
  writes: Writes<SessionRecord>
  refreshTokens: RefreshTokens
  revokeToken: RevokeToken
  /** A request to the provider ends after this, and nobody waits longer for somebody else's. */
  timeoutMs: number
  clock: Clock
  randomness: Randomness
  logger: Logger
  /** Told of every success, and waited for. Never reject. */
  onRefreshed: (record: SessionRecord) => Promise<void>
  /** Told when the provider ended a session by refusing its refresh token. Never reject. */
  onRefused: (record: SessionRecord) => Promise<void>
}

type Entry = CacheEntry<SessionRecord>

/** How often a refresh token may have been spent without an answer before only a login helps. */
export const maxDoubts = 2
const maxBackoffMs = 60_000
const storeRetryMs = 100

/** One turn of sending the refresh token: from taking the lease to writing, under the fence, what came of it. */
export class RefreshTurn {
  readonly #options: RefreshOptions
  #entry: Entry
  readonly #fence: number
  /** Monotonic; counted from before the store was asked, so that it never lasts longer here than there. */
  readonly #endsAt: number
  /** The store's clock less our monotonic one. */
  readonly #storeOffset: number

  private constructor(options: RefreshOptions, entry: Entry, lease: { endsAt: number; storeOffset: number }) {
    this.#options = options
    this.#entry = entry
    this.#fence = entry.value.refresh.fence
    this.#endsAt = lease.endsAt
    this.#storeOffset = lease.storeOffset
  }

  /** `undefined` if somebody else wrote the record first. Rejects with `ERR_SESSION_ENDED`. */
  static async take(
    options: RefreshOptions,
    entry: Entry,
    { askedAt, storeNow }: { askedAt: number; storeNow: number },
  ): Promise<RefreshTurn | undefined> {
    const { refresh } = entry.value
    const leaseMs = 2 * options.timeoutMs
    const leased: RefreshState = {
      ...refresh,
      doubts: refresh.doubts + (refresh.leaseUntil === undefined ? 0 : 1),
      fence: refresh.fence + 1,
      leaseUntil: storeNow + leaseMs,
    }
    const written = await options.writes.replace(entry, withRefresh(entry.value, leased), { bump: false })
    if (written === 'absent') throw sessionEnded()
    if (written === 'conflict') return undefined
    return new RefreshTurn(options, written, { endsAt: askedAt + leaseMs, storeOffset: storeNow - askedAt })
  }

  /** The entry with new tokens, or with the old ones while they are good; `undefined`: look at the record again. */
  async run(): Promise<Entry | undefined> {
    const { clock, timeoutMs } = this.#options
    if (this.#endsAt - clock.monotonic() < timeoutMs) {
      await this.#giveBack({})
      return undefined
    }
    const tokensAt = clock.wall()
    const sent = this.#entry.value.tokens
    let tokens: TokenSet
    try {
      tokens = await this.#ask(this.#entry.value)
    } catch (error) {
      const failure = error instanceof RefreshFailure ? error : new RefreshFailure('in-doubt', { cause: error })
      return failure.outcome === 'refused' ? this.#refused(sent) : this.#failed(failure)
    }
    // A lifetime is of one access token; what else the answer leaves out stays as it was.
    const { expiresAt: _, ...lasting } = sent
    return this.#commit({ ...lasting, ...tokens }, tokensAt, sent)
  }

  async #ask({ claims, tokens }: SessionRecord): Promise<TokenSet> {
    const { clock, timeoutMs, refreshTokens } = this.#options
    const abort = new AbortController()
    const timer = clock.setTimer(() => abort.abort(), timeoutMs)
    try {
      const { idToken } = tokens
      return await refreshTokens({ refreshToken: tokens.refreshToken!, claims, idToken, signal: abort.signal })
    } finally {
      timer.cancel()
    }
  }

  /** New tokens are worth a session: they are written however often the store must be asked, while the lease lasts. */
  async #commit(tokens: TokenSet, tokensAt: number, sent: TokenSet): Promise<Entry | undefined> {
    const { clock, logger, revokeToken, onRefreshed } = this.#options
    const renew = (record: SessionRecord): SessionRecord => {
      // The lease is given back: this was written before, and only the store's answer was lost.
      if (record.refresh.leaseUntil === undefined) return record
      const { count, fence } = record.refresh
      return { ...record, tokens, tokensAt, refresh: { count: count + 1, fence, doubts: 0, failures: 0 } }
    }
    let isInDoubt = false
    for (;;) {
      try {
        const written = await this.#write(renew)
        if (typeof written !== 'string') {
          await onRefreshed(written.value)
          return written
        }
        // Nobody will ever hold this token again: it must not outlive the session it was meant for (RFC 7009).
        const held = written === 'gone' ? [sent] : [sent, this.#entry.value.tokens]
        const isOrphan = held.every((set) => set.refreshToken !== tokens.refreshToken)
        // In doubt it may have been stored and refreshed since: a provider could end the whole grant for it.
        const mayBeStored = isInDoubt && written !== 'gone'
        if (tokens.refreshToken !== undefined && isOrphan && !mayBeStored) {
          await revokeToken(tokens.refreshToken)
        }
        if (written === 'gone') throw sessionEnded()
        return undefined
      } catch (err) {
        const mayRetry = hasCode(err, 'ERR_STORE_UNAVAILABLE')
        if (!mayRetry || clock.monotonic() >= this.#endsAt) throw err
        isInDoubt = true
        logger.warn({ err }, 'refreshed tokens could not be stored; trying again')
        await sleep(clock, storeRetryMs)
      }
    }
  }

  /** The session is over only if the record still holds the very token that was refused. */
  async #refused(sent: TokenSet): Promise<undefined> {
    const { partition, writes, onRefused } = this.#options
    for (;;) {
      const { entry } = await partition.load(this.#entry.text, this.#entry.key, true)
      if (entry === undefined) throw sessionEnded()
      const { tokens, refresh } = entry.value
      if (tokens.refreshToken !== sent.refreshToken || refresh.fence !== this.#fence) return undefined
      const { removed } = await writes.remove({ key: entry.key, ifVersion: entry.version })
      if (removed === 0) continue
      await onRefused(entry.value)
      throw sessionEnded()
    }
  }

  /** The session stays; the next try backs off. `undefined`: somebody else took over, so the record knows more. */
  async #failed({ outcome, retryAfterSec, cause }: RefreshFailure): Promise<Entry | undefined> {
    const { clock, randomness, logger } = this.#options
    const { expiresAt } = this.#entry.value.tokens
    const failures = this.#entry.value.refresh.failures + 1
    const backoffMs = Math.min(maxBackoffMs, 500 * 2 ** failures) * (0.75 + 0.5 * randomness.fraction())
    const waitMs = Math.max(backoffMs, (retryAfterSec ?? 0) * 1_000)
    const doubts = this.#entry.value.refresh.doubts + (outcome === 'in-doubt' ? 1 : 0)
    logger.warn({ outcome, failures, err: cause }, 'a token refresh failed; the session stays')
    const notBefore = clock.monotonic() + this.#storeOffset + waitMs
    if ((await this.#giveBack({ failures, doubts, notBefore })) === 'lost') return undefined
    if (expiresAt !== undefined && expiresAt > clock.wall()) return this.#entry
    if (doubts >= maxDoubts) throw loginRequired()
    throw new SallyportError(
      'ERR_REFRESH_UNAVAILABLE',
      'the access token expired and the provider could not refresh it',
      {
        retryAfterSec: Math.ceil(waitMs / 1_000),
        cause,
      },
    )
  }

  /** Best effort: a lease that is not given back ends by itself and counts as a doubt. `lost`: it is ours no more. */
  async #giveBack(change: Partial<RefreshState>): Promise<'lost' | undefined> {
    try {
      const written = await this.#write((record) => {
        const { leaseUntil: _, ...refresh } = record.refresh
        return withRefresh(record, { ...refresh, ...change })
      })
      return typeof written === 'string' ? 'lost' : undefined
    } catch (err) {
      this.#options.logger.warn({ err }, 'a refresh lease could not be given back; it ends by itself')
      return undefined
    }
  }

  /** Writes over whatever the record became meanwhile, as long as the fence is still ours. */
  async #write(change: (record: SessionRecord) => SessionRecord): Promise<Entry | 'gone' | 'overtaken'> {
    const { partition, writes } = this.#options
    while (this.#entry.value.refresh.fence === this.#fence) {
      const changed = deepFreeze(change(this.#entry.value))
      const written = await writes.replace(this.#entry, changed, { bump: false })
      if (written === 'absent') return 'gone'
      if (written !== 'conflict') return (this.#entry = written)
      const { entry } = await partition.load(this.#entry.text, this.#entry.key, true)
      if (entry === undefined) return 'gone'
      this.#entry = entry
    }
    return 'overtaken'
  }
}

function withRefresh(record: SessionRecord, refresh: RefreshState): SessionRecord {
  return deepFreeze({ ...record, refresh })
}
