import { cacheRuns } from '../support/cache-run.ts'
import { explorationsOf } from '../support/exploration.ts'
import { losses } from './troubles.ts'

const explore = explorationsOf(import.meta.url)

/** The checker knows what the store has lost, and expects of memory that it follows as soon as it can be noticed. */
explore('however a store is restored or replaced by another: memory answers for D with what is gone, and no longer', {
  schedules: 50_000,
  runOnce: cacheRuns({ troubles: losses }),
  sees: [
    ...losses,
    'a restore that is noticed',
    'store caught',
    'answer from l1',
    'answer from l2',
    'answer from joined',
    'not answered',
    'push gap',
    'lease lost',
    'ambush of remove',
  ],
})
