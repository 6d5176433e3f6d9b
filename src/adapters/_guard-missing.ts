import { SallyportError } from '../shared/errors.ts'

/** A handler asked for the session of a request that no guard let in. */
export function guardMissing(guard: string, alternative: string): SallyportError {
  return new SallyportError(
    'ERR_GUARD_MISSING',
    `no guard let this request in: add ${guard} before this handler, or ask with ${alternative}`,
  )
}
