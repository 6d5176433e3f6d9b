/** Every code sallyport throws or shows; `switch` over it narrows. */
export type ErrorCode =
  | 'ERR_ARGUMENT_INVALID'
  | 'ERR_CONFIG_INVALID'
  | 'ERR_GUARD_MISSING'
  | 'ERR_HOOK_FAILED'
  | 'ERR_LOGIN_EXPIRED'
  | 'ERR_LOGIN_REFUSED'
  | 'ERR_LOGIN_REQUIRED'
  | 'ERR_PROVIDER_REFUSED'
  | 'ERR_PROVIDER_RESPONSE'
  | 'ERR_PROVIDER_UNAVAILABLE'
  | 'ERR_REFRESH_UNAVAILABLE'
  | 'ERR_REQUEST_CROSS_SITE'
  | 'ERR_REQUEST_INVALID'
  | 'ERR_SESSION_CONFLICT'
  | 'ERR_SESSION_ENDED'
  | 'ERR_SESSION_DATA'
  | 'ERR_STORE_CORRUPT'
  | 'ERR_STORE_MISMATCH'
  | 'ERR_STORE_UNAVAILABLE'
  | 'ERR_STORE_UNSUPPORTED'
  | 'ERR_STORE_VALUE_TOO_LARGE'
  | 'ERR_CLOSED'
  | 'ERR_UNEXPECTED'

const brand = Symbol.for('sallyport.error')

export interface SallyportErrorOptions {
  cause?: unknown
  /** Seconds after which another try is worth it; becomes `Retry-After`. */
  retryAfterSec?: number
}

/** The base of every error of sallyport. No token, cookie, key or claim is ever in its text. */
export class SallyportError extends Error {
  readonly code: ErrorCode
  /** The HTTP status a framework's own error handler should answer with. */
  readonly status: number
  readonly retryAfterSec: number | undefined

  constructor(code: ErrorCode, message: string, options: SallyportErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'SallyportError'
    this.code = code
    this.status = statusOf[code]
    this.retryAfterSec = options.retryAfterSec
    Object.defineProperty(this, brand, { value: true })
  }
}

/** The store could not answer: nothing is known, so nobody is signed out and nobody is let in. Answered with 503. */
export class StoreUnavailableError extends SallyportError {
  constructor(message = 'the session store did not answer', options: SallyportErrorOptions = {}) {
    super('ERR_STORE_UNAVAILABLE', message, { retryAfterSec: 1, ...options })
    this.name = 'StoreUnavailableError'
  }
}

export interface ConfigProblem {
  /** The option's path, e.g. `session.idleTimeoutSec`. */
  path: string
  /** What is wrong and what to do. */
  message: string
}

/** Thrown at start with every mistake found in the options, not only the first. */
export class ConfigError extends SallyportError {
  readonly problems: readonly ConfigProblem[]

  constructor(subject: string, problems: readonly ConfigProblem[]) {
    const lines = problems.map((problem) => `  ${problem.path}: ${problem.message}`)
    const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`
    super('ERR_CONFIG_INVALID', `${subject}: ${count} in the options\n${lines.join('\n')}`)
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/** Whether `value` is an error of sallyport, also one of another copy of the package. */
export function isSallyportError(value: unknown): value is SallyportError {
  return typeof value === 'object' && value !== null && brand in value
}

/** Whether `error` is an error of sallyport with this code. */
export function hasCode(error: unknown, code: ErrorCode): error is SallyportError {
  return isSallyportError(error) && error.code === code
}

const statusOf: Record<ErrorCode, number> = {
  ERR_ARGUMENT_INVALID: 500,
  ERR_CONFIG_INVALID: 500,
  ERR_GUARD_MISSING: 500,
  ERR_HOOK_FAILED: 500,
  ERR_LOGIN_EXPIRED: 400,
  ERR_LOGIN_REFUSED: 403,
  ERR_LOGIN_REQUIRED: 401,
  ERR_PROVIDER_REFUSED: 400,
  ERR_PROVIDER_RESPONSE: 502,
  ERR_PROVIDER_UNAVAILABLE: 503,
  ERR_REFRESH_UNAVAILABLE: 503,
  ERR_REQUEST_CROSS_SITE: 403,
  ERR_REQUEST_INVALID: 400,
  ERR_SESSION_CONFLICT: 409,
  ERR_SESSION_ENDED: 401,
  ERR_SESSION_DATA: 500,
  ERR_STORE_CORRUPT: 503,
  ERR_STORE_MISMATCH: 500,
  ERR_STORE_UNAVAILABLE: 503,
  ERR_STORE_UNSUPPORTED: 501,
  ERR_STORE_VALUE_TOO_LARGE: 500,
  ERR_CLOSED: 503,
  ERR_UNEXPECTED: 500,
}
