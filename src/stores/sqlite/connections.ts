import { rmSync } from 'node:fs'
import { StoreUnavailableError } from '../../shared/errors.ts'
import { Connection } from './connection.ts'
import type { Driver } from './connection.ts'
import { createFile, fileAt } from './file.ts'

/** The connections of one store. */
export interface Connections {
  /** Reads, and writes that may be lost with the machine's power. */
  readonly main: Connection
  /** Writes that are on the disk when they return: `synchronous` cannot change inside a transaction. */
  readonly durable: Connection
  /** Reads the epochs, whatever the others are at. */
  readonly poll: Connection
  /** Which file they have open, and which log of it. */
  readonly file: string
  readonly log: string
}

/** SQLite's own 2 MB hold about 500 sessions; what is not there is copied from the file, a sixth of what a read takes. */
const cacheKb = 16_384

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
      connection.exec(`PRAGMA synchronous = NORMAL; PRAGMA cache_size = -${cacheKb}`)
      prepare(connection)
    })
    const durable = open((connection) => connection.exec('PRAGMA synchronous = FULL'))
    const poll = open(() => {}, true)
    return { main, durable, poll, file: fileAt(path), log: fileAt(logOf(path)) }
  } catch (error) {
    for (const connection of opened.reverse()) connection.close()
    throw error
  }
}

export function disconnect(connections: Connections, path: string): void {
  partFromReplaced(connections, path)
  // The poll's first: as a reader it could not tidy up the log, which the last one to go does.
  for (const connection of [connections.poll, connections.durable, connections.main]) connection.close()
}

/** Whether the file was replaced, moved or deleted: it is still there for those who have it open, and for nobody else. */
export function isReplaced({ file }: Connections, path: string): boolean {
  return file !== fileAt(path)
}

/**
 * SQLite finds a log by its name, and would mix what it holds into the file that has the name now. It goes into the file
 * it was written for, wherever that is. If the log at the path is another one, somebody else was here before.
 */
function partFromReplaced(connections: Connections, path: string): void {
  const { main, log } = connections
  unfailing(() => {
    if (!isReplaced(connections, path) || log !== fileAt(logOf(path))) return
    unfailing(() => void main.all('PRAGMA wal_checkpoint(TRUNCATE)'))
    for (const file of [logOf(path), `${path}-shm`]) rmSync(file, { force: true })
  })
}

/** Whatever led to a parting is the error to show, not what fails on the way. */
function unfailing(step: () => void): void {
  try {
    step()
  } catch {
    // The file may be out of reach, or gone.
  }
}

function logOf(path: string): string {
  return `${path}-wal`
}

function useWriteAheadLog(connection: Connection, path: string): void {
  const [row] = connection.all<{ journal_mode: string }>('PRAGMA journal_mode = WAL')
  if (row?.journal_mode === 'wal') return
  throw new StoreUnavailableError(`SQLite cannot use a write-ahead log at ${path}; is it on a network file system?`)
}
