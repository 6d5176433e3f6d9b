import type { RowDataPacket } from 'mysql2/promise'
import type { EntryInfo, Store } from 'sallyport'

/** What a store tells nobody who only knows a session's key: the lists it is in, and its device. */
export interface Listed {
  key: string
  indexes: { subject?: string; sid?: string }
  label?: string
}

/** MySQL keeps keys and hashes as bytes. */
type Text = string | Buffer
type Row = { cache_key: Text; subject_hash: Text | null; sid_hash: Text | null; label: string | null }

/** The sessions of the store at this URL, of which `store` is the object, in pages. */
export function sessionsAt(url: string, store: Store): AsyncIterable<Listed[]> {
  if (/^postgres(ql)?:/.test(url)) return inPostgres(url)
  if (/^(mysql|mariadb):/.test(url)) return inMysql(url)
  return /^rediss?:/.test(url) ? inRedis(url, store) : inSqlite(url)
}

const selectAfter = (after: string): string =>
  `SELECT cache_key, subject_hash, sid_hash, label FROM oidc_cache
   WHERE cache_key > ${after} AND cache_key LIKE 'session:%' ORDER BY cache_key LIMIT 200`

async function* inPostgres(url: string): AsyncIterable<Listed[]> {
  const { Pool } = await import('pg')
  const pool = new Pool({ connectionString: url })
  yield* rowsInPages(async (after) => (await pool.query<Row>(selectAfter('$1'), [after])).rows)
  await pool.end()
}

async function* inMysql(url: string): AsyncIterable<Listed[]> {
  const { createPool } = await import('mysql2/promise')
  const pool = createPool(url.replace(/^mariadb:/, 'mysql:'))
  yield* rowsInPages(async (after) => (await pool.query<(Row & RowDataPacket)[]>(selectAfter('?'), [after]))[0])
  await pool.end()
}

async function* inSqlite(url: string): AsyncIterable<Listed[]> {
  const { DatabaseSync } = await import('node:sqlite')
  const database = new DatabaseSync(decodeURI(url.replace(/^sqlite:\/\//, '')), { readOnly: true })
  yield* rowsInPages(async (after) => database.prepare(selectAfter('?')).all(after) as Row[])
  database.close()
}

async function* rowsInPages(select: (after: string) => Promise<Row[]>): AsyncIterable<Listed[]> {
  for (let rows = await select(''); rows.length > 0; rows = await select(String(rows.at(-1)!.cache_key))) {
    yield rows.map((row) => ({
      key: String(row.cache_key),
      indexes: {
        ...(row.subject_hash === null ? {} : { subject: String(row.subject_hash) }),
        ...(row.sid_hash === null ? {} : { sid: String(row.sid_hash) }),
      },
      ...(row.label === null ? {} : { label: row.label }),
    }))
  }
}

/** Whatever is an entry, and on what lists it is: those are read before the first page. */
async function* inRedis(url: string, store: Store): AsyncIterable<Listed[]> {
  const { createClient } = await import('redis')
  const client = await createClient({ url }).connect()
  const keysLike = async function* (start: string, rest: string): AsyncIterable<string[]> {
    for await (const names of client.scanIterator({ MATCH: `${start}${rest}*`, COUNT: 1000 })) {
      yield names.map((name) => name.slice(start.length))
    }
  }

  const listed = await inLists(keysLike('oidc_cache:list:', ''), store)
  for await (const keys of keysLike('oidc_cache:entry:', 'session:')) {
    yield keys.map((key) => listed.get(key) ?? { key, indexes: {} })
  }
  client.destroy()
}

/** Redis names its lists after what is listed: `<index>:<hash>`. */
async function inLists(lists: AsyncIterable<string[]>, store: Store): Promise<Map<string, Listed>> {
  const found = new Map<string, Listed>()
  for await (const names of lists) {
    for (const name of names) {
      const [index, hash] = name.split(':') as ['subject' | 'sid', string]
      for await (const { key, label } of inList(store, index, hash)) {
        const indexes = { ...found.get(key)?.indexes, [index]: hash }
        found.set(key, { key, indexes, ...(label === undefined ? {} : { label }) })
      }
    }
  }
  return found
}

async function* inList(store: Store, index: 'subject' | 'sid', hash: string): AsyncIterable<EntryInfo> {
  let next: string | undefined
  do {
    const page = await store.list({ index, values: [hash], ...(next === undefined ? {} : { after: next }) })
    yield* page.entries
    next = page.next
  } while (next !== undefined)
}
