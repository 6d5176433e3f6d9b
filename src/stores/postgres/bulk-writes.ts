import { bucketOf } from '../../cache/bucket.ts'
import type { Lifetime, Write, WriteOutcome, WriteReply } from '../../cache/store.ts'
import { isSallyportError } from '../../shared/errors.ts'
import { bucketCount } from '../rules/bumps.ts'
import { keyOf } from '../rules/decisions.ts'
import { bumpsOf } from './bump-rows.ts'
import type { ReplacedRow } from './bump-rows.ts'
import { whole } from './entries.ts'
import type { PostgresEntries } from './entries.ts'
import type { PostgresDatabase } from './kind.ts'
import { ask, refuseTooLarge } from './query.ts'
import type { Statements } from './statements.ts'
import { timesOf } from '../sql/rows.ts'
import { tableOf } from '../sql/schema.ts'
import type { TableNames } from '../sql/schema.ts'

interface BulkRow extends ReplacedRow {
  cache_key: string
}

/** More than this takes its time on the way, and nobody's time is shorter for it. */
const maxBytes = 4 * 2 ** 20

/** A write with its place in the answer. */
interface Placed {
  write: Write
  place: number
}

/**
 * Several writes as one statement. Those that need another's outcome, as they have its key or bump its bucket, and those
 * of another kind or table follow in statements of their own.
 */
export class PostgresBulkWrites {
  readonly #database: PostgresDatabase
  readonly #names: TableNames
  readonly #statements: Statements
  readonly #entries: PostgresEntries

  constructor(database: PostgresDatabase, names: TableNames, statements: Statements, entries: PostgresEntries) {
    this.#database = database
    this.#names = names
    this.#statements = statements
    this.#entries = entries
  }

  async writeMany(writes: readonly Write[]): Promise<WriteOutcome[]> {
    const endsAt = this.#database.endOfRequest()
    await this.#database.ready(endsAt)
    const outcomes: WriteOutcome[] = []
    let waiting = writes.map((write, place) => ({ write, place }))
    while (waiting.length > 0) {
      const { together, later } = this.#split(waiting)
      const answers = await this.#writeTogether(together, endsAt)
      together.forEach(({ place }, i) => {
        outcomes[place] = answers[i]!
      })
      waiting = later
    }
    return outcomes
  }

  /** What may share a statement: all creates or none, on one table, of different keys and buckets. Order is kept. */
  #split(waiting: readonly Placed[]): { together: Placed[]; later: Placed[] } {
    const taken = new Set<string | number>()
    const first = waiting[0]!.write
    const together: Placed[] = []
    const later: Placed[] = []
    let bytes = 0
    for (const placed of waiting) {
      const marks = marksOf(placed.write)
      const size = valueOf(placed.write)?.length ?? 0
      const isFree = this.#isOfKind(placed.write, first) && !marks.some((mark) => taken.has(mark))
      if (isFree && (together.length === 0 || bytes + size <= maxBytes)) {
        together.push(placed)
        bytes += size
      } else later.push(placed)
      for (const mark of marks) taken.add(mark)
    }
    return { together, later }
  }

  #isOfKind(write: Write, other: Write): boolean {
    const isTable = tableOf(this.#names, keyOf(write)) === tableOf(this.#names, keyOf(other))
    return isTable && (write.operation === 'create') === (other.operation === 'create')
  }

  async #writeTogether(together: readonly Placed[], endsAt: number): Promise<WriteOutcome[]> {
    const writes = together.map(({ write }) => write)
    try {
      const replies = await this.#send(writes, endsAt)
      return replies.map((reply) => ({ reply }))
    } catch (error) {
      // Something in one of them is at fault, and none was made.
      if (isSallyportError(error) && /^ERR_(ARGUMENT_INVALID|STORE_VALUE_TOO_LARGE)$/.test(error.code))
        return await Promise.all(writes.map((write) => outcomeOf(this.#alone(write, endsAt))))
      return writes.map(() => ({ error }))
    }
  }

  async #send(writes: readonly Write[], endsAt: number): Promise<WriteReply[]> {
    const { createMany, changeMany } = this.#statements.entries.get(tableOf(this.#names, keyOf(writes[0]!)))!
    const [statement, values] =
      writes[0]?.operation === 'create'
        ? ([createMany, boundCreates(writes)] as const)
        : ([changeMany, boundChanges(writes)] as const)
    const { rows } = await this.#database.request((client) => ask<BulkRow>(client, statement, values), endsAt)
    const found = new Map(rows.map((row) => [row.cache_key, row]))
    return writes.map((write) => replyTo(write, found.get(keyOf(write))))
  }

  #alone(write: Write, endsAt: number): Promise<WriteReply> {
    if (write.operation === 'create') return this.#entries.create(write.entry, endsAt)
    if (write.operation === 'replace') return this.#entries.replace(write, endsAt)
    return this.#entries.extend(write.key, write.idleMs, endsAt)
  }
}

function bucketToBump(write: Write): number | undefined {
  return write.operation === 'replace' && write.change.bump ? bucketOf(write.key, bucketCount) : undefined
}

/** What one statement may not have twice. */
function marksOf(write: Write): (string | number)[] {
  const bucket = bucketToBump(write)
  return bucket === undefined ? [keyOf(write)] : [keyOf(write), bucket]
}

function valueOf(write: Write): Uint8Array | undefined {
  if (write.operation === 'create') return write.entry.value
  return write.operation === 'replace' ? write.change.value : undefined
}

function boundCreates(writes: readonly Write[]): unknown[] {
  const entries = writes.flatMap((write) => (write.operation === 'create' ? [write.entry] : []))
  const { cuts, values } = inOne(entries.map((entry) => entry.value))
  const rows = entries.map(({ key, lifetime, indexes, label }, i) => {
    return [key, ...boundLifetime(lifetime), ...cuts[i]!, indexes?.subject, indexes?.sid, label]
  })
  return [...columnsOf(rows), values]
}

function boundChanges(writes: readonly Write[]): unknown[] {
  const { cuts, values } = inOne(writes.map((write) => valueOf(write) ?? new Uint8Array()))
  const rows = writes.map((write, i) => {
    const version = write.operation === 'replace' ? write.version : undefined
    return [
      keyOf(write),
      write.operation[0],
      version,
      ...boundLifetime(lifetimeOf(write)),
      ...cuts[i]!,
      bucketToBump(write),
    ]
  })
  return [...columnsOf(rows), values, writes.some((write) => bucketToBump(write) !== undefined)]
}

function lifetimeOf(write: Write): Lifetime | undefined {
  if (write.operation === 'create') return write.entry.lifetime
  return write.operation === 'replace' ? write.change.lifetime : { idleMs: write.idleMs }
}

function boundLifetime(lifetime: Lifetime | undefined): (number | undefined)[] {
  return [whole(lifetime?.idleMs), whole(lifetime?.absoluteMs)]
}

/** All values in a row, and where each begins, counted from 1, and how long it is. */
function inOne(values: readonly Uint8Array[]): { cuts: [at: number, length: number][]; values: Buffer } {
  let at = 1
  const cuts = values.map((value): [number, number] => {
    refuseTooLarge(value)
    at += value.length
    return [at - value.length, value.length]
  })
  return { cuts, values: Buffer.concat(values) }
}

/** A list per column, which costs the server less than a row per write. */
function columnsOf(rows: readonly unknown[][]): unknown[][] {
  return rows[0]!.map((_, column) => rows.map((row) => row[column] ?? null))
}

function replyTo(write: Write, row: BulkRow | undefined): WriteReply {
  if (row === undefined || row.version === null) return replyToNone(write, row?.found ?? null)
  const written = { version: row.version, times: timesOf(row), storeNow: row.now }
  if (write.operation === 'create') return { outcome: 'created', ...written }
  if (write.operation === 'extend') return { outcome: 'extended', ...written }
  return { outcome: 'replaced', ...written, bumps: write.change.bump ? bumpsOf([row]) : [] }
}

function replyToNone(write: Write, found: number | null): WriteReply {
  if (write.operation === 'create') return { outcome: 'present' }
  return { outcome: found === null ? 'absent' : 'conflict' }
}

async function outcomeOf(reply: Promise<WriteReply>): Promise<WriteOutcome> {
  try {
    return { reply: await reply }
  } catch (error) {
    return { error }
  }
}
