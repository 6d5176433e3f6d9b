import { closeSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { StoreUnavailableError } from '../../shared/errors.ts'

/**
 * Creates the file if it is missing, for its owner only; says what is wrong if that cannot be. A file that exists is
 * never opened here: closing it would end every lock this process has on it, SQLite's own among them.
 */
export function createFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code !== 'EEXIST') throw unusable(reason(code, path), error)
    if (statSync(path).isDirectory()) throw unusable(`${path} is a directory; name a file in it`, error)
  }
}

/** Which file is at the path now, across renames and restores. */
export function fileAt(path: string): string {
  try {
    const found = statSync(path, { bigint: true, throwIfNoEntry: false })
    return found === undefined ? 'none' : `${found.dev}:${found.ino}`
  } catch (error) {
    throw unusable(`this process may not look for ${path}`, error)
  }
}

function reason(code: string | undefined, path: string): string {
  if (code === 'ENOENT') return `the directory ${dirname(path)} does not exist; create it first`
  if (code === 'ENOTDIR') return `${dirname(path)} is not a directory`
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return `this process may not create ${path}`
  return `${path} cannot be created (${code ?? 'unknown'})`
}

function unusable(message: string, cause: unknown): StoreUnavailableError {
  return new StoreUnavailableError(`sqliteStore: path: ${message}`, { cause })
}
