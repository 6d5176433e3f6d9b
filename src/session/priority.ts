import type { L1Priority, TwoTierCacheConfig } from '../cache/config.ts'
import type { Logger } from '../shared/logger.ts'
import type { SessionRecord } from './record.ts'

/** The user's `l1Priority`, which can neither fail a request nor name a class there is not. */
export function priorityOf(
  l1Priority: TwoTierCacheConfig['l1Priority'],
  logger: Logger,
): ((record: SessionRecord) => L1Priority) | undefined {
  if (l1Priority === undefined) return undefined
  let hasFailed = false
  return ({ claims, data }) => {
    try {
      const priority: unknown = l1Priority({ claims, data })
      if (isPriority(priority)) return priority
      // Nobody waits for it: left alone, its rejection would end the process.
      if (priority instanceof Promise) priority.catch(() => {})
      throw new TypeError(`l1Priority must return 'low', 'normal' or 'high'`)
    } catch (err) {
      if (!hasFailed) logger.error({ err }, 'cache.l1Priority failed; such sessions are treated as normal')
      hasFailed = true
      return 'normal'
    }
  }
}

function isPriority(value: unknown): value is L1Priority {
  return value === 'low' || value === 'normal' || value === 'high'
}
