import type { PoolConnection, QueryOptions, ResultSetHeader, RowDataPacket } from 'mysql2'
import { faultOf } from './errors.ts'

/** What a statement takes in place of its question marks. */
export type Value = string | number | Buffer | null

/** What a statement that returns no rows did. */
export interface Changed {
  /** Rows it found, also those that were as it makes them. */
  rows: number
  /** What the statement handed to LAST_INSERT_ID, else 0. */
  carried: number
}

/** Whatever a caller's pool is set to, rows come as objects. */
const plainly: Omit<QueryOptions, 'sql'> = {
  rowsAsArray: false,
  nestTables: false,
  typeCast: true,
  namedPlaceholders: false,
}

/** The same where the pool makes texts of whole numbers, which cannot be told otherwise for one statement. */
const withNumbers: typeof plainly = {
  ...plainly,
  typeCast(field, next) {
    const value: unknown = next()
    return field.type === 'LONGLONG' && typeof value === 'string' ? Number(value) : value
  },
}

/** What the driver answers to a statement that returns no rows; this number it may give as a text all the same. */
type Header = Omit<ResultSetHeader, 'insertId'> & { insertId: number | string }

/** One connection. Its errors carry neither statements nor values. */
export class MysqlSession {
  readonly connection: PoolConnection
  /** What has to be said before each unit; nothing where the connection is set for it. */
  readonly #beforeUnit: string | undefined
  readonly #options: typeof plainly
  /** Whether a unit was begun and its end is not known. */
  isInUnit: boolean = false
  /** Whether its server is not the one to ask any more. */
  isOutdated: boolean = false

  constructor(connection: PoolConnection, beforeUnit?: string) {
    this.connection = connection
    this.#beforeUnit = beforeUnit
    this.#options = connection.config.bigNumberStrings ? withNumbers : plainly
  }

  /** Rows as the statement names their columns; the caller knows their types. */
  rows<Row>(sql: string, values: readonly Value[] = []): Promise<Row[]> {
    return this.#prepared<RowDataPacket[]>(sql, values) as Promise<unknown> as Promise<Row[]>
  }

  async change(sql: string, values: readonly Value[] = []): Promise<Changed> {
    const { affectedRows, insertId } = (await this.#prepared<ResultSetHeader>(sql, values)) as Header
    return { rows: affectedRows, carried: Number(insertId) }
  }

  /** A statement without values that is not worth preparing, or cannot be. */
  command(sql: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.connection.query({ sql, ...plainly }, (error) => (error ? reject(faultOf(error)) : resolve()))
    })
  }

  /** Everything in `work`, or nothing of it, at READ COMMITTED: there the server locks no gaps between rows. */
  async unit<T>(work: () => Promise<T>): Promise<T> {
    if (this.#beforeUnit !== undefined) await this.command(this.#beforeUnit)
    this.isInUnit = true
    await this.command('START TRANSACTION')
    try {
      const result = await work()
      await this.command('COMMIT')
      this.isInUnit = false
      return result
    } catch (error) {
      // If it cannot be undone the connection is not lent any more; what led here is the error to show.
      await this.command('ROLLBACK').then(
        () => (this.isInUnit = false),
        () => {},
      )
      throw error
    }
  }

  #prepared<Result extends RowDataPacket[] | ResultSetHeader>(sql: string, values: readonly Value[]): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.connection.execute<Result>({ sql, values: [...values], ...this.#options }, (error, result) =>
        error ? reject(faultOf(error)) : resolve(result),
      )
    })
  }
}

/** Bytes as the driver takes them, without a copy. */
export function bound(value: Uint8Array): Buffer {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}

/** Values for a statement made for a power of two of them, so that few statements have to be prepared. */
export function padded<T>(values: readonly T[]): T[] {
  const last = values.at(-1)
  if (last === undefined) return []
  const count = 2 ** Math.ceil(Math.log2(values.length))
  return [...values, ...Array.from({ length: count - values.length }, () => last)]
}
