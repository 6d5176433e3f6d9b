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
    if (!response.headersSent) (pending.get(response) ?? addAtHead(response)).push(cookie)
  }
}

const pending = new WeakMap<ServerResponse, string[]>()

/**
 * Adds the cookies when the head is written, whatever cookies the application sets until then, and whatever it says of
 * caching: a shared cache would hand one user's cookie to the next.
 */
function addAtHead(response: ServerResponse): string[] {
  const cookies: string[] = []
  pending.set(response, cookies)
  const writeHead = response.writeHead.bind(response) as (...head: unknown[]) => ServerResponse
  response.writeHead = (...head: unknown[]) => {
    // Headers given to `writeHead` would win over ours.
    for (const headers of head.filter(isObject)) setAll(response, pairsOf(headers))
    for (const cookie of cookies) response.appendHeader('Set-Cookie', cookie)
    response.setHeader('Cache-Control', 'no-store')
    return writeHead(...head.filter((argument) => !isObject(argument)))
  }
  return cookies
}

function isObject(argument: unknown): argument is object {
  return typeof argument === 'object' && argument !== null
}

/** What `writeHead` takes: an object, a flat list, or a list of pairs. */
function pairsOf(headers: object): [name: string, value: string][] {
  if (!Array.isArray(headers)) return Object.entries(headers)
  if (Array.isArray(headers[0])) return headers as [string, string][]
  return headers.flatMap((name: string, index) => (index % 2 === 0 ? [[name, headers[index + 1] as string]] : []))
}

/** In place of what was set under these names before; a name may come more than once. */
function setAll(response: ServerResponse, headers: readonly [name: string, value: string][]): void {
  for (const [name] of headers) response.removeHeader(name)
  for (const [name, value] of headers) response.appendHeader(name, value)
}
