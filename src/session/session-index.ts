import type { EntryInfo, IndexName, RemoveTarget } from '../cache/store.ts'
import type { SessionParts } from './session-parts.ts'
import type { RevokeOptions, SessionInfo } from './session.ts'
import { sessionPrefix } from './vault.ts'

const pageSize = 500

/** Sessions found without their cookies: by user or by provider session, under a hash for every secret in use. */
export class SessionIndex {
  readonly #parts: SessionParts

  constructor(parts: SessionParts) {
    this.#parts = parts
  }

  async list({ subject }: { subject: string }): Promise<SessionInfo[]> {
    const { tiers } = this.#parts
    await tiers.ready()
    const query = { index: 'subject', values: this.#hashes('subject', subject), limit: pageSize } as const
    const found: SessionInfo[] = []
    for (let after: string | undefined; ;) {
      const page = await tiers.store.list(after === undefined ? query : { ...query, after })
      found.push(...page.entries.map(infoOf))
      if (page.next === undefined) return found
      after = page.next
    }
  }

  async revoke(id: string, options?: RevokeOptions): Promise<boolean> {
    return isId(id) && (await this.#remove({ key: sessionPrefix + id }, options)) > 0
  }

  revokeOthers({ id, subject }: { id: string; subject: string }, options?: RevokeOptions): Promise<number> {
    const values = this.#hashes('subject', subject)
    return this.#remove({ index: 'subject', values, except: sessionPrefix + id }, options)
  }

  revokeAll(of: { subject: string } | { sid: string }, options?: RevokeOptions): Promise<number> {
    const index = 'sid' in of ? 'sid' : 'subject'
    const values = this.#hashes(index, 'sid' in of ? of.sid : of.subject)
    return this.#remove({ index, values }, options)
  }

  /** Waits also where nothing was left to remove: an attempt before this one may have removed and then failed to wait. */
  async #remove(target: RemoveTarget, options: RevokeOptions | undefined): Promise<number> {
    const { writes, tiers } = this.#parts
    const { removed } = await writes.remove(target)
    if (options?.wait !== undefined) await tiers.untilGoneEverywhere()
    return removed
  }

  #hashes(index: IndexName, value: string): string[] {
    const { vault, issuer } = this.#parts
    return vault.keyRing.all.map((keys) => keys.hash(index, issuer, value))
  }
}

/** Ids come from outside; no other text was ever one. */
function isId(id: unknown): boolean {
  return typeof id === 'string' && /^[\w-]{43}$/.test(id)
}

function infoOf({ key, times, label }: EntryInfo): SessionInfo {
  const { createdAt, lastSeenAt, expiresAt } = times
  return { id: key.slice(sessionPrefix.length), createdAt, lastSeenAt, expiresAt, device: label }
}
