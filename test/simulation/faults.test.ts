import { cacheSchedules } from '../support/cache-schedules.ts'
import { faults } from './troubles.ts'

/** Reads, writes, touches, takes and ends at several instances, while machines, networks and the store have trouble. */
cacheSchedules(
  import.meta.url,
  'however machines stop, sleep, die and step their clocks, and whatever is lost: no promise of memory is broken',
  {
    count: 50_000,
    troubles: faults,
    sees: [
      ...faults,
      'answer from l1',
      'answer from l2',
      'answer from joined',
      'answer from stale',
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
    ],
  },
)
