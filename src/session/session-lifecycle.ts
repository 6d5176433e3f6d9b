import type { SessionParts } from './session-parts.ts'
import type { CacheEntry } from '../cache/entry.ts'
import { BreakerOpenError } from '../cache/l2/circuit-breaker.ts'
import type { Place } from '../cache/writes.ts'
import { hasCode, SallyportError } from '../shared/errors.ts'
import { issueTicket, parseTicket, type Ticket } from './cookie-text.ts'
import { assertSessionData } from './json.ts'
import { deepFreeze, neverRefreshed, type SessionRecord } from './record.ts'
import type { Browser, Ended, Opening } from './service.ts'
import type { SessionData } from './tokens.ts'
import { sessionPrefix } from './vault.ts'

/** A session that others keep writing is then removed as it is. */
const maxTries = 3

/** How a browser comes by a session and loses it. Only a sign-in opens one, and always under a new id. */
export class SessionLifecycle {
  readonly #parts: SessionParts

  constructor(parts: SessionParts) {
    this.#parts = parts
  }

  async open(opening: Opening<SessionData>, { cookieHeader, setCookie }: Browser): Promise<CacheEntry<SessionRecord>> {
    const { vault, writes, cookies, clock, randomness } = this.#parts
    assertSessionData(opening.data)
    const before = this.#ticketOf(cookieHeader)
    const ticket = issueTicket(vault.keyRing, randomness)
    const item = { text: ticket.text, key: this.#keyOf(ticket), value: recordOf(opening, clock.wall()) }
    const entry = await writes.create(item, this.#placeOf(opening, ticket)).catch((error: unknown) => {
      // Nobody was given the id, and nobody will be.
      if (!(error instanceof BreakerOpenError)) this.#forget(item.key)
      throw error
    })
    if (entry === undefined) throw new SallyportError('ERR_STORE_MISMATCH', 'a random session id came up twice')
    if (before !== undefined) await this.#replaceBy(entry, before)
    setCookie(cookies.session(ticket.text))
    return entry
  }

  /** The old session goes last: if the store fails on the way, the browser keeps it, and nobody is signed out. */
  async #replaceBy({ key }: CacheEntry<SessionRecord>, before: Ticket): Promise<void> {
    const { writes } = this.#parts
    try {
      await writes.remove({ key: this.#keyOf(before) })
    } catch (error) {
      this.#forget(key)
      throw error
    }
  }

  #forget(key: string): void {
    const { writes, logger } = this.#parts
    writes.remove({ key }).catch((err: unknown) => {
      logger.debug({ err }, 'a session that nobody was given could not be removed; it expires by itself')
    })
  }

  async close({ cookieHeader, setCookie }: Browser): Promise<Ended | undefined> {
    const ticket = this.#ticketOf(cookieHeader)
    if (ticket === undefined) return undefined
    const entry = await this.#removeLast(ticket.text, this.#keyOf(ticket))
    for (const cookie of this.#parts.cookies.clearing()) setCookie(cookie)
    if (entry === undefined) return undefined
    const { claims, tokens } = entry.value
    return { claims, idToken: tokens.idToken, refreshToken: tokens.refreshToken }
  }

  /** The entry as it was when it was removed: its tokens may have been refreshed elsewhere, which memory is not told. */
  async #removeLast(text: string, key: string): Promise<CacheEntry<SessionRecord> | undefined> {
    const { writes } = this.#parts
    let last: CacheEntry<SessionRecord> | undefined
    for (let tries = 0; tries < maxTries; tries++) {
      const entry = await this.#readable(text, key)
      if (entry === undefined) break
      last = entry
      if ((await writes.remove({ key, ifVersion: entry.version })).removed > 0) return last
    }
    await writes.remove({ key })
    return last
  }

  /** What cannot be read can still be ended. */
  async #readable(text: string, key: string): Promise<CacheEntry<SessionRecord> | undefined> {
    try {
      return (await this.#parts.partition.load(text, key, true)).entry
    } catch (error) {
      if (hasCode(error, 'ERR_STORE_CORRUPT')) return undefined
      throw error
    }
  }

  #ticketOf(cookieHeader: string | undefined): Ticket | undefined {
    const { vault, cookies } = this.#parts
    const text = cookieHeader === undefined ? undefined : cookies.read(cookieHeader)
    return text === undefined ? undefined : parseTicket(vault.keyRing, text)
  }

  #keyOf({ token, keys }: Ticket): string {
    return this.#parts.vault.keyOf(sessionPrefix, token, keys)
  }

  /** Its deadlines, and what lists and revocations find it by without opening it. */
  #placeOf({ claims, sid, device, endsAt }: Opening<SessionData>, { keys }: Ticket): Place {
    const { issuer, clock, idleTimeoutSec, absoluteLifetimeSec } = this.#parts
    const ceilingMs = endsAt === undefined ? Infinity : Math.max(1, endsAt - clock.wall())
    return {
      lifetime: { idleMs: idleTimeoutSec * 1_000, absoluteMs: Math.min(absoluteLifetimeSec * 1_000, ceilingMs) },
      indexes: {
        subject: keys.hash('subject', issuer, claims.sub),
        ...(sid === undefined ? {} : { sid: keys.hash('sid', issuer, sid) }),
      },
      ...(device === undefined ? {} : { label: device }),
    }
  }
}

function recordOf({ claims, tokens, data, device }: Opening<SessionData>, now: number): SessionRecord {
  const record = {
    claims,
    tokens,
    data,
    tokensAt: now,
    refresh: neverRefreshed,
    ...(device === undefined ? {} : { device }),
  }
  return deepFreeze(JSON.parse(JSON.stringify(record)) as SessionRecord)
}
