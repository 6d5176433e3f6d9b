import { randomUUID } from 'node:crypto'
import { bucketOf } from '../../cache/bucket.ts'
import type { CreateReply, ExtendReply, NewEntry, Replacement, ReplaceReply, Write } from '../../cache/store.ts'
import { bucketCount, maxRemembered } from '../rules/bumps.ts'
import { common, numberOf, ownOf, together } from './bulk-script.ts'
import type { Connection } from './connection.ts'
import type { RedisKeys } from './keys.ts'
import { newRecord, nextHead, versionText } from './record.ts'
import { bumpFrom, spans, writtenFrom } from './replies.ts'
import { argumentsOf, evaluate } from './script.ts'
import type { Run } from './script.ts'
import { create, extend, replacementBy } from './write-scripts.ts'
import type { WriteScript } from './write-scripts.ts'

export type WriteReply = CreateReply | ReplaceReply | ExtendReply

/** A write as a script does it, and what its caller is told. */
export interface PlannedWrite<R extends WriteReply = WriteReply> {
  script: WriteScript
  key: string
  args: Run['args']
  answer: (reply: unknown) => R
}

/** The writes of a store that has its lists where its entries are. */
export class Writes {
  readonly #keys: RedisKeys
  /** What every script that bumps is told. */
  readonly #announced: { publish: string; channel: string; remembered: number }

  constructor(keys: RedisKeys, channel: string) {
    this.#keys = keys
    this.#announced = { publish: 'PUBLISH', channel, remembered: maxRemembered }
  }

  /** What scripts are told of a bump of this key. */
  bumping(key: string = ''): Run['args'] {
    const place = { bucket: bucketOf(key, bucketCount), names: JSON.stringify([key]) }
    return { candidate: randomUUID(), ...this.#announced, ...place }
  }

  create({ key, value, lifetime, indexes, label = '' }: NewEntry): PlannedWrite<CreateReply> {
    const { subject = '', sid = '' } = indexes ?? {}
    const made = newRecord({ bucket: bucketOf(key, bucketCount), subject, sid, label }, value)
    return {
      script: create,
      key,
      args: { indexes: this.#keys.lists, name: key, subject, sid, ...made, ...spans(lifetime) },
      answer: (reply) => (reply === 0 ? { outcome: 'present' } : { outcome: 'created', ...writtenFrom(reply) }),
    }
  }

  replace(key: string, version: number, { value, bump, lifetime }: Replacement): PlannedWrite<ReplaceReply> {
    const replacement = { version: versionText(version), nextHead: nextHead(version + 1, value), value }
    const args = { indexes: this.#keys.lists, name: key, ...replacement, ...spans(lifetime) }
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
      args: { indexes: this.#keys.lists, name: key, idleMs, absoluteMs: '', promised: 0 },
      answer: (reply) => (reply === 0 ? { outcome: 'absent' } : { outcome: 'extended', ...writtenFrom(reply) }),
    }
  }

  planned(write: Write): PlannedWrite {
    if (write.operation === 'create') return this.create(write.entry)
    if (write.operation === 'replace') return this.replace(write.key, write.version, write.change)
    return this.extend(write.key, write.idleMs)
  }

  /** All of them in one script, in this order. Replies with what each would reply alone, or the text of the error. */
  async together(connection: Connection, startedAt: number, plans: readonly PlannedWrite[]): Promise<unknown[]> {
    const told = { indexes: this.#keys.lists, promised: 0, ...this.bumping() }
    const each = plans.flatMap(({ script, args }) => [String(numberOf(script)), ...argumentsOf(ownOf(script), args)])
    const keys = [this.#keys.state, ...plans.map(({ key }) => this.#keys.entry(key))]
    const values = [...argumentsOf(common, told), ...each]
    return (await evaluate(connection, { script: together, keys, values, startedAt })) as unknown[]
  }
}
