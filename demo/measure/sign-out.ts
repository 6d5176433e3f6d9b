import { machineTime } from './watch.ts'
import type { Peer } from './peer.ts'
import type { Seen } from './watch.ts'

/** A sign-out that started on one instance, and when the other one refused the session. */
export interface SignOut {
  id: string
  /** The instance where it started. */
  on: string
  extent: Extent
  at: number
  /** How many sessions the other instance was answering from memory when they were ended. */
  sessions: number
  state: 'under way' | 'done' | 'not seen'
  /** From the end of the sign-out on one instance to the first refusal on the other. */
  tookMs?: number
}

export type Extent = 'here' | 'there' | 'everywhere'

export interface SignOuts {
  /**
   * Does `end`, which resolves with whether anything was ended, and measures in the background how long the other
   * instance goes on answering.
   */
  measure(extent: Extent, sessionIds: readonly string[], end: () => Promise<boolean>): Promise<void>
  last(): SignOut | undefined
}

export function createSignOuts(name: string, peer: Peer, seen: Seen): SignOuts {
  let last: SignOut | undefined
  let number = 0
  return {
    async measure(extent, sessionIds, end) {
      const watch = await peer.watch(sessionIds, seen.of(sessionIds))
      const ended = await end()
      const endedAt = machineTime()
      if (!ended || !watch || watch.sessions === 0) return

      const id = `${name}${(number += 1)}`
      const signOut: SignOut = { id, on: name, extent, at: Date.now(), sessions: watch.sessions, state: 'under way' }
      last = signOut
      void peer.outcome(watch).then((outcome) => {
        if (last !== signOut) return
        const refusedAt = outcome?.refusedAt
        last =
          refusedAt === undefined
            ? { ...signOut, state: 'not seen' }
            : // It may hear of the end before the one who ended it does.
              { ...signOut, state: 'done', tookMs: Math.max(0, refusedAt - endedAt) }
      })
    },
    last: () => last,
  }
}
