import type { ListQuery } from '../../cache/store.ts'

/** Where a page ended: the creation time and key of its last entry, in the order lists have. */
export interface Cursor {
  createdAt: number
  key: string
}

export const defaultPageSize = 100

/** The text a page's `next` carries. */
export function cursorText(cursor: Cursor): string {
  return `${cursor.createdAt}:${cursor.key}`
}

/** The place `after` names; throws `TypeError` on a text no page ended with. */
export function cursorFrom(after: string | undefined): Cursor | undefined {
  if (after === undefined) return undefined
  const found = /^(\d{1,16}):(.*)$/su.exec(after)
  if (!found) throw new TypeError('list: `after` must be the `next` of the page before')
  return { createdAt: Number(found[1]), key: found[2] ?? '' }
}

interface Listed {
  key: string
  times: { createdAt: number }
}

/** One page of rows that are all in memory, oldest first. */
export function pageOf<Row extends Listed>(rows: readonly Row[], query: ListQuery): { rows: Row[]; next?: string } {
  const limit = query.limit ?? defaultPageSize
  const from = cursorFrom(query.after)
  const remaining = rows
    .filter((row) => !from || order(placeOf(row), from) > 0)
    .sort((a, b) => order(placeOf(a), placeOf(b)))
  const page = remaining.slice(0, limit)
  const last = page.at(-1)
  return last && remaining.length > limit ? { rows: page, next: cursorText(placeOf(last)) } : { rows: page }
}

function placeOf(row: Listed): Cursor {
  return { createdAt: row.times.createdAt, key: row.key }
}

function order(a: Cursor, b: Cursor): number {
  if (a.createdAt !== b.createdAt) return a.createdAt - b.createdAt
  return a.key < b.key ? -1 : Number(a.key > b.key)
}
