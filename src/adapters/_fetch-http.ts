import type { AuthReply, AuthRequest, SetCookie } from '../auth/http.ts'
import { formOf, isForm, readForm } from './_form-body.ts'

export class FetchRequest implements AuthRequest {
  readonly #request: Request
  readonly #parsedBody: () => Promise<unknown>

  /** `parsedBody` gives what was read of the body before, where a framework keeps that. */
  constructor(request: Request, parsedBody: () => Promise<unknown> = async () => undefined) {
    this.#request = request
    this.#parsedBody = parsedBody
  }

  get method(): string {
    return this.#request.method
  }

  get url(): string {
    const { url } = this.#request
    const path = url.indexOf('/', url.indexOf('://') + 3)
    return path === -1 ? '/' : url.slice(path)
  }

  header(name: string): string | undefined {
    return this.#request.headers.get(name) ?? undefined
  }

  async form(): Promise<URLSearchParams> {
    const { body, bodyUsed } = this.#request
    if (!isForm(this.header('content-type'))) return new URLSearchParams()
    return bodyUsed || body === null ? formOf(await this.#parsedBody()) : readForm(body)
  }
}

export function toResponse({ status, headers, body }: AuthReply): Response {
  return new Response(body === '' ? null : body, { status, headers })
}

/** Cookies for a response that does not exist yet. */
export class PendingCookies {
  #lines: string[] = []

  readonly set: SetCookie = (cookie) => void this.#lines.push(cookie)

  /** The response with the cookies, and then out of reach of caches; the response itself if there are none. */
  readonly addTo = (response: Response): Response => {
    // An upgrade (101) has no headers left to set.
    if (this.#lines.length === 0 || response.status < 200) return response
    const answer = new Response(response.body, response)
    for (const cookie of this.#lines) answer.headers.append('Set-Cookie', cookie)
    answer.headers.set('Cache-Control', 'no-store')
    this.#lines = []
    return answer
  }
}
