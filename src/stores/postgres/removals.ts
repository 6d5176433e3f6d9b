import type { ClientBase } from 'pg'
import { bucketOf } from '../../cache/bucket.ts'
import type { RemoveReply, RemoveTarget } from '../../cache/store.ts'
import { bucketCount } from '../rules/bumps.ts'
import { bumpsOf } from './bump-rows.ts'
import type { BumpRow } from './bump-rows.ts'
import type { PostgresDatabase } from './kind.ts'
import { ask } from './query.ts'
import type { Statements } from './statements.ts'
import { tableOf } from '../sql/schema.ts'
import type { TableNames } from '../sql/schema.ts'

interface RemovedRow extends BumpRow {
  removed: number
}

/** Removals with their bumps: one statement each, which is the whole unit. */
export class PostgresRemovals {
  readonly #database: PostgresDatabase
  readonly #names: TableNames
  readonly #statements: Statements

  constructor(database: PostgresDatabase, names: TableNames, statements: Statements) {
    this.#database = database
    this.#names = names
    this.#statements = statements
  }

  remove(target: RemoveTarget): Promise<RemoveReply> {
    return this.#database.request((client) =>
      'index' in target ? this.#removeUnder(client, target) : this.#removeKey(client, target),
    )
  }

  async #removeKey(client: ClientBase, target: Exclude<RemoveTarget, { index: unknown }>): Promise<RemoveReply> {
    const { key } = target
    const { remove, removeVersion } = this.#statements.entries.get(tableOf(this.#names, key))!
    const values = [key, bucketOf(key, bucketCount)]
    const { rows } =
      'ifVersion' in target
        ? await ask<RemovedRow>(client, removeVersion, [...values, target.ifVersion])
        : await ask<RemovedRow>(client, remove, values)
    return replyOf(rows)
  }

  /**
   * The buckets are ours to compute, so the keys are looked up first. Should there be another one by the time of the
   * removal, nothing was removed, and both are done again; but only once, as somebody who signs in without a pause would
   * have it so every time. What there is then was made after the removal was asked for, and stays.
   */
  async #removeUnder(client: ClientBase, target: Extract<RemoveTarget, { index: unknown }>): Promise<RemoveReply> {
    const { index, values, except } = target
    const { keysUnder, removeUnder } = this.#statements
    for (let isWhole = true; ; isWhole = false) {
      const { rows: found } = await ask<{ cache_key: string }>(client, keysUnder[index], [values, except])
      if (found.length === 0) return { removed: 0, bumps: [] }
      const keys = found.map((row) => row.cache_key)
      const buckets = keys.map((key) => bucketOf(key, bucketCount))
      const bound = [values, except, keys, buckets, isWhole]
      const { rows } = await ask<RemovedRow & { is_refused: boolean }>(client, removeUnder[index], bound)
      if (!rows[0]?.is_refused) return replyOf(rows)
    }
  }
}

function replyOf(rows: readonly RemovedRow[]): RemoveReply {
  return { removed: rows[0]?.removed ?? 0, bumps: bumpsOf(rows) }
}
