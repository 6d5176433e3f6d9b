import { SlowOperations } from '../../src/cache/l2/slow-operations.ts'
import type { Clock } from '../../src/shared/clock.ts'
import { silentLogger } from './silent-logger.ts'

/** For a part of the cache that is tested by itself. By default nothing is slow. */
export function slowOperations(clock: Clock, thresholdMs: number = 0): SlowOperations {
  return new SlowOperations({ store: 'memory', thresholdMs, clock, logger: silentLogger })
}
