import type { CreateReply, ExtendReply, NewEntry, RemoveTarget } from '../../src/cache/store.ts'
import type { ReplaceReply, Replacement, StoredEntry } from '../../src/cache/store.ts'
import { isWrite } from './simulated-store.ts'

/** What was written once, under one key, and nothing else ever is: whoever is answered with it, it is known when it held. */
export interface Value {
  readonly id: number
  readonly key: string
  /** By what else it is removed. */
  readonly subject: string
  /** What it was made from. */
  readonly base: Value | undefined
  /** When it was in the store: once, or again after a restore. */
  readonly states: State[]
}

/** What the store held under a key for a while. All times are the scheduler's. */
export interface State {
  readonly key: string
  readonly value: Value | undefined
  /** The place in the key's history. */
  readonly rank: number
  /** How often the store had lost something by then. */
  readonly era: number
  readonly from: number
  readonly version: number
  until: number
  /** From where it was removed. */
  removedFrom: string | undefined
  /** By the store's clock, Unix ms. */
  deadline: number
  expiresAt: number
  /** When a change that others must see was made, of this state or a later one, and by which of the store's writes. */
  bumpedAt: number
  bumpedBy: number
  /** When whoever ended it on purpose was told that it had ended, and which write was the last by then. */
  revokedAt: number
  revokedBy: number
}

/** The store forgot what it had acknowledged. */
export interface Loss {
  readonly at: number
  /** It remembers its first writes, so many. Infinity: it is to be held to all of them. */
  readonly kept: number
  /** Another store took over: of a key that it does not hold nothing can come back. */
  readonly isAnother: boolean
  /** Whether an instance cannot but notice it, of this bucket. */
  mustNotice(instance: string, bucket: number): boolean
}

/** A value as it is written: only its number. */
export function encode(id: number): Uint8Array {
  return Uint8Array.of(id & 0xff, id >> 8)
}

/** Everything the store ever held, as an observer beside it writes it down. */
export class StoreTimeline {
  readonly losses: Loss[] = []
  readonly problems: string[] = []
  /** When the store's clock was stepped last: memory hears of that within D. */
  steppedAt: number = -Infinity
  readonly #now: () => number
  readonly #storeWall: () => number
  readonly #values: Value[] = []
  readonly #states = new Map<string, State[]>()
  #writes = 0
  #bumped: string[] = []

  constructor(now: () => number, storeWall: () => number) {
    this.#now = now
    this.#storeWall = storeWall
  }

  get era(): number {
    return this.losses.length
  }

  newValue(key: string, subject: string, base?: Value): Value {
    const value: Value = { id: this.#values.length, key, subject, base, states: [] }
    this.#values.push(value)
    return value
  }

  value(id: number): Value {
    return this.#values[id]!
  }

  decode(bytes: Uint8Array): Value {
    return this.value(bytes[0]! | (bytes[1]! << 8))
  }

  statesOf(key: string): readonly State[] {
    return this.#states.get(key) ?? []
  }

  latestOf(key: string): State | undefined {
    return this.#states.get(key)?.at(-1)
  }

  /** What is under the key now. */
  presentAt(key: string): (State & { value: Value }) | undefined {
    const state = this.latestOf(key)
    return state?.value !== undefined && state.expiresAt > this.#now() ? (state as State & { value: Value }) : undefined
  }

  /** The keys of what is there now and would be removed, or its one key in any case. */
  keysMeant(target: RemoveTarget): string[] {
    if ('key' in target) return [target.key]
    return this.keys.filter((key) => {
      const present = this.presentAt(key)
      return present !== undefined && isMeant(target, present.value, present.version)
    })
  }

  /** Told of every operation when it takes effect. Returns the keys that memory must let go of. */
  witness(operation: string, args: readonly unknown[], reply: unknown, from: string): readonly string[] {
    if (isWrite(operation)) this.#writes++
    this.#bumped = []
    if (operation === 'create') this.#created(args[0] as NewEntry, reply as CreateReply)
    else if (operation === 'replace') this.#replaced(args as [string, number, Replacement], reply as ReplaceReply)
    else if (operation === 'extend') this.#extended(args[0] as string, reply as ExtendReply)
    else if (operation === 'take') this.#taken(reply as StoredEntry | undefined)
    else if (operation === 'remove') this.#removed(args[0] as RemoveTarget, from)
    return this.#bumped
  }

  /** The store holds something else from now on: of all keys, what is given. */
  lost(entries: readonly (StoredEntry | undefined)[], loss: Loss): void {
    this.losses.push(loss)
    if (loss.kept !== Infinity) this.#writes = loss.kept
    const held = new Map(entries.map((entry) => [entry?.key, entry]))
    for (const [key, states] of this.#states) if (!loss.isAnother || held.has(key)) forget(states, loss)
    for (const key of this.keys) {
      const entry = held.get(key)
      if (entry === undefined) this.#enter(key, undefined, gone(false))
      else this.#enter(key, this.decode(entry.value), { ...stay(entry), bump: false })
    }
  }

  /** The store's clock shows another time: what was to expire does so earlier or later, or never did. */
  stepped(): void {
    const now = this.#now()
    this.steppedAt = now
    for (const states of this.#states.values()) {
      const state = states.at(-1)!
      const expiresAt = this.#expiryOf(state.deadline)
      if (state.expiresAt > now || expiresAt > now) state.expiresAt = Math.max(expiresAt, now)
    }
  }

  /** Somebody was told that these are over. */
  revoked(states: readonly State[]): void {
    const revoked = { revokedAt: this.#now(), revokedBy: this.#writes }
    for (const state of states) if (state.revokedAt === Infinity) Object.assign(state, revoked)
  }

  get keys(): string[] {
    return [...this.#states.keys()]
  }

  #created(entry: NewEntry, reply: CreateReply): void {
    if (reply.outcome === 'created') {
      this.#enter(entry.key, this.decode(entry.value), { ...stay(reply), bump: false })
    }
  }

  #replaced([key, , change]: [string, number, Replacement], reply: ReplaceReply): void {
    if (reply.outcome !== 'replaced') return
    const value = this.decode(change.value)
    const before = this.latestOf(key)?.value
    // A store that lost versions counts them once more.
    if (before !== value.base && value.base?.states.at(-1)?.era === this.era) {
      this.problems.push(`value ${value.id} of ${key} was made from ${value.base.id}, but replaced ${before?.id}`)
    }
    this.#enter(key, value, { ...stay(reply), bump: change.bump })
  }

  #extended(key: string, reply: ExtendReply): void {
    const state = this.latestOf(key)
    if (reply.outcome === 'extended' && state !== undefined)
      Object.assign(state, { deadline: reply.times.expiresAt, expiresAt: this.#expiryOf(reply.times.expiresAt) })
  }

  #taken(entry: StoredEntry | undefined): void {
    if (entry !== undefined) this.#enter(entry.key, undefined, gone(false))
  }

  /** By what was asked for, not by what the store says it did. */
  #removed(target: RemoveTarget, from: string): void {
    for (const [key, states] of this.#states) {
      const state = states.at(-1)!
      if (state.value === undefined || !isMeant(target, state.value, state.version)) continue
      state.removedFrom = from
      this.#enter(key, undefined, gone(true))
    }
  }

  #enter(key: string, value: Value | undefined, what: Stay & { bump: boolean }): void {
    const now = this.#now()
    let states = this.#states.get(key)
    if (states === undefined) this.#states.set(key, (states = []))
    const before = states.at(-1)
    if (before !== undefined) before.until = now
    if (what.bump) {
      this.#bumped.push(key)
      const bump = { bumpedAt: now, bumpedBy: this.#writes }
      for (const state of states) if (state.bumpedAt === Infinity) Object.assign(state, bump)
    }
    // What was revoked and is back is still revoked, unless that was forgiven.
    const { revokedAt = Infinity, revokedBy = Infinity } = value?.states.at(-1) ?? {}
    const state: State = {
      key,
      value,
      rank: states.length,
      era: this.era,
      from: now,
      version: what.version,
      until: Infinity,
      removedFrom: undefined,
      deadline: what.deadline,
      expiresAt: this.#expiryOf(what.deadline),
      bumpedAt: Infinity,
      bumpedBy: Infinity,
      revokedAt,
      revokedBy,
    }
    states.push(state)
    value?.states.push(state)
  }

  #expiryOf(deadline: number): number {
    return this.#now() + deadline - this.#storeWall()
  }
}

/** What the store does not know any more it cannot tell anybody. */
function forget(states: readonly State[], { kept }: Loss): void {
  for (const state of states) {
    if (state.revokedBy > kept) Object.assign(state, { revokedAt: Infinity, revokedBy: Infinity })
    if (state.bumpedBy > kept) Object.assign(state, { bumpedAt: Infinity, bumpedBy: Infinity })
  }
}

interface Stay {
  version: number
  deadline: number
}

function stay({ version, times }: Pick<StoredEntry, 'version' | 'times'>): Stay {
  return { version, deadline: times.expiresAt }
}

function gone(bump: boolean): Stay & { bump: boolean } {
  return { version: 0, deadline: Infinity, bump }
}

function isMeant(target: RemoveTarget, { key, subject }: Value, version: number): boolean {
  if ('index' in target) return target.values.includes(subject) && key !== target.except
  return key === target.key && (!('ifVersion' in target) || target.ifVersion === version)
}
