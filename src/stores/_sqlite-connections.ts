import { StoreUnavailableError } from '../shared/errors.ts'
import { Connection } from './_sqlite-connection.ts'
import type { Driver } from './_sqlite-connection.ts'
import { createFile, fileAt } from './_sqlite-file.ts'

/** The connections of one store. */
export interface Connections {
  /** Reads, and writes that may be lost with the machine's power. */
  readonly main: Connection
  /** Writes that are on the disk when they return: `synchronous` cannot change inside a transaction. */
  readonly durable: Connection
  /** Reads the epochs, whatever the others are at. */
  readonly poll: Connection
  /** Which file they have open. */
  readonly file: string
}

/** Opens all connections, or none. */
export function connect(driver: Driver, path: string, prepare: (main: Connection) => void): Connections {
  createFile(path)
  const opened: Connection[] = []
  const open = (setup: (connection: Connection) => void, readOnly = false): Connection => {
    const connection = new Connection(driver, path, { readOnly })
    opened.push(connection)
    connection.exec('PRAGMA busy_timeout = 0')
    setup(connection)
    return connection
  }
  try {
    const main = open((connection) => {
      useWriteAheadLog(connection, path)
      connection.exec('PRAGMA synchronous = NORMAL')
      prepare(connection)
    })
    const durable = open((connection) => connection.exec('PRAGMA synchronous = FULL'))
    const poll = open(() => {}, true)
    return { main, durable, poll, file: fileAt(path) }
  } catch (error) {
    for (const connection of opened.reverse()) connection.close()
    throw error
  }
}

/** The poll's first: as a reader it could not tidy up the log, which the last one to go does. */
export function disconnect({ main, durable, poll }: Connections): void {
  for (const connection of [poll, durable, main]) connection.close()
}

function useWriteAheadLog(connection: Connection, path: string): void {
  const [row] = connection.all<{ journal_mode: string }>('PRAGMA journal_mode = WAL')
  if (row?.journal_mode === 'wal') return
  throw new StoreUnavailableError(`SQLite cannot use a write-ahead log at ${path}; is it on a network file system?`)
}
