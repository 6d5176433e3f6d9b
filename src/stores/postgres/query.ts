import type { ClientBase } from 'pg'
import { SallyportError } from '../../shared/errors.ts'
import type { Statement } from './statements.ts'

const [bool, int8, int2, int4, int8Array] = [16, 20, 21, 23, 1016]

/** Beyond this, what the server sends back would not fit into a string. */
const maxValueBytes = 256 * 2 ** 20

export function refuseTooLarge(value: Uint8Array): void {
  if (value.length <= maxValueBytes) return
  const message = `the value has ${value.length} bytes, the postgres store takes ${maxValueBytes} at most`
  throw new SallyportError('ERR_STORE_VALUE_TOO_LARGE', message)
}

/** Numbers as numbers: none of ours is above 2^53. Everything else as the text the server sends. */
const types = {
  getTypeParser: (type: number) => {
    if (type === int8Array) return numbersOf
    if (type === int8 || type === int4 || type === int2) return Number
    return type === bool ? (text: string) => text === 't' : (text: string) => text
  },
}

/** Of the text `{1,NULL,3}`. */
function numbersOf(text: string): (number | null)[] {
  return text
    .slice(1, -1)
    .split(',')
    .map((each) => (each === 'NULL' ? null : Number(each)))
}

export interface Answer<Row> {
  rows: Row[]
  /** How many rows the statement changed or returned. */
  count: number
}

/** Runs a statement, prepared once per connection. The caller knows its columns. */
export async function ask<Row extends object>(
  client: ClientBase,
  statement: Statement | { text: string },
  values: readonly unknown[] = [],
): Promise<Answer<Row>> {
  const { rows, rowCount } = await client.query<Row>({ ...statement, values: [...values], types })
  return { rows, count: rowCount ?? 0 }
}

/**
 * Runs `work` in a transaction whose statements the server ends after `limitMs` each, whatever the connection's limit is.
 * Each sees what was committed before it, whatever the default of the database is: it may have waited for a lock.
 */
export async function inTransaction<T>(client: ClientBase, limitMs: number, work: () => Promise<T>): Promise<T> {
  await client.query(`BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = ${Math.ceil(limitMs)}`)
  try {
    const result = await work()
    await client.query('COMMIT')
    return result
  } catch (error) {
    // Where this fails the connection is lost, and the transaction with it.
    await client.query('ROLLBACK').catch(() => {})
    throw error
  }
}
