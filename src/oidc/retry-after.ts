import type { Clock } from '../shared/clock.ts'

/** Nobody is kept from trying again for longer. */
const maxSec = 3600

/** Reads a `Retry-After` header, seconds or a date (RFC 9110 §10.2.3), as seconds from now. */
export function retryAfterSec(header: string | null, clock: Clock): number | undefined {
  if (header === null) return undefined
  const seconds = /^\d+$/.test(header) ? Number(header) : Math.ceil((Date.parse(header) - clock.wall()) / 1000)
  return Number.isNaN(seconds) ? undefined : Math.min(Math.max(seconds, 0), maxSec)
}
