import type { AuthReply } from './http.ts'

/** No answer of ours may be kept by a cache: it is about one browser and one moment. */
const uncached: readonly AuthReply['headers'][number][] = [
  ['Cache-Control', 'no-store'],
  ['X-Content-Type-Options', 'nosniff'],
]

/** 302, or 303 after a POST. The location never shows up in a `Referer` header. */
export function redirect(location: string, cookies: readonly string[] = [], status: 302 | 303 = 302): AuthReply {
  return {
    status,
    headers: [['Location', location], ['Referrer-Policy', 'no-referrer'], ...uncached, ...setting(cookies)],
    body: '',
  }
}

export function json(status: number, value: object, headers: AuthReply['headers'] = []): AuthReply {
  return {
    status,
    headers: [['Content-Type', 'application/json'], ...uncached, ...headers],
    body: JSON.stringify(value),
  }
}

/** RFC 9457. */
export function problem(status: number, value: object, headers: AuthReply['headers']): AuthReply {
  const type = 'application/problem+json'
  return { status, headers: [['Content-Type', type], ...uncached, ...headers], body: JSON.stringify(value) }
}

export function html(status: number, body: string, more: AuthReply['headers']): AuthReply {
  return { status, headers: [['Content-Type', 'text/html; charset=utf-8'], ...uncached, ...more], body }
}

export function methodNotAllowed(allowed: readonly string[]): AuthReply {
  return {
    status: 405,
    headers: [['Allow', allowed.join(', ')], ['Content-Type', 'text/plain; charset=utf-8'], ...uncached],
    body: 'Method Not Allowed',
  }
}

/** One `Set-Cookie` header each. */
export function setting(cookies: readonly string[]): AuthReply['headers'] {
  return cookies.map((cookie) => ['Set-Cookie', cookie])
}
