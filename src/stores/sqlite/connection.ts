import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { ConfigError } from '../../shared/errors.ts'

export type Driver = typeof import('node:sqlite')

/** Loads `node:sqlite` when it is first needed, so that importing the package costs nothing and never warns. */
export async function loadDriver(): Promise<Driver> {
  try {
    return await import('node:sqlite')
  } catch {
    const message = `needs the built-in module node:sqlite, which Node.js ${process.versions.node} does not have; 22.18 or later does`
    throw new ConfigError('sqliteStore', [{ path: 'store', message }])
  }
}

/**
 * One connection with its prepared statements. No statement ever runs through `StatementSync.get()`: it swallows an
 * error of the commit it causes.
 */
export class Connection {
  readonly #db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  constructor(driver: Driver, path: string, options: { readOnly: boolean }) {
    this.#db = new driver.DatabaseSync(path, options)
  }

  exec(sql: string): void {
    this.#db.exec(sql)
  }

  /** Rows as the statement names their columns; the caller knows their types. */
  all<Row>(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepared(sql).all(...values) as Row[]
  }

  /** Rows as lists of their columns, which cost less than objects do: for what is asked all the time. */
  lists<Row extends readonly unknown[]>(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepared(sql, true).all(...values) as unknown[] as Row[]
  }

  /** Returns how many rows changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepared(sql).run(...values).changes)
  }

  /** Several reads of one state of the database. */
  reading<T>(work: () => T): T {
    return this.#transaction('BEGIN', work)
  }

  /** A unit that reads and writes, alone with the database from its first statement on. */
  writing<T>(work: () => T): T {
    return this.#transaction('BEGIN IMMEDIATE', work)
  }

  /** A part of a unit: if it fails, that is its outcome, nothing of it stays and the unit goes on. */
  attempt<T>(work: () => T): { reply: T } | { error: unknown } {
    this.run('SAVEPOINT attempt')
    try {
      const reply = work()
      this.run('RELEASE attempt')
      return { reply }
    } catch (error) {
      this.#undoAttempt(error)
      return { error }
    }
  }

  /** Undoes what the unit has done so far, because of `cause`, and lets it begin anew. */
  beginAnew(cause: unknown): void {
    // SQLite has rolled back by itself: what befell it befalls the whole unit.
    if (!this.#db.isTransaction) throw cause
    this.run('ROLLBACK')
    this.run('BEGIN IMMEDIATE')
  }

  sizeBytes(): number {
    const [pages] = this.all<{ page_count: number }>('PRAGMA page_count')
    const [page] = this.all<{ page_size: number }>('PRAGMA page_size')
    return (pages?.page_count ?? 0) * (page?.page_size ?? 0)
  }

  close(): void {
    this.#db.close()
  }

  #transaction<T>(begin: string, work: () => T): T {
    this.run(begin)
    try {
      const result = work()
      this.run('COMMIT')
      return result
    } catch (error) {
      this.#rollBack()
      throw error
    }
  }

  #rollBack(): void {
    try {
      this.#db.exec('ROLLBACK')
    } catch {
      // After a full disk or an I/O error SQLite has rolled back by itself; the error that led here is the one to show.
    }
  }

  #undoAttempt(cause: unknown): void {
    try {
      this.#db.exec('ROLLBACK TO attempt')
      this.#db.exec('RELEASE attempt')
    } catch {
      // SQLite has rolled back the whole unit by itself, and what led to it is the error to show.
      throw cause
    }
  }

  /** A statement is always asked for in the same way. */
  #prepared(sql: string, inLists = false): StatementSync {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    const statement = this.#db.prepare(sql)
    statement.setReturnArrays(inLists)
    this.#statements.set(sql, statement)
    return statement
  }
}
