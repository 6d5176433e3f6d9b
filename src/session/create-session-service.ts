import { Authenticator } from './authenticator.ts'
import { cacheStats } from './cache-stats.ts'
import { LiveSession, type Entry, type SessionActs } from './live-session.ts'
import type { SessionService } from './service.ts'
import { SessionIndex } from './session-index.ts'
import { SessionLifecycle } from './session-lifecycle.ts'
import { assembleSessionParts, type SessionParts, type SessionServiceOptions } from './session-parts.ts'
import { updateData } from './session-writer.ts'
import type { Session } from './session.ts'
import { sevenOperations } from './seven-operations.ts'
import type { SessionData } from './tokens.ts'
import { createTransactions } from './transactions.ts'
import { sessionPrefix } from './vault.ts'

/** Sessions in two tiers, for the use cases in `auth`. */
export function createSessionService<Data extends SessionData>(options: SessionServiceOptions): SessionService<Data> {
  const parts = assembleSessionParts(options)
  const { tiers, partition, vault, refresher } = parts
  const authenticator = new Authenticator(parts, options.hooks.onAnswer)
  const lifecycle = new SessionLifecycle(parts)
  const index = new SessionIndex(parts)
  const acts = sessionActs(parts)
  const live = (entry: Entry, setCookie: (value: string) => void = ignore): Session<Data> => {
    return new LiveSession<Data>(entry, acts, setCookie)
  }
  return {
    ready: () => tiers.ready(),
    authenticate(cookieHeader, setCookie) {
      const entry = authenticator.find(cookieHeader)
      if (entry === undefined) return undefined
      if (!(entry instanceof Promise)) return live(entry, setCookie)
      return entry.then((found) => found && live(found, setCookie))
    },
    open: async (opening, browser) => live(await lifecycle.open(opening, browser), browser.setCookie),
    close: (browser) => lifecycle.close(browser),
    list: (of) => index.list(of),
    revoke: (id, how) => index.revoke(id, how),
    revokeOthers: ({ id, claims }, how) => index.revokeOthers({ id, subject: claims.sub }, how),
    revokeAll: (of, how) => index.revokeAll(of, how),
    transactions: createTransactions(tiers, vault),
    cache: sevenOperations(
      { tiers, vault, sessions: parts, verifiers: parts.verifiers, counts: authenticator.counts },
      {
        verifierTtlSec: options.transactionTtlSec,
        sessionTtlSec: options.idleTimeoutSec,
      },
    ),
    stats: () => cacheStats(tiers, { sessions: partition, verifiers: parts.verifiers.partition }, authenticator.counts),
    storeStats: () => tiers.storeStats(),
    lease: () => tiers.lease(),
    async ping() {
      await tiers.ready()
      await tiers.store.ping()
    },
    async shutdown() {
      await refresher.close()
      await tiers.close()
    },
  }
}

function ignore(): void {}

function sessionActs({ tiers, writes, partition, refresher, cookies, hooks }: SessionParts): SessionActs {
  return {
    idOf: (entry) => entry.key.slice(sessionPrefix.length),
    refreshed: (entry) => refresher.current(entry),
    updated: (entry, change) => updateData(entry, change, { partition, writes }),
    async revoked(entry, options) {
      const { removed } = await writes.remove({ key: entry.key })
      if (removed > 0) await hooks.onSignOut(entry.value.claims, 'revoked')
      if (options?.wait !== undefined) await tiers.untilGoneEverywhere()
    },
    cookiesAfterUpdate: (entry) => [cookies.version(entry.version, entry.text)],
    cookiesAfterRevoke: () => cookies.clearing(),
  }
}
