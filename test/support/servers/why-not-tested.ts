import { kinds, urlVariable } from './kinds.ts'
import type { ServerKind } from './kinds.ts'

/** Kinds that `npm test -- --without=…` leaves out, comma-separated. */
export const withoutVariable = 'SALLYPORT_TEST_WITHOUT'

/** Kinds tested on demand that `npm test -- --with=…` asks for, comma-separated. */
export const withVariable = 'SALLYPORT_TEST_WITH'

/**
 * The reason to skip the tests of this kind of server, or `false`. With `own`: of those that need a private server, because
 * they kill or reconfigure it; not to be had where the environment names the server to test against.
 */
export function whyNotTested(kind: ServerKind, need: 'shared' | 'own' = 'shared'): string | false {
  const without = (process.env[withoutVariable] ?? '').split(',')
  if (without.includes(kind)) return `NOT TESTED: ${kind}, left out by --without`
  const named = process.env[urlVariable(kind)]
  if (named && need === 'own') return `${urlVariable(kind)} names the server; this test would have to kill it`
  if (kinds[kind].onDemand && !named && !(process.env[withVariable] ?? '').split(',').includes(kind)) {
    return `on demand: npm test -- --with=${kind}`
  }
  return false
}
