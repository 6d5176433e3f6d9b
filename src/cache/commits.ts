import { now, type Instant } from '../shared/clock.ts'
import { bucketOf } from './bucket.ts'
import type { Bump } from './store.ts'
import type { Tiers } from './two-tier-cache.ts'

/** One conditional, atomic write at the store, and what becomes of L1 after it. */
export interface Unit<R> {
  /** The key it writes, if it is known before the store answers. */
  key?: string
  /** Whether L1 lets go of the key before anything is sent: a removal is never served again by this process. */
  dropFirst?: boolean
  /** Whether a write that may or may not have happened leaves the entry in L1 true: a touch does. Default `false`. */
  harmlessInDoubt?: boolean
  send(): Promise<R>
  bumps?(reply: R): readonly Bump[]
  /** Inserts into or drops from L1, synchronously, once the bumps are applied. */
  apply?(reply: R, kept: Kept): void
}

/** Whether and how the outcome of a write may be kept in L1. */
export interface Kept {
  mayKeep: boolean
  stamp: number
  at: Instant
}

interface Writing {
  open: number
  latest: number
}

/**
 * Every write passes `commit`: detach → send → apply the returned bumps → insert or drop → announce.
 * While a key is being written no read of it is kept, for nobody can say on which side of the write it fell.
 */
export class Commits {
  readonly #tiers: Tiers
  readonly #writing = new Map<string, Writing>()
  #sequence = 0

  constructor(tiers: Tiers) {
    this.#tiers = tiers
  }

  isWriting(key: string): boolean {
    return this.#writing.has(key)
  }

  async commit<R>(unit: Unit<R>): Promise<R> {
    await this.#tiers.ready()
    const { coherence, clock } = this.#tiers
    const { key } = unit
    const sequence = this.#begin(unit)
    const bucket = key === undefined ? 0 : bucketOf(key, this.#tiers.buckets)
    const mark = coherence.mark(bucket)
    const at = now(clock)
    let reply: R
    try {
      reply = await unit.send()
    } catch (error) {
      this.#end(key, sequence)
      if (key !== undefined && !unit.harmlessInDoubt) this.#tiers.drop(key)
      throw error
    }
    const isLatest = this.#end(key, sequence)
    const bumps = unit.bumps?.(reply) ?? []
    for (const bump of bumps) coherence.applyOwn(bump, mark)
    const own = key === undefined ? undefined : bumps.find((bump) => bump.bucket === bucket)
    const mayKeep = isLatest && this.#tiers.enableL1 && coherence.stillAt(bucket, mark, own)
    unit.apply?.(reply, { mayKeep, stamp: own?.n ?? mark.stamp, at })
    for (const bump of bumps) this.#tiers.announce(bump)
    return reply
  }

  #begin({ key, dropFirst }: Unit<unknown>): number {
    const sequence = ++this.#sequence
    if (key === undefined) return sequence
    this.#writing.set(key, { open: (this.#writing.get(key)?.open ?? 0) + 1, latest: sequence })
    if (dropFirst) this.#tiers.drop(key)
    else this.#tiers.detach(key)
    return sequence
  }

  /** Returns whether no other write of the key began after this one. */
  #end(key: string | undefined, sequence: number): boolean {
    if (key === undefined) return false
    this.#tiers.detach(key)
    const writing = this.#writing.get(key)
    if (writing === undefined) return false
    if (--writing.open === 0) this.#writing.delete(key)
    return writing.latest === sequence
  }
}
