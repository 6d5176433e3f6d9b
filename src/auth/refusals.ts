import { STATUS_CODES } from 'node:http'
import { ProviderRefusedError } from '../oidc/provider-refused-error.ts'
import { isSallyportError, SallyportError, type ErrorCode } from '../shared/errors.ts'
import type { Logger } from '../shared/logger.ts'
import type { Randomness } from '../shared/randomness.ts'
import type { AuthReply, AuthRequest } from './http.ts'
import { pageReply } from './pages.ts'
import { problem } from './replies.ts'
import { isNavigation } from './request-kind.ts'
import type { Settings } from './settings.ts'

/** What a refusal shows beyond what its code says. */
interface Shown {
  text?: string
  /** Where a user may try again, and what that is called. */
  retry?: { label: string; href: string }
  /** Whether the route is one for scripts, whoever asks. */
  neverAsPage?: true
}

/**
 * Answers a request that cannot be served: a page for people, problem+json (RFC 9457) for scripts. What is shown and
 * what is logged carry the same random id; the reason is in the log alone. With `pages: 'framework'` it throws instead.
 */
export type Refuse = (request: AuthRequest, error: unknown, shown?: Shown) => AuthReply

export function createRefuse({ settings, randomness, logger }: RefuseOptions): Refuse {
  const { routes, origin, sessionCookie } = settings
  const challenge = `Cookie realm="sallyport", form-action="${routes.login}", cookie-name="${sessionCookie.name}"`

  return function refuse(request, thrown, shown = {}) {
    const error = isSallyportError(thrown) ? thrown : unexpected(thrown)
    if (settings.leavesErrorsToFramework) throw error
    const { code, status } = error
    const id = Buffer.from(randomness.bytes(9)).toString('base64url')
    log(logger, id, error)

    const headers: AuthReply['headers'] = []
    if (status === 401) headers.push(['WWW-Authenticate', challenge])
    if (status === 503) headers.push(['Retry-After', String(Math.ceil(error.retryAfterSec ?? 1))])
    const [heading, usual] = words[code] ?? words.ERR_UNEXPECTED
    const text = shown.text ?? (code === 'ERR_LOGIN_REFUSED' ? error.message : usual)
    if (isNavigation(request) && !shown.neverAsPage) {
      const action = shown.retry === undefined ? {} : { action: shown.retry }
      return pageReply({ status, title: heading, text, reference: id, headers, ...action })
    }
    const login = status === 401 ? { loginUrl: origin + routes.login } : {}
    const title = STATUS_CODES[status]
    return problem(status, { type: 'about:blank', title, status, detail: text, code, id, ...login }, headers)
  }
}

interface RefuseOptions {
  settings: Settings
  randomness: Randomness
  logger: Logger
}

function unexpected(cause: unknown): SallyportError {
  return new SallyportError('ERR_UNEXPECTED', 'an error that nobody expected', { cause })
}

function log(logger: Logger, id: string, error: SallyportError): void {
  const { code, status } = error
  // The text of a refused sign-in is written for the user and may name them.
  const fields = code === 'ERR_LOGIN_REFUSED' ? { id, code } : { id, code, err: error }
  if (error instanceof ProviderRefusedError && clientTrouble.has(error.providerCode)) {
    logger.error(fields, 'the provider does not know us: check clientId, clientSecret and provider.clientAuth')
    return
  }
  if (status === 401) logger.debug(fields, 'request refused')
  else if (status < 500) logger.info(fields, 'request refused')
  else if (status === 500) logger.error(fields, 'request failed')
  else logger.warn(fields, 'request failed')
}

/** What a provider says of a client, not of a user (RFC 6749 §5.2). */
const clientTrouble: ReadonlySet<string> = new Set(['invalid_client', 'unauthorized_client'])

const unknownSession = [
  'Please try again in a moment',
  'Your session cannot be looked up right now. You are not signed out.',
] as const

const words: Partial<Record<ErrorCode, readonly [title: string, text: string]>> &
  Record<'ERR_UNEXPECTED', readonly [title: string, text: string]> = {
  ERR_CLOSED: unknownSession,
  ERR_LOGIN_EXPIRED: [
    'Sign-in was not completed',
    'It took too long, or this browser does not keep cookies of this site. Please allow them and sign in again.',
  ],
  ERR_LOGIN_REFUSED: ['Sign-in refused', ''],
  ERR_LOGIN_REQUIRED: ['Please sign in', 'You are not signed in.'],
  ERR_PROVIDER_REFUSED: ['Sign-in was not completed', 'The sign-in service did not sign you in.'],
  ERR_PROVIDER_RESPONSE: [
    'Sign-in failed',
    'The answer of the sign-in service cannot be trusted, so nobody was signed in.',
  ],
  ERR_PROVIDER_UNAVAILABLE: [
    'Sign-in is not possible right now',
    'The sign-in service does not answer. Please try again in a moment.',
  ],
  ERR_REQUEST_CROSS_SITE: ['Request refused', 'It came from another site, or does not say where it came from.'],
  ERR_REQUEST_INVALID: ['Request refused', 'It cannot be understood.'],
  ERR_STORE_CORRUPT: unknownSession,
  ERR_STORE_UNAVAILABLE: unknownSession,
  ERR_UNEXPECTED: ['Something went wrong', 'It was noted. If it happens again, please report it with its reference.'],
}
