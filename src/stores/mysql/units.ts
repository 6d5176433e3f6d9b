import type { RemoveReply, RemoveTarget, Write, WriteReply } from '../../cache/store.ts'
import { keysToBump } from '../rules/bumps.ts'
import { keyOf } from '../rules/decisions.ts'
import type { Known } from '../rules/decisions.ts'
import { byBytes, Decisions } from './decisions.ts'
import type { Outstanding } from './decisions.ts'
import { presentRows, statementsOn } from './entries.ts'
import type { MysqlEpochs } from './epochs.ts'
import { bound, padded } from './session.ts'
import type { MysqlSession, Value } from './session.ts'
import type { EntryStatements, MysqlStatements } from './statements.ts'
import { inSeconds, timesOf } from '../sql/rows.ts'
import type { InfoRow } from '../sql/rows.ts'
import { byTable, tableOf } from '../sql/schema.ts'
import type { TableNames } from '../sql/schema.ts'

/** Statements get no longer than for so many keys. */
const keysAtOnce = 1_024

interface Locked {
  rows: (Omit<InfoRow, 'cache_key'> & { cache_key: string })[]
  /** Not before the last of them was locked. */
  storeNow: number
}

/**
 * What takes several statements, as units. They all lock rows of entries in the order of tables and keys, then rows of
 * epochs; what still meets head-on is made again.
 */
export class MysqlUnits {
  readonly #names: TableNames
  readonly #statements: MysqlStatements
  readonly #epochs: MysqlEpochs

  constructor(names: TableNames, statements: MysqlStatements, epochs: MysqlEpochs) {
    this.#names = names
    this.#statements = statements
    this.#epochs = epochs
  }

  /** Looks at all entries, decides, and changes what has to be. */
  write(session: MysqlSession, writes: readonly Write[]): Promise<WriteReply[]> {
    return session.unit(async () => {
      const { rows, storeNow } = await this.#lock(session, new Set(writes.map(keyOf)))
      const known = new Map<string, Known>(
        rows.map((row) => [row.cache_key, { version: row.version, times: timesOf(row) }]),
      )
      const decisions = new Decisions(known, storeNow)
      const replies = writes.map((write) => decisions.apply(write))
      await this.#save(session, decisions.outstanding(), known)
      const bumps = await this.#epochs.bump(
        session,
        writes.map((write, i) => (isBumping(write, replies[i]) ? [write.key] : [])),
      )
      return replies.map((reply, i) => (reply.outcome === 'replaced' ? { ...reply, bumps: bumps[i] ?? [] } : reply))
    })
  }

  /** Expired entries are removed and bumped like others, but not counted. */
  remove(session: MysqlSession, target: RemoveTarget): Promise<RemoveReply> {
    return session.unit(async () => {
      const { rows, storeNow } = await this.#lock(session, await this.#targeted(session, target))
      const doomed = 'ifVersion' in target ? rows.filter((row) => row.version === target.ifVersion) : rows
      const keys = doomed.map((row) => row.cache_key)
      await this.#delete(session, keys)
      const [bumps = []] = await this.#epochs.bump(session, [keysToBump(target, keys)])
      return { removed: doomed.filter((row) => storeNow < row.expires_ms).length, bumps }
    })
  }

  /** Without locks: an index would lock what it passes, in an order of its own. */
  async #targeted(session: MysqlSession, target: RemoveTarget): Promise<Set<string>> {
    if ('key' in target) return new Set([target.key])
    if (target.values.length === 0) return new Set()
    const values = padded(target.values)
    const rows = await session.rows<{ cache_key: Buffer }>(this.#statements.under[target.index](values.length), values)
    return new Set(
      presentRows(rows)
        .map((row) => row.cache_key)
        .filter((key) => key !== target.except),
    )
  }

  async #lock(session: MysqlSession, keys: ReadonlySet<string>): Promise<Locked> {
    const locked: Locked = { rows: [], storeNow: 0 }
    await this.#inPortions([...keys], async (on, portion) => {
      const wanted = padded(portion)
      const rows = await session.rows<Omit<InfoRow, 'cache_key'> & { cache_key: Buffer | null; now: number }>(
        on.lock(wanted.length),
        wanted,
      )
      locked.storeNow = Math.max(locked.storeNow, ...rows.map((row) => row.now))
      locked.rows.push(...presentRows(rows))
    })
    return locked
  }

  async #delete(session: MysqlSession, keys: readonly string[]): Promise<void> {
    await this.#inPortions(keys, async (on, portion) => {
      const wanted = padded(portion)
      await session.change(on.deleteMany(wanted.length), wanted)
    })
  }

  async #save(
    session: MysqlSession,
    outstanding: readonly Outstanding[],
    known: ReadonlyMap<string, Known>,
  ): Promise<void> {
    const created = outstanding.filter(({ created: entry }) => entry !== undefined)
    const expired = created.filter(({ key }) => known.has(key)).map(({ key }) => key)
    if (expired.length > 0) await this.#delete(session, expired)
    for (const [table] of byTable(
      this.#names,
      outstanding.map(({ key }) => key),
    )) {
      const on = statementsOn(this.#statements, table)
      const here = outstanding.filter(({ key }) => tableOf(this.#names, key) === table)
      await insertMany(
        session,
        on,
        here.filter((each) => each.created !== undefined),
      )
      await replaceMany(
        session,
        on,
        here.filter((each) => each.created === undefined && each.value !== undefined),
      )
      await extendMany(
        session,
        on,
        here.filter((each) => each.value === undefined),
      )
    }
  }

  async #inPortions(
    keys: readonly string[],
    work: (on: EntryStatements, portion: readonly string[]) => Promise<void>,
  ): Promise<void> {
    const inOrder = keys.length > keysAtOnce ? [...keys].sort(byBytes) : keys
    for (const [table, its] of byTable(this.#names, inOrder)) {
      for (let from = 0; from < its.length; from += keysAtOnce)
        await work(statementsOn(this.#statements, table), its.slice(from, from + keysAtOnce))
    }
  }
}

/** In powers of two: rows to insert cannot be repeated to fill a statement up. */
async function insertMany(session: MysqlSession, on: EntryStatements, rows: readonly Outstanding[]): Promise<void> {
  for (let from = 0; from < rows.length;) {
    const count = 2 ** Math.floor(Math.log2(rows.length - from))
    await session.change(on.insertMany(count), rows.slice(from, from + count).flatMap(rowOf))
    from += count
  }
}

async function replaceMany(session: MysqlSession, on: EntryStatements, rows: readonly Outstanding[]): Promise<void> {
  if (rows.length === 0) return
  const all = padded(rows)
  const perKey = (what: (row: Outstanding, i: number) => Value): Value[] =>
    all.flatMap((row, i) => [row.key, what(row, i)])
  await session.change(on.replaceMany(all.length), [
    // The first of each key counts, so what fills up may be empty.
    ...perKey(({ value }, i) => (i < rows.length && value !== undefined ? bound(value) : Buffer.alloc(0))),
    ...perKey(({ known }) => known.version),
    ...perKey(({ known }) => known.times.expiresAt),
    ...perKey(({ known }) => known.times.absoluteExpiresAt ?? null),
    ...perKey(({ known }) => known.times.lastSeenAt),
    ...all.map(({ key }) => key),
  ])
}

async function extendMany(session: MysqlSession, on: EntryStatements, rows: readonly Outstanding[]): Promise<void> {
  const [first] = rows
  if (first === undefined) return
  const all = padded(rows)
  await session.change(on.extendMany(all.length), [
    ...all.flatMap(({ key, known }) => [key, known.times.expiresAt]),
    // All of a unit are seen at the same moment.
    first.known.times.lastSeenAt,
    ...all.map(({ key }) => key),
  ])
}

function rowOf({ key, value, known, created }: Outstanding): Value[] {
  const { createdAt, lastSeenAt, expiresAt, absoluteExpiresAt } = known.times
  const deadlines = [expiresAt, inSeconds(expiresAt), absoluteExpiresAt ?? null]
  const listed = [created?.indexes?.subject ?? null, created?.indexes?.sid ?? null, created?.label ?? null]
  return [key, bound(value ?? new Uint8Array()), known.version, ...deadlines, ...listed, createdAt, lastSeenAt]
}

function isBumping(write: Write, reply: WriteReply | undefined): write is Write & { operation: 'replace' } {
  return write.operation === 'replace' && write.change.bump && reply?.outcome === 'replaced'
}
