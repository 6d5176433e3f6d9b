import { SallyportError } from '../shared/errors.ts'
import { withTimeout } from '../shared/timeout.ts'
import type { Clock } from '../shared/clock.ts'
import type { Logger } from '../shared/logger.ts'
import type { MaybePromise } from './options.ts'

const patienceMs = 5_000

/** Waits for a hook, at most 5 s. Whatever goes wrong in it becomes an `ERR_HOOK_FAILED`. */
export async function callHook<T>(clock: Clock, name: string, hook: () => MaybePromise<T>): Promise<T> {
  const late = (): Error => new Error(`no answer within ${patienceMs} ms`)
  try {
    return await withTimeout(clock, patienceMs, (async () => hook())(), late)
  } catch (cause) {
    throw new SallyportError('ERR_HOOK_FAILED', `hooks.${name} failed`, { cause })
  }
}

/** The same for a hook that only hears of something: its failure is logged and changes nothing. */
export async function attemptHook(
  { clock, logger }: { clock: Clock; logger: Logger },
  name: string,
  hook: () => MaybePromise<void>,
): Promise<void> {
  try {
    await callHook(clock, name, hook)
  } catch (err) {
    logger.error({ err }, 'a hook failed')
  }
}
