import type { EntryInfo, ListQuery, ListReply } from '../../cache/store.ts'
import { cursorFrom, cursorText, defaultPageSize } from '../rules/paging.ts'
import type { Connection } from './connection.ts'
import { page } from './entry-scripts.ts'
import type { RedisKeys } from './keys.ts'
import { headFrom } from './record.ts'
import { runScript } from './script.ts'

interface Row {
  /** The key as the server sorts it. */
  name: Buffer
  info: EntryInfo
}

/** Who asks, and where. */
export interface Listing {
  connection: Connection
  startedAt: number
  keys: RedisKeys
}

/** One page of the lists, of one moment. */
export async function pageOf({ connection, startedAt, keys }: Listing, query: ListQuery): Promise<ListReply> {
  const limit = query.limit ?? defaultPageSize
  const cursor = cursorFrom(query.after) ?? { createdAt: 0, key: '' }
  const lists = [...new Set(query.values)].map((hash) => keys.list(query.index, hash))
  const args = { indexes: keys.lists, prefix: keys.entries, from: cursor.createdAt, limit: limit + 1 }
  const reply = (await runScript(connection, { script: page, keys: lists, args, startedAt })) as Buffer[]
  return sortedPage(rowsOf(reply), query)
}

/** One page of rows that are all in memory, oldest first, in the order of the keys' bytes. */
export function sortedPage(rows: readonly Row[], query: ListQuery): ListReply {
  const limit = query.limit ?? defaultPageSize
  const cursor = cursorFrom(query.after) ?? { createdAt: 0, key: '' }
  const from = Buffer.from(cursor.key)
  const remaining = rows
    .filter((row) => createdAt(row) > cursor.createdAt || isAfter(row, cursor.createdAt, from))
    .sort((a, b) => createdAt(a) - createdAt(b) || Buffer.compare(a.name, b.name))
  const entries = remaining.slice(0, limit).map(({ info }) => info)
  const last = entries.at(-1)
  if (last === undefined || remaining.length <= limit) return { entries }
  return { entries, next: cursorText({ createdAt: last.times.createdAt, key: last.key }) }
}

/** Names, heads and labels come in turn. */
function rowsOf(reply: readonly Buffer[]): Row[] {
  return Array.from({ length: reply.length / 3 }, (_, i) => {
    const [name, head, label] = reply.slice(3 * i, 3 * i + 3) as [Buffer, Buffer, Buffer]
    const info = { key: String(name), ...headFrom(head) }
    return { name, info: label.length === 0 ? info : { ...info, label: String(label) } }
  })
}

function isAfter(row: Row, moment: number, name: Buffer): boolean {
  return createdAt(row) === moment && Buffer.compare(row.name, name) > 0
}

function createdAt({ info }: Row): number {
  return info.times.createdAt
}
