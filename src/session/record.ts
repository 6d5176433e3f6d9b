import { isPlainObject } from '../shared/options.ts'
import type { Claims, SessionData, TokenSet } from './tokens.ts'

/** Everything a session is, sealed in the store and frozen in memory. */
export interface SessionRecord {
  readonly claims: Claims
  readonly data: SessionData
  readonly tokens: TokenSet
  /** When the tokens were asked for, Unix ms. */
  readonly tokensAt: number
  readonly refresh: RefreshState
  readonly device?: string
}

/** Who may refresh, judged by the store's clock. In the record from the start, so that processes need no other lock. */
export interface RefreshState {
  /** Refreshes so far. */
  readonly count: number
  /** Rises with every lease: only the holder of the latest may write what it got. */
  readonly fence: number
  /** Until when the latest holder may talk to the provider. Absent: it is done. */
  readonly leaseUntil?: number
  /** How often the present refresh token may have been spent without an answer. */
  readonly doubts: number
  /** Failures since the last success, for backing off. */
  readonly failures: number
  /** Not before this, by the store's clock. */
  readonly notBefore?: number
}

/** Whether it has all that a record is relied on to have. What is readable in the store may have been edited there. */
export function isSessionRecord(value: unknown): value is SessionRecord {
  if (!isPlainObject(value)) return false
  const { claims, data, tokens, tokensAt, refresh } = value
  if (![claims, data, tokens, refresh].every(isPlainObject) || typeof tokensAt !== 'number') return false
  const { count, fence, doubts, failures } = refresh as Record<string, unknown>
  return [count, fence, doubts, failures].every((each) => typeof each === 'number')
}

export const neverRefreshed: RefreshState = { count: 0, fence: 0, doubts: 0, failures: 0 }

/** Freezes plain data all the way down: values in memory are shared by every request. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  Object.freeze(value)
  for (const part of Object.values(value)) deepFreeze(part)
  return value
}
