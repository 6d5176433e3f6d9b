import type { Bump, Lifetime } from '../../cache/store.ts'
import { headFrom } from './record.ts'
import type { Head } from './record.ts'
import type { Run } from './script.ts'

/** What the scripts reply when they have written: the head of the entry and the time. */
export function writtenFrom(reply: unknown): Head & { storeNow: number } {
  const [head, storeNow] = reply as [Buffer, number]
  return { ...headFrom(head), storeNow }
}

/** A bump as scripts reply and announce it: the incarnation, and `[bucket, prev, n, keys]` as JSON. */
export function bumpFrom([incarnation, text]: readonly unknown[]): Bump {
  const [bucket, prev, n, keys] = JSON.parse(String(text)) as [number, number, number, string[] | '*']
  return { incarnation: String(incarnation), bucket, prev, n, keys }
}

/** The server's reply to `TIME`, in ms. */
export function timeFrom(reply: unknown): number {
  const [seconds, microseconds] = reply as [unknown, unknown]
  return Number(String(seconds)) * 1_000 + Math.floor(Number(String(microseconds)) / 1_000)
}

/** A lifetime as scripts take it: empty texts where there is nothing to say. */
export function spans(lifetime: Lifetime | undefined): Run['args'] {
  return { idleMs: lifetime?.idleMs ?? '', absoluteMs: lifetime?.absoluteMs ?? '', promised: 0 }
}
