import { SallyportError, StoreUnavailableError } from '../../shared/errors.ts'

const busy = 5
const locked = 6
const readOnly = 8
const corrupt = 11
const full = 13
const cannotOpen = 14
const protocol = 15
const tooBig = 18
const notADatabase = 26

/** Whether the error says that another connection is in the way, so that trying again makes sense. */
export function isLocked(error: unknown): boolean {
  const code = resultCode(error)
  return code === busy || code === locked || code === protocol
}

/** Whether the error comes from SQLite itself, so that its connection deserves no trust any more. */
export function isSqliteError(error: unknown): boolean {
  return resultCode(error) !== undefined
}

/** What users of the store see; an error that is not SQLite's passes unchanged. */
export function translated(error: unknown, path: string): unknown {
  const code = resultCode(error)
  if (code === undefined) return error
  if (code === notADatabase) return corruption(`${path} is not an SQLite database`, error)
  if (code === corrupt) return corruption(`the database ${path} is damaged; restore it from a backup`, error)
  if (code === readOnly || code === cannotOpen) {
    return new StoreUnavailableError(`the database ${path} cannot be opened for reading and writing`, { cause: error })
  }
  if (code === tooBig) {
    const message = 'the entry is larger than the 1,000,000,000 bytes that SQLite takes'
    return new SallyportError('ERR_STORE_VALUE_TOO_LARGE', message, { cause: error })
  }
  if (code === full) return new StoreUnavailableError(`no space left for the database ${path}`, { cause: error })
  return new StoreUnavailableError(`the database ${path} did not answer`, { cause: error })
}

function corruption(message: string, cause: unknown): SallyportError {
  return new SallyportError('ERR_STORE_CORRUPT', message, { cause })
}

/** The primary result code of SQLite: the extended one carries it in its low byte. */
function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined
  return error.errcode & 0xff
}
