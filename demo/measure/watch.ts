import { setTimeout } from 'node:timers/promises'
import type { Auth } from 'sallyport'
import type { DemoData } from '../app/auth.ts'

/** What an instance saw of sessions that were ended on the other one. */
export interface Outcome {
  /** When the last of them was refused, by `machineTime`. Absent: not in the time a watch lasts. */
  refusedAt?: number
}

export interface Watches {
  /** Starts to ask for these sessions again and again; resolves once memory answers for each of them. */
  start(cookieHeaders: readonly string[]): Promise<{ id: string; sessions: number }>
  outcome(id: string): Promise<Outcome | undefined>
}

const askEveryMs = 4
const lastsMs = 5_000

/** Milliseconds on a clock that never steps and is the same for all processes of one machine. */
export function machineTime(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** Watches sessions end, as the browsers that own them would if they asked every few milliseconds. */
export function createWatches(auth: Auth<DemoData>): Watches {
  const outcomes = new Map<string, Promise<Outcome>>()
  let last = 0
  return {
    async start(cookieHeaders) {
      const watched = new Map<string, string>()
      for (const header of cookieHeaders) {
        const session = await auth.authenticate(header)
        if (session) watched.set(session.id, header)
      }
      const id = String((last += 1))
      if (watched.size > 0) outcomes.set(id, watch(auth, [...watched.values()]))
      return { id, sessions: watched.size }
    },
    async outcome(id) {
      const outcome = await outcomes.get(id)
      outcomes.delete(id)
      return outcome
    },
  }
}

async function watch(auth: Auth<DemoData>, cookieHeaders: readonly string[]): Promise<Outcome> {
  const until = machineTime() + lastsMs
  const refusals = await Promise.all(cookieHeaders.map((header) => untilRefused(auth, header, until)))
  if (refusals.some((at) => at === undefined)) return {}
  return { refusedAt: Math.max(...(refusals as number[])) }
}

async function untilRefused(auth: Auth<DemoData>, cookieHeader: string, until: number): Promise<number | undefined> {
  while (machineTime() < until) {
    if ((await auth.authenticate(cookieHeader)) === undefined) return machineTime()
    await setTimeout(askEveryMs)
  }
  return undefined
}

/** The cookie headers with which sessions were last seen here. */
export interface Seen {
  add(sessionId: string, cookieHeader: string | undefined): void
  /** The headers of those of the sessions that were seen. */
  of(sessionIds: readonly string[]): string[]
}

const capacity = 200

/**
 * For the measurement only, never for an application: to see a session of another browser refused, someone has to keep
 * asking with its cookie, and that browser won't. Whoever keeps cookies can be robbed of them; the library itself never
 * needs them back.
 */
export function createSeen(): Seen {
  const headers = new Map<string, string>()
  return {
    add(sessionId, cookieHeader) {
      if (cookieHeader === undefined) return
      headers.delete(sessionId)
      headers.set(sessionId, cookieHeader)
      if (headers.size > capacity) headers.delete(headers.keys().next().value!)
    },
    of: (sessionIds) => sessionIds.flatMap((id) => headers.get(id) ?? []),
  }
}
