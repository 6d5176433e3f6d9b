import { cacheRuns } from '../support/cache-run.ts'
import { explorationsOf } from '../support/exploration.ts'

const explore = explorationsOf(import.meta.url)

/** A standby that got the writes of the primary a little later takes its place, and its last ones are gone. */
const lossy = cacheRuns({ troubles: [], plan: { troubles: ['restored'], forgivesLosses: false } })
const lossyAndTold = cacheRuns({ troubles: [], plan: { troubles: ['replaced'], forgivesLosses: false } })

// This is why docs/guarantees.md asks for a store that keeps what it acknowledges.
explore('a failover that loses what was acknowledged breaks the bound: memory answers again with what was revoked', {
  schedules: 5_000,
  runOnce: lossy,
  breaks: /from l1, which was ended for good/,
})

explore('memory goes on with what the store has lost, if the store is called the same after that', {
  schedules: 5_000,
  runOnce: lossy,
  breaks: /from l1, which was lost by the store/,
})

explore('another incarnation after such a failover brings no revoke back', {
  schedules: 5_000,
  runOnce: lossyAndTold,
  breaks: /from l1, which was ended for good/,
})

explore('but then memory follows the store within D', {
  schedules: 2_000,
  runOnce: cacheRuns({ troubles: [], plan: { troubles: ['replaced'] } }),
  sees: ['replaced', 'answer from l1'],
})
