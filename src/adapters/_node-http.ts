import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AuthReply, AuthRequest, SetCookie } from '../auth/http.ts'
import { formOf, isForm, readForm } from './_form-body.ts'

/** What frameworks on `node:http` put on a request. */
interface Decorated extends IncomingMessage {
  /** The target as received; a framework shortens `url` for what is mounted below a path. */
  originalUrl?: string
  body?: unknown
}

export class NodeRequest implements AuthRequest {
  readonly #request: Decorated

  constructor(request: IncomingMessage) {
    this.#request = request
  }

  get method(): string {
    return this.#request.method ?? 'GET'
  }

  get url(): string {
    return this.#request.originalUrl ?? this.#request.url ?? '/'
  }

  header(name: string): string | undefined {
    const value = this.#request.headers[name]
    return typeof value === 'object' ? value.join(', ') : value
  }

  async form(): Promise<URLSearchParams> {
    if (!isForm(this.header('content-type'))) return new URLSearchParams()
    return this.#request.readableDidRead ? formOf(this.#request.body) : readForm(this.#request)
  }
}

export function writeReply(response: ServerResponse, { status, headers, body }: AuthReply): void {
  response.statusCode = status
  for (const [name, value] of headers) {
    if (name === 'Set-Cookie') response.appendHeader(name, value)
    else response.setHeader(name, value)
  }
  response.end(body)
}

/** Adds cookies to the answer that the application is about to give, as long as its head is not sent. */
export function cookieSetter(response: ServerResponse): SetCookie {
  return (cookie) => {
    if (response.headersSent) return
    if (!uncached.has(response)) keepFromCaches(response)
    response.appendHeader('Set-Cookie', cookie)
  }
}

const uncached = new WeakSet<ServerResponse>()

/** Whatever the application says of caching: a shared cache would hand one user's cookie to the next. */
function keepFromCaches(response: ServerResponse): void {
  uncached.add(response)
  const writeHead = response.writeHead.bind(response) as (...head: unknown[]) => ServerResponse
  response.writeHead = (...head: unknown[]) => {
    response.setHeader('Cache-Control', 'no-store')
    return writeHead(...head.map(withoutCacheControl))
  }
}

/** Header arguments of `writeHead` would win over `setHeader`: an object, a flat list, or a list of pairs. */
function withoutCacheControl(argument: unknown): unknown {
  if (typeof argument !== 'object' || argument === null) return argument
  if (!Array.isArray(argument)) {
    return Object.fromEntries(Object.entries(argument).filter(([name]) => !isCacheControl(name)))
  }
  if (Array.isArray(argument[0])) return argument.filter(([name]: unknown[]) => !isCacheControl(name))
  return argument.filter((_, index) => !isCacheControl(argument[index - (index % 2)]))
}

function isCacheControl(name: unknown): boolean {
  return typeof name === 'string' && name.toLowerCase() === 'cache-control'
}
