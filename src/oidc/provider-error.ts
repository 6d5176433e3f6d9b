import { AuthorizationResponseError } from 'openid-client'
import { isSallyportError, SallyportError } from '../shared/errors.ts'
import { ProviderRefusedError } from './provider-refused-error.ts'
import { requestFailureIn } from './request-failure.ts'
import type { RequestFailure } from './request-failure.ts'

/** The provider cannot answer now. */
export function unavailable(failure: RequestFailure): SallyportError {
  return new SallyportError('ERR_PROVIDER_UNAVAILABLE', failure.message, {
    retryAfterSec: failure.retryAfterSec ?? 1,
  })
}

/** The provider answered what must not be trusted, or what nobody understands. */
export function untrusted(message: string, cause?: unknown): SallyportError {
  return new SallyportError('ERR_PROVIDER_RESPONSE', message, cause === undefined ? {} : { cause: inWords(cause) })
}

/** What went wrong at the provider, in our own terms. */
export function toProviderError(error: unknown): SallyportError {
  if (isSallyportError(error)) return error
  if (error instanceof AuthorizationResponseError) return new ProviderRefusedError(error.error)
  const failure = requestFailureIn(error)
  if (failure === undefined) return untrusted('the provider’s answer was not accepted', error)
  return failure.fate === 'too-large' ? untrusted(failure.message) : unavailable(failure)
}

/**
 * What an error and its causes say, without what they hold: the libraries attach whole answers, tokens included, and
 * a parser quotes the text it could not read.
 */
export function inWords(error: unknown): Error {
  const words: string[] = []
  for (let at = error; at instanceof Error && words.length < 5; at = at.cause) words.push(saying(at))
  return new Error(words.join(' <- '))
}

function saying(error: Error): string {
  if (isSallyportError(error) || requestFailureIn(error) === error) return error.message
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return code?.startsWith('OAUTH_') ? error.message : [error.name, code].filter(Boolean).join(' ')
}
