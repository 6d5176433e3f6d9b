import type { CacheEntry } from '../cache/entry.ts'
import { sleep } from '../shared/clock.ts'
import { SallyportError } from '../shared/errors.ts'
import type { SessionRecord } from './record.ts'
import { maxDoubts, RefreshTurn, type RefreshOptions } from './refresh-turn.ts'
import { loginRequired, sessionEnded } from './session-errors.ts'

type Entry = CacheEntry<SessionRecord>

/** A token is refreshed when this part of its life is left, so that others can go on using it meanwhile. */
const earlyShare = 0.2
const waitMs = 50

/**
 * One refresh per expiry: one flight per session in this process, and across processes a lease and a fence in the
 * record itself, judged by the store's clock. The lease makes a second request rare, the fence makes it harmless.
 */
export class Refresher {
  readonly #options: RefreshOptions
  readonly #flights = new Map<string, Promise<Entry>>()
  #closed = false

  constructor(options: RefreshOptions) {
    this.#options = options
  }

  /** The entry if its access token is good, or what a refresh makes of it. */
  async current(entry: Entry): Promise<Entry> {
    if (!this.#isExpired(entry)) return entry
    return this.#join(entry)
  }

  /** Starts a refresh nobody waits for, if one is due. */
  startEarly(entry: Entry): void {
    const { clock, logger } = this.#options
    if (dueAt(entry) > clock.wall()) return
    // What memory knows of obstacles is enough not to ask the store about them with every look.
    if (obstacleTo(entry.value, clock.monotonic() + entry.storeOffset) !== undefined) return
    this.#join(entry).catch((err: unknown) => {
      logger.debug({ err }, 'an early token refresh failed; whoever needs the token tries again')
    })
  }

  /** Milliseconds until an early refresh should start, spread so that instances do not start together. */
  dueInMs(entry: Entry): number {
    const { clock, randomness } = this.#options
    const due = dueAt(entry)
    if (due === Infinity) return Infinity
    const left = entry.value.tokens.expiresAt! - due
    return Math.max(0, due + 0.5 * left * randomness.fraction() - clock.wall())
  }

  /** Begins no more refreshes, and resolves when those under way have stored what they got: it would be lost. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.allSettled(this.#flights.values())
  }

  #isExpired({ value: { tokens } }: Entry): boolean {
    return tokens.expiresAt !== undefined && tokens.expiresAt <= this.#options.clock.wall()
  }

  #join(entry: Entry): Promise<Entry> {
    const flying = this.#flights.get(entry.key)
    if (flying !== undefined) return flying
    const flight = this.#refresh(entry).finally(() => this.#flights.delete(entry.key))
    this.#flights.set(entry.key, flight)
    return flight
  }

  async #refresh({ text, key, value: { tokensAt } }: Entry): Promise<Entry> {
    const { partition, clock, randomness, timeoutMs } = this.#options
    const waitUntil = clock.monotonic() + timeoutMs
    for (;;) {
      if (this.#closed) throw new SallyportError('ERR_CLOSED', 'tokens are refreshed no more: this was closed')
      const askedAt = clock.monotonic()
      const { entry, storeNow } = await partition.load(text, key, true)
      if (entry === undefined) throw sessionEnded()
      const isExpired = this.#isExpired(entry)
      if (!isExpired && entry.value.tokensAt !== tokensAt) return entry

      const obstacle = obstacleTo(entry.value, storeNow)
      if (obstacle === undefined) {
        const turn = await RefreshTurn.take(this.#options, entry, { askedAt, storeNow })
        const refreshed = await turn?.run()
        if (refreshed !== undefined) return refreshed
        continue
      }
      if (!isExpired) return entry
      if (obstacle === 'spent') throw loginRequired()
      if (obstacle === 'backing-off') throw refreshUnavailable((entry.value.refresh.notBefore ?? 0) - storeNow)
      if (clock.monotonic() >= waitUntil) throw refreshUnavailable(1_000)
      await sleep(clock, waitMs * (0.5 + randomness.fraction()))
    }
  }
}

/** Unix ms when an early refresh is due; Infinity if there is nothing to refresh or nothing to do it with. */
function dueAt({ value: { tokens, tokensAt } }: Entry): number {
  if (tokens.expiresAt === undefined || tokens.refreshToken === undefined) return Infinity
  return tokens.expiresAt - earlyShare * (tokens.expiresAt - tokensAt)
}

/** Why the refresh token must not be sent now: someone else may be sending it, the provider asked for peace, or it is used up. */
function obstacleTo(
  { refresh, tokens }: SessionRecord,
  storeNow: number,
): 'held' | 'backing-off' | 'spent' | undefined {
  if (refresh.leaseUntil !== undefined && refresh.leaseUntil > storeNow) return 'held'
  // A lease nobody gave back: its holder died or slept, and may have spent the token.
  const doubts = refresh.doubts + (refresh.leaseUntil === undefined ? 0 : 1)
  if (tokens.refreshToken === undefined || doubts >= maxDoubts) return 'spent'
  if (refresh.notBefore !== undefined && refresh.notBefore > storeNow) return 'backing-off'
  return undefined
}

function refreshUnavailable(afterMs: number): SallyportError {
  return new SallyportError('ERR_REFRESH_UNAVAILABLE', 'the access token expired and cannot be refreshed just now', {
    retryAfterSec: Math.max(1, Math.ceil(afterMs / 1_000)),
  })
}
