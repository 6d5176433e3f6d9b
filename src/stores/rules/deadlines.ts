import type { EntryTimes, Lifetime } from '../../cache/store.ts'

/** The deadlines of an entry written at `now` (Unix ms). */
export function deadlines(now: number, lifetime: Lifetime): Pick<EntryTimes, 'expiresAt' | 'absoluteExpiresAt'> {
  const idle = Math.floor(now + lifetime.idleMs)
  if (lifetime.absoluteMs === undefined) return { expiresAt: idle }
  const absoluteExpiresAt = Math.floor(now + lifetime.absoluteMs)
  return { expiresAt: Math.min(idle, absoluteExpiresAt), absoluteExpiresAt }
}

/** The deadline after an extension: never nearer than it was, never beyond the absolute one. */
export function extendedDeadline(times: EntryTimes, now: number, idleMs: number): number {
  const wanted = Math.max(times.expiresAt, Math.floor(now + idleMs))
  return times.absoluteExpiresAt === undefined ? wanted : Math.min(wanted, times.absoluteExpiresAt)
}
