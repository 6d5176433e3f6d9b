import { randomUUID } from 'node:crypto'
import type { Bump, EpochsReply } from '../../cache/store.ts'
import { totalsOf } from '../rules/bumps.ts'
import type { Connection } from './connection.ts'
import { epochs, open } from './epoch-scripts.ts'
import { layout } from './record.ts'
import { bumpFrom } from './replies.ts'
import { runScript } from './script.ts'

type Identity = Pick<EpochsReply, 'incarnation' | 'maxStalenessMs'>

interface Asked {
  sum: string
  max: string
  incarnation: string
  knownStalenessMs: number
  known: string
}

/** Which of the store's epochs are kept together. */
export interface EpochRange {
  /** The key that holds them. */
  state: string
  /** How many buckets the whole store has. */
  buckets: number
  first: number
  count: number
}

/** The epochs of a store that are kept together, and who the store is there. */
export class Epochs {
  readonly #range: EpochRange
  /** As the last full reply told. */
  #identity: Identity | undefined
  #maxStalenessMs = 0

  constructor(range: EpochRange) {
    this.#range = range
  }

  /** Raises the greatest staleness and checks that the store is one of ours. Returns the incarnation. */
  async open(connection: Connection, startedAt: number, maxStalenessMs: number): Promise<string> {
    // Remembered too, for a server that forgets it.
    this.#maxStalenessMs = Math.max(this.#maxStalenessMs, Math.ceil(maxStalenessMs))
    const args = this.#args()
    return String(await runScript(connection, { script: open, keys: [this.#range.state], args, startedAt }))
  }

  /** `known` are the numbers of these buckets only, and so are those of the reply. */
  async read(connection: Connection, startedAt: number, known: readonly number[]): Promise<EpochsReply> {
    const { count } = this.#range
    const identity = this.#identity
    if (identity !== undefined && known.length === count) {
      const storeNow = await this.#ask(connection, startedAt, { ...totals(known), ...of(identity), known: '' })
      if (typeof storeNow === 'number' && storeNow > 0) return { ...identity, numbers: known, recent: [], storeNow }
    }
    const numbers = Array.from({ length: count }, (_, i) => known[i] ?? 0)
    const nobody = { sum: '', max: '', incarnation: '', knownStalenessMs: 0 }
    return this.#fullReply(await this.#ask(connection, startedAt, { ...nobody, known: numbers.join(',') }), numbers)
  }

  #ask(connection: Connection, startedAt: number, what: Asked): Promise<unknown> {
    const { state, first } = this.#range
    const args = { ...this.#args(), first, ...what }
    return runScript(connection, { script: epochs, keys: [state], args, startedAt })
  }

  #fullReply(reply: unknown, known: readonly number[]): EpochsReply {
    const [storeNow, incarnation, maxStalenessMs, numbers, recent] = reply as [number, Buffer, number, Buffer, Buffer[]]
    const identity = { incarnation: String(incarnation), maxStalenessMs }
    this.#identity = identity
    const bumps = recent.flatMap((lines) => this.#bumpsAbove(known, identity.incarnation, String(lines)))
    return { ...identity, numbers: String(numbers).split(',').map(Number), recent: bumps, storeNow }
  }

  /** The bumps of a bucket, oldest first. */
  #bumpsAbove(known: readonly number[], incarnation: string, lines: string): Bump[] {
    const bumps = lines.split('\n').map((line) => bumpFrom([incarnation, line]))
    return bumps.filter(({ bucket, n }) => n > (known[bucket - this.#range.first] ?? 0)).reverse()
  }

  #args(): { candidate: string; buckets: number; layout: string; maxStalenessMs: number } {
    return { candidate: randomUUID(), buckets: this.#range.buckets, layout, maxStalenessMs: this.#maxStalenessMs }
  }
}

function of({ incarnation, maxStalenessMs }: Identity): { incarnation: string; knownStalenessMs: number } {
  return { incarnation, knownStalenessMs: maxStalenessMs }
}

function totals(known: readonly number[]): { sum: string; max: string } {
  const { sum, max } = totalsOf(known)
  return { sum: String(sum), max: String(max) }
}
