/** The cookie headers with which sessions were last seen here. */
export interface Seen {
  add(sessionId: string, cookieHeader: string | undefined): void
  /** The headers of those of the sessions that were seen. */
  of(sessionIds: readonly string[]): string[]
}

const capacity = 200

/**
 * For the measurement only, never for an application: to see a session of another browser refused, someone has to keep
 * asking with its cookie, and that browser won't. Whoever keeps cookies can be robbed of them; the library itself never
 * needs them back.
 */
export function createSeen(): Seen {
  const headers = new Map<string, string>()
  return {
    add(sessionId, cookieHeader) {
      if (cookieHeader === undefined) return
      headers.delete(sessionId)
      headers.set(sessionId, cookieHeader)
      if (headers.size > capacity) headers.delete(headers.keys().next().value!)
    },
    of: (sessionIds) => sessionIds.flatMap((id) => headers.get(id) ?? []),
  }
}
