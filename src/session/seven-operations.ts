import type { AnswerSource } from '../cache/answer.ts'
import type { CacheEntry } from '../cache/entry.ts'
import type { Lifetime } from '../cache/store.ts'
import type { TwoTierCache } from '../cache/two-tier-cache.ts'
import type { AuthCache } from './auth-cache.ts'
import { assertSessionData } from './json.ts'
import { deepFreeze, neverRefreshed, type SessionRecord } from './record.ts'
import { sealedTier, type SealedTier } from './sealed-tier.ts'
import { changedTooOften } from './session-errors.ts'
import type { AuthSession } from './tokens.ts'
import { sessionPrefix, textOfId, verifierPrefix, type Vault } from './vault.ts'

const verifierCapacity = 1_000
const maxTtlSec = 31_536_000

export interface SevenOperationsParts extends SealedTier<SessionRecord> {
  tiers: TwoTierCache
  vault: Vault
  /** Counts the answers to `get`. */
  counts: Record<AnswerSource, number>
}

/** A partition of the two tiers as plain get, set, invalidate and extend by id. */
interface Plain<V> {
  get(id: string): Promise<CacheEntry<V> | undefined>
  set(id: string, value: V, lifetime: Lifetime): Promise<void>
  invalidate(id: string): Promise<void>
  extend(id: string, ttlSec: number): Promise<void>
}

interface PlainParts<V> extends SealedTier<V> {
  vault: Vault
  prefix: string
  counts: Record<AnswerSource, number>
}

/** The seven operations over the two tiers. They promise no single use and no fence; the rest holds. */
export function sevenOperations(
  { tiers, vault, counts, ...sessionTier }: SevenOperationsParts,
  { verifierTtlSec, sessionTtlSec }: { verifierTtlSec: number; sessionTtlSec: number },
): AuthCache {
  const verifierTier = sealedTier<string>(tiers, vault, { capacity: verifierCapacity })
  const verifiers = plain({ vault, prefix: verifierPrefix, ...verifierTier, counts })
  const sessions = plain({ vault, prefix: sessionPrefix, ...sessionTier, counts })
  return {
    async getCodeVerifier(state) {
      // Login transactions live under the same prefix, and are nobody's verifier.
      const verifier: unknown = (await verifiers.get(state))?.value
      return typeof verifier === 'string' ? verifier : undefined
    },
    setCodeVerifier: (state, verifier) => verifiers.set(state, verifier, { idleMs: verifierTtlSec * 1_000 }),
    invalidateCodeVerifier: (state) => verifiers.invalidate(state),
    getAuthSession: async (id) => toAuthSession((await sessions.get(id))?.value),
    async setAuthSession(id, session, ttlSec = sessionTtlSec) {
      await sessions.set(id, toRecord(session, tiers.clock.wall()), { idleMs: inMs(ttlSec) })
    },
    invalidateAuthSession: (id) => sessions.invalidate(id),
    extendAuthSession: (id, ttlSec) => sessions.extend(id, ttlSec),
  }
}

function plain<V>({ vault, prefix, partition, writes, counts }: PlainParts<V>): Plain<V> {
  const load = async (id: string): Promise<CacheEntry<V> | undefined> => {
    const { entry, joined } = await partition.load(textOfId(id), vault.keyOf(prefix, id))
    counts[entry === undefined ? 'refused' : joined ? 'joined' : 'l2']++
    return entry
  }
  return {
    // Not async: a hit awaits nothing.
    get: (id) => {
      const entry = partition.serve(textOfId(id))
      if (entry === undefined) return load(id)
      counts.l1++
      return Promise.resolve(entry)
    },
    async set(id, value, lifetime) {
      const [text, key] = [textOfId(id), vault.keyOf(prefix, id)]
      const written = await writes.inTurn(key, async () => {
        const { entry } = await partition.load(text, key, true)
        if (entry === undefined) return writes.create({ text, key, value }, { lifetime })
        const replaced = await writes.replace(entry, value, { bump: true, lifetime })
        return typeof replaced === 'string' ? undefined : replaced
      })
      if (written === undefined) throw changedTooOften()
    },
    async invalidate(id) {
      await writes.remove({ key: vault.keyOf(prefix, id) })
    },
    async extend(id, ttlSec) {
      await writes.extend(vault.keyOf(prefix, id), inMs(ttlSec), partition.serve(textOfId(id)))
    },
  }
}

function toRecord(session: AuthSession, now: number): SessionRecord {
  assertSessionData(session.data)
  const { claims, data, ...tokens } = session
  const record: SessionRecord = { claims, data, tokens, tokensAt: now, refresh: neverRefreshed }
  return deepFreeze(JSON.parse(JSON.stringify(record)) as SessionRecord)
}

function toAuthSession(record: SessionRecord | undefined): AuthSession | undefined {
  return record && { ...record.tokens, claims: record.claims, data: record.data }
}

/** What is no number would never end in memory, and a deadline too large for a number could not be read back. */
function inMs(ttlSec: number): number {
  if (ttlSec > 0 && ttlSec <= maxTtlSec) return ttlSec * 1_000
  throw new RangeError(`ttlSec must be more than 0 and at most ${maxTtlSec} seconds`)
}
