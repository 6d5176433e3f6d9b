import type { Answer, AnswerSource } from '../cache/answer.ts'
import type { CacheEntry } from '../cache/entry.ts'
import { noAnswers } from './cache-stats.ts'
import { parseTicket } from './cookie-text.ts'
import type { SessionRecord } from './record.ts'
import type { SessionParts } from './session-parts.ts'
import { sessionPrefix } from './vault.ts'

type Entry = CacheEntry<SessionRecord>

/**
 * "Who is this?" A warm session is found by the cookie's text itself: nothing is awaited, hashed or decrypted. A cookie
 * that is not ours costs one HMAC and no store operation.
 */
export class Authenticator {
  readonly #parts: SessionParts
  readonly #onAnswer: ((answer: Answer) => void) | undefined
  /** Answers so far, by source. */
  readonly counts: Record<AnswerSource, number> = noAnswers()

  constructor(parts: SessionParts, onAnswer: ((answer: Answer) => void) | undefined) {
    this.#parts = parts
    this.#onAnswer = onAnswer
  }

  find(cookieHeader: string | undefined): Entry | undefined | Promise<Entry | undefined> {
    const { partition, cookies, vault, caretaker, clock } = this.#parts
    const startedAt = clock.monotonic()
    if (cookieHeader === undefined) return this.#refused('anonymous', startedAt)
    const text = cookies.read(cookieHeader)
    if (text === undefined) return this.#refused(cookies.isIn(cookieHeader) ? 'forged' : 'anonymous', startedAt)

    const entry = partition.serve(text, startedAt)
    if (entry !== undefined && !this.#isBehind(entry, cookieHeader)) {
      this.counts.l1++
      if (startedAt >= entry.attentionAt) caretaker.attend(entry, startedAt)
      if (this.#onAnswer !== undefined) this.#onAnswer({ source: 'l1', durationMs: clock.monotonic() - startedAt })
      return entry
    }

    if (entry !== undefined) partition.passBy()
    const ticket = parseTicket(vault.keyRing, text)
    if (ticket === undefined) return this.#refused('forged', startedAt)
    const claimed = cookies.claimedVersion(cookieHeader)
    const fresh = claimed > 0 && cookies.vouchesForVersion(cookieHeader, text) && claimed
    return this.#load(text, vault.keyOf(sessionPrefix, ticket.token, ticket.keys), fresh, startedAt)
  }

  /** Whether this browser has written, here or elsewhere, a later version than memory has. */
  #isBehind(entry: Entry, cookieHeader: string): boolean {
    const { cookies } = this.#parts
    return cookies.claimedVersion(cookieHeader) > entry.version && cookies.vouchesForVersion(cookieHeader, entry.text)
  }

  async #load(text: string, key: string, fresh: false | number, startedAt: number): Promise<Entry | undefined> {
    const { partition, caretaker, clock } = this.#parts
    try {
      const { entry, source } = await partition.load(text, key, fresh)
      if (entry === undefined) return this.#refused('absent', startedAt)
      this.counts[source]++
      const monotonic = clock.monotonic()
      if (monotonic >= entry.attentionAt) caretaker.attend(entry, monotonic)
      this.#onAnswer?.({ source, durationMs: monotonic - startedAt })
      return entry
    } catch (error) {
      this.#refused('unavailable', startedAt)
      throw error
    }
  }

  #refused(reason: NonNullable<Answer['reason']>, startedAt: number): undefined {
    this.counts.refused++
    this.#onAnswer?.({ source: 'refused', reason, durationMs: this.#parts.clock.monotonic() - startedAt })
  }
}
