import { randomUUID } from 'node:crypto'
import { bucketOf } from '../../cache/bucket.ts'
import type {
  CreateReply,
  ExtendReply,
  NewEntry,
  Replacement,
  ReplaceReply,
  Write,
  WriteReply,
} from '../../cache/store.ts'
import { maxRemembered } from '../rules/bumps.ts'
import { common, numberOf, ownOf, together } from './bulk-script.ts'
import type { Connection } from './connection.ts'
import { newRecord, versionedValue, versionText } from './record.ts'
import { bumpFrom, spans, writtenFrom } from './replies.ts'
import { argumentsOf, evaluate } from './script.ts'
import type { Run } from './script.ts'
import { create, extend, replacementBy } from './write-scripts.ts'
import type { WriteScript } from './write-scripts.ts'

/** A write as a script does it, and what its caller is told. */
export interface PlannedWrite<R extends WriteReply = WriteReply> {
  script: WriteScript
  key: string
  args: Run['args']
  answer: (reply: unknown) => R
}

/** How a store keeps and announces what its scripts write. */
export interface Ways {
  /** How the key of a list begins; empty where lists are not kept by the script that writes the entry. */
  lists: string
  buckets: number
  publish: 'PUBLISH' | 'SPUBLISH'
  /** Where the bumps of a bucket are announced; empty: nowhere. */
  channelOf: (bucket: number) => string
}

/** The writes of a store as its scripts do them. */
export class Writes {
  readonly #ways: Ways

  constructor(ways: Ways) {
    this.#ways = ways
  }

  /** What scripts are told of a bump of this key. */
  bumping(key: string = ''): Run['args'] {
    const { publish, channelOf } = this.#ways
    const bucket = this.#bucketOf(key)
    const announced = { publish, channel: channelOf(bucket), remembered: maxRemembered }
    return { candidate: randomUUID(), ...announced, bucket, names: JSON.stringify([key]) }
  }

  /** What scripts are told of an entry. */
  named(key: string): Run['args'] {
    return { indexes: this.#ways.lists, name: key }
  }

  create({ key, value, lifetime, indexes, label = '' }: NewEntry): PlannedWrite<CreateReply> {
    const { subject = '', sid = '' } = indexes ?? {}
    const made = newRecord({ bucket: this.#bucketOf(key), subject, sid, label }, value)
    return {
      script: create,
      key,
      args: { ...this.named(key), subject, sid, ...made, ...spans(lifetime) },
      answer: (reply) => (reply === 0 ? { outcome: 'present' } : { outcome: 'created', ...writtenFrom(reply) }),
    }
  }

  replace(key: string, version: number, { value, bump, lifetime }: Replacement): PlannedWrite<ReplaceReply> {
    const replacement = { version: versionText(version), versioned: versionedValue(version + 1, value) }
    const args = { ...this.named(key), ...replacement, ...spans(lifetime) }
    return {
      script: replacementBy(lifetime !== undefined, bump),
      key,
      args: bump ? { ...args, ...this.bumping(key) } : args,
      answer(reply) {
        if (reply === 0) return { outcome: 'absent' }
        if (reply === 2) return { outcome: 'conflict' }
        const bumps = bump ? [bumpFrom((reply as unknown[][])[2] ?? [])] : []
        return { outcome: 'replaced', ...writtenFrom(reply), version: version + 1, bumps }
      },
    }
  }

  extend(key: string, idleMs: number): PlannedWrite<ExtendReply> {
    return {
      script: extend,
      key,
      args: { ...this.named(key), idleMs, absoluteMs: '', promised: 0 },
      answer: (reply) => (reply === 0 ? { outcome: 'absent' } : { outcome: 'extended', ...writtenFrom(reply) }),
    }
  }

  planned(write: Write): PlannedWrite {
    if (write.operation === 'create') return this.create(write.entry)
    if (write.operation === 'replace') return this.replace(write.key, write.version, write.change)
    return this.extend(write.key, write.idleMs)
  }

  /**
   * All of them in one script, in this order; the keys are that of the state and those of the entries. Replies with
   * what each would reply alone, or the text of the error.
   */
  async together(
    connection: Connection,
    startedAt: number,
    { plans, keys }: { plans: readonly PlannedWrite[]; keys: string[] },
  ): Promise<unknown[]> {
    const told = { indexes: this.#ways.lists, promised: 0, ...this.bumping() }
    const each = plans.flatMap(({ script, args }) => [String(numberOf(script)), ...argumentsOf(ownOf(script), args)])
    const values = [...argumentsOf(common, told), ...each]
    return (await evaluate(connection, { script: together, keys, values, startedAt })) as unknown[]
  }

  #bucketOf(key: string): number {
    return bucketOf(key, this.#ways.buckets)
  }
}
