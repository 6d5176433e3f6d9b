import type { NewEntry, Write, WriteReply } from '../../cache/store.ts'
import { decideCreate, decideExtend, decideReplace, keyOf } from '../rules/decisions.ts'
import type { Decision, Known } from '../rules/decisions.ts'

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

  apply(write: Write): WriteReply {
    const { reply, next } = this.#decide(write)
    if (next !== undefined) this.#note(write, next)
    return reply
  }

  /** In the order of the keys, which is the order of locks. */
  outstanding(): Outstanding[] {
    return [...this.#outstanding.values()].sort((a, b) => byBytes(a.key, b.key))
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

/** The order of keys in the database. */
export function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
