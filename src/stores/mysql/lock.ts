import type { MysqlSession } from './session.ts'

type LockPurpose = 'schema' | 'sweep'

/** Takes a named lock; one value, the name of the table. Such locks are the server's, not the database's. */
export function lockText(purpose: LockPurpose, waitSec: number): string {
  return `SELECT GET_LOCK(${nameOf(purpose)}, ${waitSec}) AS granted`
}

export function unlockText(purpose: LockPurpose): string {
  return `SELECT RELEASE_LOCK(${nameOf(purpose)}) AS released`
}

/** Does the work while no other instance does any under the same lock, or answers nothing if it was not to be had. */
export async function alone<T>(
  session: MysqlSession,
  lock: { tableName: string; take: string; release: string },
  work: () => Promise<T>,
): Promise<T | undefined> {
  const [row] = await session.rows<{ granted: number | null }>(lock.take, [lock.tableName])
  if (row?.granted !== 1) return undefined
  try {
    return await work()
  } finally {
    // On a connection that was lost this fails too: the server has freed the lock by itself.
    await session.rows(lock.release, [lock.tableName])
  }
}

/** At most 64 characters, whatever the names of the database and the table. */
function nameOf(purpose: LockPurpose): string {
  return `CONCAT('sallyport.${purpose}.', LEFT(SHA2(CONCAT(DATABASE(), '.', ?), 256), 32))`
}
