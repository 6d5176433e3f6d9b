import type {
  CreateReply,
  EntryTimes,
  ExtendReply,
  NewEntry,
  Replacement,
  ReplaceReply,
  Write,
} from '../cache/store.ts'
import { deadlines, extendedDeadline } from './_deadlines.ts'

/** What is known of an entry that is there, expired or not. */
export interface Known {
  version: number
  times: EntryTimes
}

export type Reply = CreateReply | ReplaceReply | ExtendReply

/** What a write is answered, and what the entry is afterwards; absent: as it was. A bump is its caller's business. */
export interface Decision<R extends Reply = Reply> {
  reply: R
  next?: Known
}

function decideCreate(known: Known | undefined, entry: NewEntry, storeNow: number): Decision<CreateReply> {
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

/** What has to be written for one key. */
export interface Outstanding {
  key: string
  known: Known
  /** A row is made, instead of an expired one if there is one. */
  created?: NewEntry
  value?: Uint8Array
}

/** Decides writes one after the other, each on what those before it left, without writing anything. */
export class Decisions {
  readonly #storeNow: number
  readonly #known: Map<string, Known>
  readonly #outstanding = new Map<string, Outstanding>()

  /** `known` are the entries that are there, locked. */
  constructor(known: ReadonlyMap<string, Known>, storeNow: number) {
    this.#known = new Map(known)
    this.#storeNow = storeNow
  }

  apply(write: Write): Reply {
    const { reply, next } = this.#decide(write)
    if (next !== undefined) this.#note(write, next)
    return reply
  }

  /** In the order of the keys, which is the order of locks. */
  outstanding(): Outstanding[] {
    return [...this.#outstanding.values()].sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)))
  }

  #decide(write: Write): Decision {
    const known = this.#known.get(keyOf(write))
    if (write.operation === 'create') return decideCreate(known, write.entry, this.#storeNow)
    if (write.operation === 'replace') return decideReplace(known, write, this.#storeNow)
    return decideExtend(known, write.idleMs, this.#storeNow)
  }

  #note(write: Write, known: Known): void {
    const key = keyOf(write)
    const before = this.#outstanding.get(key)
    this.#known.set(key, known)
    if (write.operation === 'create') {
      this.#outstanding.set(key, { key, known, created: write.entry, value: write.entry.value })
    } else {
      const value = write.operation === 'replace' ? { value: write.change.value } : {}
      this.#outstanding.set(key, { ...before, key, known, ...value })
    }
  }
}

export function keyOf(write: Write): string {
  return write.operation === 'create' ? write.entry.key : write.key
}

function isLive(known: Known | undefined, storeNow: number): known is Known {
  return known !== undefined && storeNow < known.times.expiresAt
}
