import { now, type Instant } from '../shared/clock.ts'
import { bucketOf } from './bucket.ts'
import { BreakerOpenError } from './l2/circuit-breaker.ts'
import type { Bump } from './store.ts'
import type { Tiers } from './tiers.ts'

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
  /** The newest version that was read meanwhile. Nothing older may be kept, for somebody was answered with it. */
  newestRead: number
}

/** Two tiers that can be written to. */
export interface CommittingTiers extends Tiers {
  readonly commits: Commits
}

interface Writing {
  open: number
  latest: number
  newestRead: number
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

  /** A read of the key brought this version; Infinity: it was gone. */
  noteRead(key: string, version: number): void {
    const writing = this.#writing.get(key)
    if (writing !== undefined) writing.newestRead = Math.max(writing.newestRead, version)
  }

  /** Nobody knows what is gone: of the writes under way none is kept. */
  noteAllGone(): void {
    for (const writing of this.#writing.values()) writing.newestRead = Infinity
  }

  async commit<R>(unit: Unit<R>): Promise<R> {
    await this.#tiers.ready()
    const { coherence, clock, poller, enableL1, watchesEpochs } = this.#tiers
    const { key } = unit
    if (watchesEpochs) poller.wake()
    const sequence = this.#begin(unit)
    const bucket = key === undefined ? 0 : bucketOf(key, this.#tiers.buckets)
    const mark = coherence.mark(bucket)
    const at = now(clock)
    let reply: R
    try {
      reply = await unit.send()
    } catch (error) {
      this.#end(key, sequence)
      const isInDoubt = !unit.harmlessInDoubt && !(error instanceof BreakerOpenError)
      if (key !== undefined && isInDoubt) this.#tiers.drop(key)
      throw error
    }
    const { standsAlone, newestRead } = this.#end(key, sequence)
    const bumps = unit.bumps?.(reply) ?? []
    for (const bump of bumps) coherence.applyOwn(bump, mark)
    const own = key === undefined ? undefined : bumps.find((bump) => bump.bucket === bucket)
    const mayKeep = standsAlone && enableL1 && coherence.stillAt(bucket, mark, own)
    unit.apply?.(reply, { mayKeep, stamp: own?.n ?? mark.stamp, at, newestRead })
    for (const bump of bumps) this.#tiers.announce(bump)
    return reply
  }

  #begin({ key, dropFirst }: Unit<unknown>): number {
    const sequence = ++this.#sequence
    if (key === undefined) return sequence
    const { open, newestRead } = this.#writing.get(key) ?? { open: 0, newestRead: 0 }
    this.#writing.set(key, { open: open + 1, latest: sequence, newestRead })
    if (dropFirst) this.#tiers.drop(key)
    else this.#tiers.detach(key)
    return sequence
  }

  /** Returns whether it stands alone: no other write of the key began after it, and none is still under way. */
  #end(key: string | undefined, sequence: number): { standsAlone: boolean; newestRead: number } {
    const writing = key === undefined ? undefined : this.#writing.get(key)
    if (key === undefined || writing === undefined) return { standsAlone: false, newestRead: 0 }
    this.#tiers.detach(key)
    if (--writing.open === 0) this.#writing.delete(key)
    return { standsAlone: writing.open === 0 && writing.latest === sequence, newestRead: writing.newestRead }
  }
}
