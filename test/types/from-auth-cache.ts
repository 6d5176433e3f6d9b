/** Compile-time tests: this file only has to pass the type checker. */
import { fromAuthCache, TwoTierAuthCache } from '../../src/index.ts'
import type { AuthCache, Store } from '../../src/index.ts'

interface Wanted {
  texts: AuthCache<string>
  sessions: AuthCache
  buffers: AuthCache<Uint8Array>
  /** A cache with a lifetime of its own. */
  withoutTtl: AuthCache<string> & { setAuthSession(id: string, text: string): Promise<void> }
}

export function aCacheOfTextsIsAStore({ texts, withoutTtl }: Wanted): Store[] {
  return [fromAuthCache(texts), fromAuthCache(withoutTtl)]
}

export function nothingElseIs({ texts, sessions, buffers }: Wanted): void {
  // @ts-expect-error it would be given sealed texts, and answer with sessions
  fromAuthCache(sessions)
  // @ts-expect-error nor bytes
  fromAuthCache(buffers)
  const { extendAuthSession: _, ...six } = texts
  // @ts-expect-error seven operations
  fromAuthCache(six)
  // @ts-expect-error misspelt
  fromAuthCache(texts, { clok: undefined })
}

export function twoTiersOverACacheOfTexts({ texts }: Wanted): AuthCache {
  return new TwoTierAuthCache({ store: fromAuthCache(texts), secret: 'primary-0123456789-0123456789-0123456789' })
}
