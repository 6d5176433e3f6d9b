/** What an adapter makes of its framework's request. */
export interface AuthRequest {
  method: string
  /** Path and query as received. The host is never looked at: our public URL is `baseUrl`, always. */
  url: string
  /** A header by its lower-case name; several values joined as HTTP says. */
  header(name: string): string | undefined
  /** The fields of a form body, already parsed or read now; empty if there is none. */
  form(): Promise<URLSearchParams>
}

/** What an adapter writes. */
export interface AuthReply {
  status: number
  headers: [name: string, value: string][]
  body: string
}

/** Takes the value of one `Set-Cookie` header for the response to the request at hand. */
export type SetCookie = (value: string) => void
