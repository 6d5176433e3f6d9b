import type { EntryInfo, IndexName } from '../cache/store.ts'
import type { SessionParts } from './session-parts.ts'
import type { SessionInfo } from './session.ts'
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

  async revoke(id: string): Promise<boolean> {
    return (await this.#parts.writes.remove({ key: sessionPrefix + id })).removed > 0
  }

  async revokeOthers({ id, subject }: { id: string; subject: string }): Promise<number> {
    const values = this.#hashes('subject', subject)
    return (await this.#parts.writes.remove({ index: 'subject', values, except: sessionPrefix + id })).removed
  }

  async revokeAll(of: { subject: string } | { sid: string }): Promise<number> {
    const index = 'sid' in of ? 'sid' : 'subject'
    const values = this.#hashes(index, 'sid' in of ? of.sid : of.subject)
    return (await this.#parts.writes.remove({ index, values })).removed
  }

  #hashes(index: IndexName, value: string): string[] {
    const { vault, issuer } = this.#parts
    return vault.keyRing.all.map((keys) => keys.hash(index, issuer, value))
  }
}

function infoOf({ key, times, label }: EntryInfo): SessionInfo {
  const { createdAt, lastSeenAt, expiresAt } = times
  return { id: key.slice(sessionPrefix.length), createdAt, lastSeenAt, expiresAt, device: label }
}
