import type { EntryTimes, IndexName } from '../../cache/store.ts'
import { Room, type Occupant } from './room.ts'

export interface Row extends Occupant {
  readonly key: string
  value: Uint8Array
  version: number
  times: EntryTimes
  readonly indexes: Partial<Record<IndexName, string>>
  readonly label: string | undefined
}

/** How many entries of one kind there may be, and whom to tell when it is nearly so many. */
export interface RoomPlan {
  maxEntries: number
  onNearlyFull: (kind: string, entries: number) => void
}

/** The entries of a memory store, found by key and by index value, each kind of key with a room of its own. */
export class MemoryRows {
  readonly #plan: RoomPlan
  readonly #byKey = new Map<string, Row>()
  readonly #byIndex: Record<IndexName, Map<string, Set<Row>>> = { subject: new Map(), sid: new Map() }
  readonly #rooms = new Map<string, Room<Row>>()

  constructor(plan: RoomPlan) {
    this.#plan = plan
  }

  get size(): number {
    return this.#byKey.size
  }

  all(): Iterable<Row> {
    return this.#byKey.values()
  }

  /** Looking at a row does not count as a use of it. */
  get(key: string): Row | undefined {
    return this.#byKey.get(key)
  }

  under(index: IndexName, values: readonly string[]): Row[] {
    return [...new Set(values)].flatMap((value) => [...(this.#byIndex[index].get(value) ?? [])])
  }

  /** Adds a row whose key is not there; returns who had to leave for it. */
  add(row: Row, now: number): Row | undefined {
    const room = this.#roomOf(row.key)
    const left = room.isFull ? room.evict(now) : undefined
    if (left !== undefined) this.#forget(left)
    room.add(row)
    this.#byKey.set(row.key, row)
    for (const [index, value] of indexesOf(row)) {
      const rows = this.#byIndex[index].get(value)
      if (rows) rows.add(row)
      else this.#byIndex[index].set(value, new Set([row]))
    }
    return left
  }

  used(row: Row): void {
    this.#roomOf(row.key).used(row)
  }

  delete(row: Row): void {
    this.#roomOf(row.key).remove(row)
    this.#forget(row)
  }

  clear(): void {
    this.#byKey.clear()
    this.#rooms.clear()
    for (const byValue of Object.values(this.#byIndex)) byValue.clear()
  }

  #forget(row: Row): void {
    this.#byKey.delete(row.key)
    for (const [index, value] of indexesOf(row)) {
      const rows = this.#byIndex[index].get(value)
      rows?.delete(row)
      if (rows?.size === 0) this.#byIndex[index].delete(value)
    }
  }

  #roomOf(key: string): Room<Row> {
    const kind = kindOf(key)
    const known = this.#rooms.get(kind)
    if (known !== undefined) return known
    const room = new Room<Row>(this.#plan.maxEntries, (entries) => this.#plan.onNearlyFull(kind, entries))
    this.#rooms.set(kind, room)
    return room
  }
}

export function isLive(row: Row, now: number): boolean {
  return now < row.times.expiresAt
}

/** What a key is of: the text before its first colon. Empty where there is none, for a key is in no log. */
export function kindOf(key: string): string {
  return key.slice(0, Math.max(0, key.indexOf(':')))
}

function indexesOf(row: Row): [IndexName, string][] {
  return Object.entries(row.indexes) as [IndexName, string][]
}
