import type {
  CreateReply,
  EntryTimes,
  ExtendReply,
  NewEntry,
  Replacement,
  ReplaceReply,
  Write,
  WriteReply,
} from '../../cache/store.ts'
import { deadlines, extendedDeadline } from './deadlines.ts'

/** What is known of an entry that is there, expired or not. */
export interface Known {
  version: number
  times: EntryTimes
}

/** What a write is answered, and what the entry is afterwards; absent: as it was. A bump is its caller's business. */
export interface Decision<R extends WriteReply = WriteReply> {
  reply: R
  next?: Known
}

export function keyOf(write: Write): string {
  return write.operation === 'create' ? write.entry.key : write.key
}

export function decideCreate(known: Known | undefined, entry: NewEntry, storeNow: number): Decision<CreateReply> {
  if (isLive(known, storeNow)) return { reply: { outcome: 'present' } }
  const times = { createdAt: storeNow, lastSeenAt: storeNow, ...deadlines(storeNow, entry.lifetime) }
  return { reply: { outcome: 'created', version: 1, times, storeNow }, next: { version: 1, times } }
}

export function decideReplace(
  known: Known | undefined,
  { version, change }: { version: number; change: Replacement },
  storeNow: number,
): Decision<ReplaceReply> {
  if (!isLive(known, storeNow)) return { reply: { outcome: 'absent' } }
  if (known.version !== version) return { reply: { outcome: 'conflict' } }
  const { createdAt } = known.times
  const times = change.lifetime
    ? { createdAt, lastSeenAt: storeNow, ...deadlines(storeNow, change.lifetime) }
    : known.times
  const next = { version: version + 1, times }
  return { reply: { outcome: 'replaced', ...next, storeNow, bumps: [] }, next }
}

export function decideExtend(known: Known | undefined, idleMs: number, storeNow: number): Decision<ExtendReply> {
  if (!isLive(known, storeNow)) return { reply: { outcome: 'absent' } }
  const expiresAt = extendedDeadline(known.times, storeNow, idleMs)
  const next = { version: known.version, times: { ...known.times, lastSeenAt: storeNow, expiresAt } }
  return { reply: { outcome: 'extended', ...next, storeNow }, next }
}

function isLive(known: Known | undefined, storeNow: number): known is Known {
  return known !== undefined && storeNow < known.times.expiresAt
}
