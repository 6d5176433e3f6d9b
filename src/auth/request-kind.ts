import type { AuthRequest } from './http.ts'

/** Whether a person is going somewhere, so that a redirect or a page is an answer; otherwise a script asks. */
export function isNavigation(request: AuthRequest): boolean {
  const mode = request.header('sec-fetch-mode')
  if (mode !== undefined) return mode === 'navigate'
  const destination = request.header('sec-fetch-dest')
  if (destination !== undefined) return destination === 'document'
  return request.header('upgrade') === undefined && (request.header('accept')?.includes('text/html') ?? false)
}

/** Whether a method changes nothing (RFC 9110 §9.2.1). */
export function isSafeMethod(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || method === 'TRACE'
}

/**
 * Whether a request that changes something was made by our own pages or by the user: by `Sec-Fetch-Site`, or where a
 * browser does not send that, by `Origin`.
 */
export function isFromOurselves(request: AuthRequest, origin: string): boolean {
  const site = request.header('sec-fetch-site')
  return site === undefined ? request.header('origin') === origin : site === 'same-origin' || site === 'none'
}
