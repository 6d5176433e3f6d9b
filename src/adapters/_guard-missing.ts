import { SallyportError } from '../shared/errors.ts'

/** A handler asked for the session of a request that no guard let in. */
export function guardMissing(guard: string, alternative: string): SallyportError {
  return new SallyportError(
    'ERR_GUARD_MISSING',
    `no guard let this request in: add ${guard} before this handler, or ask with ${alternative}`,
  )
}

/** The guard itself stands where what it returns should. */
export function guardNotCalled(): SallyportError {
  return new SallyportError('ERR_GUARD_MISSING', 'requireSession is to be called: write web.requireSession()')
}
