import type { Connection } from './connection.ts'

/** Keys of the database that are looked at before the rest is estimated. */
const enough = 10_000

/**
 * How many keys look like this. Exact in a database of up to 10,000 keys, else an estimate: the server goes
 * through its keys in no order, so the first of them are a fair sample.
 */
export async function keysLike(connection: Connection, startedAt: number, pattern: string): Promise<number> {
  const all = Number(await connection.send(['DBSIZE'], startedAt))
  const found = new Set<string>()
  let cursor = '0'
  let lookedAt = 0
  do {
    const page = await connection.send(['SCAN', cursor, 'MATCH', pattern, 'COUNT', '1000'], startedAt)
    const [next, keys] = page as [Buffer, Buffer[]]
    for (const key of keys) found.add(key.toString('latin1'))
    cursor = String(next)
    lookedAt += 1_000
  } while (cursor !== '0' && lookedAt < enough)
  return cursor === '0' ? found.size : Math.round((found.size * all) / lookedAt)
}

/** A text that a pattern is to take literally. */
export function escaped(text: string): string {
  return text.replace(/[*?[\]\\^]/g, '\\$&')
}
