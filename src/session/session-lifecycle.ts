import type { SessionParts } from './session-parts.ts'
import type { CacheEntry } from '../cache/entry.ts'
import { SallyportError } from '../shared/errors.ts'
import { issueTicket, parseTicket, type Ticket } from './cookie-text.ts'
import { assertSessionData } from './json.ts'
import { deepFreeze, neverRefreshed, type SessionRecord } from './record.ts'
import type { Browser, Ended, Opening } from './service.ts'
import type { SessionData } from './tokens.ts'
import { sessionPrefix } from './vault.ts'

/** How a browser comes by a session and loses it. Only a sign-in opens one, and always under a new id. */
export class SessionLifecycle {
  readonly #parts: SessionParts

  constructor(parts: SessionParts) {
    this.#parts = parts
  }

  async open(opening: Opening<SessionData>, { cookieHeader, setCookie }: Browser): Promise<CacheEntry<SessionRecord>> {
    const { vault, writes, cookies, clock, randomness } = this.#parts
    assertSessionData(opening.data)
    // The old session goes first: should that fail, the browser keeps it and nothing else has happened.
    const before = this.#ticketOf(cookieHeader)
    if (before !== undefined) await writes.remove({ key: this.#keyOf(before) })

    const ticket = issueTicket(vault.keyRing, randomness)
    const record = recordOf(opening, clock.wall())
    const entry = await writes.create(ticket.text, this.#keyOf(ticket), record, this.#placeOf(opening, ticket))
    if (entry === undefined) throw new SallyportError('ERR_STORE_MISMATCH', 'a random session id came up twice')
    setCookie(cookies.session(ticket.text))
    return entry
  }

  async close({ cookieHeader, setCookie }: Browser): Promise<Ended | undefined> {
    const { partition, writes, cookies } = this.#parts
    const ticket = this.#ticketOf(cookieHeader)
    if (ticket === undefined) return undefined
    const key = this.#keyOf(ticket)
    const entry = partition.serve(ticket.text) ?? (await partition.load(ticket.text, key)).entry
    await writes.remove({ key })
    for (const cookie of cookies.clearing()) setCookie(cookie)
    if (entry === undefined) return undefined
    const { claims, tokens } = entry.value
    return { claims, idToken: tokens.idToken, refreshToken: tokens.refreshToken }
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
  #placeOf(
    { claims, sid, device, endsAt }: Opening<SessionData>,
    { keys }: Ticket,
  ): Parameters<SessionParts['writes']['create']>[3] {
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
