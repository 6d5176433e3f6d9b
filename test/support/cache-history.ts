import { bucketOf } from '../../src/cache/bucket.ts'
import { bucketCount } from '../../src/stores/rules/bumps.ts'
import type { State, StoreTimeline, Value } from './store-timeline.ts'

/**
 * `l1`: memory answered; `joined`: a read that was under way; `l2`: a read sent for this question; `stale`: memory
 * after all, because the store did not answer.
 */
export type Source = 'l1' | 'joined' | 'l2' | 'stale'

/** The latest that an instance has answered with, or was told of. */
type Floor = Pick<State, 'era' | 'rank'>

/** A question or a write, noted when it began. */
export interface Asked {
  readonly instance: string
  readonly key: string
  readonly at: number
  readonly era: number
  /** The latest in the store then. */
  readonly rank: number
  readonly floor: Floor
  /** Whether a removal of the key was under way at this very instance: its memory has let go of it. */
  readonly isBeingRemovedHere: boolean
}

export interface CacheHistoryOptions {
  /** D. */
  maxStalenessMs: number
  operationTimeoutMs: number
  graceMs: number
  enableL1: boolean
  now: () => number
  timeline: StoreTimeline
}

/** Clocks tell whole milliseconds. */
const roundingMs = 1
const nothingYet: Floor = { era: -1, rank: -1 }

/**
 * Watches what instances answer, and notes every broken promise. It knows at each moment what the store holds, and so
 * at what time an answer was true:
 *
 * - what was removed, or changed so that others must see it, is not answered from memory later than D; a read sent
 *   after that does not find it (I1);
 * - a key's answer is a value of that key (I2);
 * - what is taken is taken once (I3);
 * - answers do not go backwards on one instance, nor behind what it wrote (I5);
 * - "absent" is said only of what is absent; whoever cannot know says so (I7).
 */
export class CacheHistory {
  readonly violations: string[] = []
  /** Whether the store answers everything in time, so that nobody may say it does not. */
  isCalm: boolean = false
  readonly #options: CacheHistoryOptions
  readonly #floors = new Map<string, Map<string, Floor>>()
  readonly #removing = new Map<string, number>()
  readonly #taken = new Set<Value>()
  /** By how much a machine's monotonic clock has fallen behind: it counts deadlines by it. */
  readonly #sleptMs = new Map<string, number>()

  constructor(options: CacheHistoryOptions) {
    this.#options = options
  }

  asked(instance: string, key: string): Asked {
    const { now, timeline } = this.#options
    return {
      instance,
      key,
      at: now(),
      era: timeline.era,
      rank: timeline.latestOf(key)?.rank ?? -1,
      floor: this.#floors.get(instance)?.get(key) ?? nothingYet,
      isBeingRemovedHere: (this.#removing.get(`${instance} ${key}`) ?? 0) > 0,
    }
  }

  found(asked: Asked, value: Value, source: Source): void {
    if (value.key !== asked.key) return this.violate(asked, `got value ${value.id}, which is of ${value.key}`)
    if (source === 'l1' && !this.#options.enableL1) this.violate(asked, 'served from memory that is switched off')
    if (source === 'l1' && asked.isBeingRemovedHere) this.violate(asked, 'served from memory while it is being removed')
    let problem: string | undefined = 'was never in the store'
    for (const state of value.states) {
      problem = this.#problemOf(asked, state, source)
      if (problem !== undefined) continue
      this.#raise(asked, state)
      return
    }
    this.violate(asked, `got value ${value.id} from ${source}, which ${problem}`)
  }

  absent(asked: Asked, source: Source): void {
    const from = asked.at - this.#joinableMs(source)
    const { timeline } = this.#options
    const states = timeline.statesOf(asked.key)
    if (states.length === 0 || states[0]!.from >= from || timeline.steppedAt >= from) return
    const gone = states.find((state) => {
      const goneFrom = state.value === undefined ? state.from : state.expiresAt - roundingMs
      return state.until >= from && goneFrom <= this.#options.now() && !isBehind(state, asked.floor)
    })
    if (gone === undefined) this.violate(asked, `was told by ${source} that it is absent, which it was not`)
    else this.#raise(asked, gone)
  }

  failed(asked: Asked, error: unknown): void {
    const { code } = error as { code?: unknown }
    if (code !== 'ERR_STORE_UNAVAILABLE') this.violate(asked, `failed: ${(error as Error).stack}`)
    else if (this.isCalm) this.violate(asked, 'the store answered, and yet it was called unavailable')
  }

  /** A write at this instance has returned: it does not answer with anything older any more. */
  written(asked: Asked, value: Value): void {
    const state = value.states.at(-1)
    if (state === undefined) this.violate(asked, `value ${value.id} was not written`)
    else this.#raise(asked, state)
  }

  /** A conditional write at this instance was refused because the value had changed. */
  refused(asked: Asked, value: Value): void {
    const state = value.states.at(-1)
    if (state === undefined || asked.era < this.#options.timeline.era) return
    if (state.until > this.#options.now())
      this.violate(asked, `value ${value.id} had not changed, and yet it was refused`)
    else this.#raise(asked, { era: state.era, rank: state.rank + 1 })
  }

  /** A write at this instance failed: nobody knows what became of it, and so memory must not answer as before. */
  doubted(asked: Asked): void {
    const state = this.#options.timeline.latestOf(asked.key)
    if (state !== undefined) this.#raise(asked, state)
  }

  removing({ instance, key }: Asked, by: 1 | -1): void {
    const id = `${instance} ${key}`
    this.#removing.set(id, (this.#removing.get(id) ?? 0) + by)
  }

  /**
   * A removal has returned that was to end all that was there when it began. If it did that itself, this instance has
   * let go of it; of what somebody else ended at the same time it hears within D.
   */
  removed(asked: Asked, didIt: (state: State) => boolean): void {
    const { timeline } = this.#options
    // What it removed may have come back with a backup.
    if (timeline.era !== asked.era) return
    const states = timeline.statesOf(asked.key).slice(0, asked.rank + 1)
    timeline.revoked(states.filter(({ value }) => value !== undefined))
    const last = timeline
      .statesOf(asked.key)
      .findLast((state) => state.value !== undefined && state.until < Infinity && didIt(state))
    if (last !== undefined) this.#raise(asked, { era: last.era, rank: last.rank + 1 })
  }

  took(asked: Asked, value: Value | undefined): void {
    if (value === undefined) return
    if (this.#taken.has(value) && this.#options.timeline.era === 0)
      this.violate(asked, `value ${value.id} was taken twice`)
    this.#taken.add(value)
  }

  slept(instance: string, forMs: number): void {
    this.#sleptMs.set(instance, (this.#sleptMs.get(instance) ?? 0) + forMs)
  }

  violate({ instance, key, at }: Pick<Asked, 'instance' | 'key' | 'at'>, what: string): void {
    this.violations.push(`${instance}, ${key}: ${what} (asked at ${inMs(at)}, now ${inMs(this.#options.now())})`)
  }

  /** Why the answer was not true when it was given, or asked for. */
  #problemOf(asked: Asked, state: State, source: Source): string | undefined {
    if (isBehind(state, asked.floor)) return 'is older than what was answered or written here before'
    const mayBeOldMs = source === 'l2' ? 0 : this.#memoryMs(source)
    if (asked.at > state.revokedAt + mayBeOldMs) return `was ended for good at ${inMs(state.revokedAt)}`
    if (source === 'l1' || source === 'stale') return this.#problemOfMemory(asked, state, this.#memoryMs(source))
    const from = asked.at - this.#joinableMs(source)
    if (state.until < from) return `was over at ${inMs(state.until)}`
    if (state.expiresAt + roundingMs < from) return `had expired at ${inMs(state.expiresAt)}`
    return state.from > this.#options.now() ? 'is of the future' : undefined
  }

  #problemOfMemory({ instance, key }: Asked, state: State, mayBeOldMs: number): string | undefined {
    const { timeline } = this.#options
    const now = this.#options.now() - roundingMs
    if (now > state.bumpedAt + mayBeOldMs) return `was changed for all at ${inMs(state.bumpedAt)}`
    const lossesSince = timeline.losses.slice(state.era)
    // What the store lost may have been prolonged by its successor, whose values count their versions from there.
    const lostAt = lossesSince[0]?.at ?? -Infinity
    const knownMs = Math.max(state.expiresAt, timeline.steppedAt + mayBeOldMs, lostAt + mayBeOldMs)
    if (now > knownMs + (this.#sleptMs.get(instance) ?? 0)) return `had expired at ${inMs(state.expiresAt)}`
    const bucket = bucketOf(key, bucketCount)
    const loss = lossesSince.find(({ at, mustNotice }) => now > at + mayBeOldMs && mustNotice(instance, bucket))
    return loss && `was lost by the store at ${inMs(loss.at)}`
  }

  #memoryMs(source: Source): number {
    const { maxStalenessMs, graceMs } = this.#options
    return source === 'stale' ? maxStalenessMs + graceMs : maxStalenessMs
  }

  #joinableMs(source: Source): number {
    const { maxStalenessMs, operationTimeoutMs, enableL1 } = this.#options
    if (source !== 'joined') return 0
    return (enableL1 ? Math.min(maxStalenessMs, operationTimeoutMs) : 0) + roundingMs
  }

  #raise({ instance, key }: Asked, { era, rank }: Floor): void {
    let floors = this.#floors.get(instance)
    if (floors === undefined) this.#floors.set(instance, (floors = new Map<string, Floor>()))
    const floor = floors.get(key) ?? nothingYet
    if (era > floor.era || (era === floor.era && rank > floor.rank)) floors.set(key, { era, rank })
  }
}

/** A store that lost something may go backwards; then nothing is compared. */
function isBehind(state: State, floor: Floor): boolean {
  return state.era === floor.era && state.rank < floor.rank
}

function inMs(time: number): string {
  return `${time.toFixed(1)} ms`
}
