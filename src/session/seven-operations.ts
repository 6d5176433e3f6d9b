import type { AnswerSource } from '../cache/answer.ts'
import type { CacheEntry } from '../cache/entry.ts'
import type { Lifetime } from '../cache/store.ts'
import type { TwoTierCache } from '../cache/two-tier-cache.ts'
import type { AuthCache } from './auth-cache.ts'
import { assertAuthSession, assertId, assertVerifier, lifetimeMs } from './operation-arguments.ts'
import { deepFreeze, neverRefreshed, type SessionRecord } from './record.ts'
import type { SealedTier } from './sealed-tier.ts'
import { changedTooOften } from './session-errors.ts'
import type { AuthSession } from './tokens.ts'
import { sessionPrefix, textOfId, verifierPrefix, type Vault } from './vault.ts'

export interface SevenOperationsParts {
  tiers: TwoTierCache
  vault: Vault
  sessions: SealedTier<SessionRecord>
  verifiers: SealedTier<string>
  /** Counts the answers to reads. */
  counts: Record<AnswerSource, number>
}

/** A partition of the two tiers as plain get, set, invalidate and extend by id. */
interface Plain<V> {
  /** What memory has; synchronous, so that a hit awaits nothing. */
  serve(id: string): CacheEntry<V> | undefined
  load(id: string): Promise<CacheEntry<V> | undefined>
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
  { tiers, vault, counts, ...partitions }: SevenOperationsParts,
  { verifierTtlSec, sessionTtlSec }: { verifierTtlSec: number; sessionTtlSec: number },
): AuthCache {
  const verifiers = plain({ vault, prefix: verifierPrefix, ...partitions.verifiers, counts })
  const sessions = plain({ vault, prefix: sessionPrefix, ...partitions.sessions, counts })
  return {
    async getCodeVerifier(state) {
      assertId(state)
      // Login transactions live under the same prefix, and are nobody's verifier.
      const verifier: unknown = (verifiers.serve(state) ?? (await verifiers.load(state)))?.value
      return typeof verifier === 'string' ? verifier : undefined
    },
    async setCodeVerifier(state, verifier) {
      assertId(state)
      assertVerifier(verifier)
      await verifiers.set(state, verifier, { idleMs: verifierTtlSec * 1_000 })
    },
    async invalidateCodeVerifier(state) {
      assertId(state)
      await verifiers.invalidate(state)
    },
    getAuthSession(id) {
      const entry = typeof id === 'string' ? sessions.serve(id) : undefined
      return entry === undefined ? loadSession(id) : Promise.resolve(authSessionOf(entry))
    },
    async setAuthSession(id, session, ttlSec = sessionTtlSec) {
      assertId(id)
      assertAuthSession(session)
      await sessions.set(id, toRecord(session, tiers.clock.wall()), { idleMs: lifetimeMs(ttlSec) })
    },
    async invalidateAuthSession(id) {
      assertId(id)
      await sessions.invalidate(id)
    },
    async extendAuthSession(id, ttlSec) {
      assertId(id)
      await sessions.extend(id, ttlSec)
    },
  }

  async function loadSession(id: string): Promise<AuthSession | undefined> {
    assertId(id)
    const entry = await sessions.load(id)
    return entry && authSessionOf(entry)
  }
}

function plain<V>({ vault, prefix, partition, writes, counts }: PlainParts<V>): Plain<V> {
  return {
    serve(id) {
      const entry = partition.serve(textOfId(id))
      if (entry !== undefined) counts.l1++
      return entry
    },
    async load(id) {
      const { entry, source } = await partition.load(textOfId(id), vault.keyOf(prefix, id))
      counts[entry === undefined ? 'refused' : source]++
      return entry
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
      await writes.extend(vault.keyOf(prefix, id), lifetimeMs(ttlSec), partition.serve(textOfId(id)))
    },
  }
}

function toRecord(session: AuthSession, now: number): SessionRecord {
  const { claims, data, ...tokens } = session
  const record: SessionRecord = { claims, data, tokens, tokensAt: now, refresh: neverRefreshed }
  return deepFreeze(JSON.parse(JSON.stringify(record)) as SessionRecord)
}

function toAuthSession({ tokens, claims, data }: SessionRecord): AuthSession {
  return Object.freeze({ ...tokens, claims, data })
}

/** One frozen object for all who ask, as long as the entry lives. */
function authSessionOf(entry: CacheEntry<SessionRecord>): AuthSession {
  return (entry.made ??= toAuthSession(entry.value)) as AuthSession
}
