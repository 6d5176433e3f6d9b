import { cacheSchedules } from '../support/cache-schedules.ts'
import { losses } from './troubles.ts'

/** The checker knows what the store has lost, and expects of memory that it follows as soon as it can be noticed. */
cacheSchedules(
  import.meta.url,
  'however a store is restored or replaced by another: memory answers for D with what is gone, and no longer',
  {
    count: 50_000,
    troubles: losses,
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
    ],
  },
)
