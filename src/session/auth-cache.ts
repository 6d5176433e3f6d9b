import type { AuthSession } from './tokens.ts'

/** The seven operations of a plain authentication cache. */
export interface AuthCache<S = AuthSession> {
  getCodeVerifier(state: string): Promise<string | undefined>
  setCodeVerifier(state: string, verifier: string): Promise<void>
  invalidateCodeVerifier(state: string): Promise<void>
  getAuthSession(id: string): Promise<S | undefined>
  /** Creates or replaces. Lives for the cache's `sessionTtlSec` unless `ttlSec` says otherwise. */
  setAuthSession(id: string, session: S, ttlSec?: number): Promise<void>
  invalidateAuthSession(id: string): Promise<void>
  /** Extends a session that is there; never revives one. */
  extendAuthSession(id: string, ttlSec: number): Promise<void>
}
