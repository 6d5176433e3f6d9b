import { cacheRuns } from '../support/cache-run.ts'
import { explorationsOf } from '../support/exploration.ts'
import { faults } from './troubles.ts'

const explore = explorationsOf(import.meta.url)

/** Reads, writes, touches, takes and ends at several instances, while machines, networks and the store have trouble. */
explore(
  'however machines stop, sleep, die and step their clocks, and whatever is lost: no promise of memory is broken',
  {
    schedules: 52_000,
    runOnce: cacheRuns({ troubles: faults }),
    sees: [
      ...faults,
      'rested',
      'answer from l1',
      'answer from l2',
      'answer from joined',
      'answer from stale',
      'absent by l2',
      'absent by joined',
      'not answered',
      'taken',
      'replace: replaced',
      'replace: conflict',
      'replace: absent',
      'extend: extended',
      'extend: absent',
      'remove by key',
      'remove by subject',
      'remove this version',
      'remove beside',
      'fill discarded',
      'lease lost',
      'floor raised',
      'push gap',
      'breaker open',
      'evicted',
      'ambush of epochs',
      'ambush of read',
      'ambush of replace',
      'ambush of extend',
      'ambush of create',
    ],
  },
)
