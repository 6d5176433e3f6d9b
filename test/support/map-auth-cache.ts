import type { AuthCache } from '../../src/session/auth-cache.ts'
import type { Clock } from '../../src/shared/clock.ts'

export type PlainOperation = keyof AuthCache<string>

interface Kept {
  text: string
  /** Unix ms. */
  expiresAt: number
}

export interface MapAuthCache extends AuthCache<string> {
  readonly verifiers: Map<string, string>
  readonly sessions: Map<string, Kept>
  /** What was asked so far, e.g. `extendAuthSession session:x 60`; texts are left out. */
  readonly asked: string[]
  /** Called before every operation, which it can fail or delay. */
  around: (operation: PlainOperation) => Promise<void> | void
}

const defaultTtlSec = 3_600

/** The cache somebody might have: two maps, deadlines by the clock, and nothing more than the seven operations. */
export function mapAuthCache(clock: Clock): MapAuthCache {
  const verifiers = new Map<string, string>()
  const sessions = new Map<string, Kept>()
  const asked: string[] = []

  function live(id: string): Kept | undefined {
    const kept = sessions.get(id)
    return kept !== undefined && clock.wall() < kept.expiresAt ? kept : undefined
  }

  const cache: MapAuthCache = { verifiers, sessions, asked, around: () => {}, ...operations() }
  return cache

  function operations(): AuthCache<string> {
    function note(operation: PlainOperation, ...args: (string | number | undefined)[]): Promise<void> | void {
      asked.push([operation, ...args].join(' '))
      return cache.around(operation)
    }
    return {
      async getCodeVerifier(state) {
        await note('getCodeVerifier', state)
        return verifiers.get(state)
      },
      async setCodeVerifier(state, text) {
        await note('setCodeVerifier', state)
        verifiers.set(state, text)
      },
      async invalidateCodeVerifier(state) {
        await note('invalidateCodeVerifier', state)
        verifiers.delete(state)
      },
      async getAuthSession(id) {
        await note('getAuthSession', id)
        return live(id)?.text
      },
      async setAuthSession(id, text, ttlSec = defaultTtlSec) {
        await note('setAuthSession', id, ttlSec)
        sessions.set(id, { text, expiresAt: clock.wall() + ttlSec * 1_000 })
      },
      async invalidateAuthSession(id) {
        await note('invalidateAuthSession', id)
        sessions.delete(id)
      },
      async extendAuthSession(id, ttlSec) {
        await note('extendAuthSession', id, ttlSec)
        const kept = live(id)
        if (kept !== undefined) kept.expiresAt = clock.wall() + ttlSec * 1_000
      },
    }
  }
}
