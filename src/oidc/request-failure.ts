export type RequestFate =
  /** No connection came about: the provider surely has not seen the request. */
  | 'not-sent'
  /** Timed out, aborted or cut off: the provider may have seen the request. */
  | 'no-answer'
  /** Answered with 408, 429 or 5xx: it was not acted upon. */
  | 'overloaded'
  /** The answer is longer than any sensible one. */
  | 'too-large'

/** A request to the provider that brought no answer to work with. */
export class RequestFailure extends Error {
  readonly fate: RequestFate
  readonly retryAfterSec: number | undefined

  constructor(fate: RequestFate, options: { detail?: string | undefined; retryAfterSec?: number | undefined } = {}) {
    super(options.detail === undefined ? sayings[fate] : `${sayings[fate]} (${options.detail})`)
    this.name = 'RequestFailure'
    this.fate = fate
    this.retryAfterSec = options.retryAfterSec
  }
}

/** The `RequestFailure` behind what a library made of it. */
export function requestFailureIn(error: unknown): RequestFailure | undefined {
  for (let at = error; at instanceof Error; at = at.cause) if (at instanceof RequestFailure) return at
  return undefined
}

const sayings: Record<RequestFate, string> = {
  'not-sent': 'the provider could not be reached',
  'no-answer': 'the provider did not answer',
  overloaded: 'the provider cannot answer now',
  'too-large': 'the provider’s answer is too long',
}
