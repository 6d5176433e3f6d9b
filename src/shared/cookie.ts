/** Attributes of a cookie we set; all of ours are `HttpOnly`. */
export interface CookieAttributes {
  secure: boolean
  sameSite: 'lax' | 'strict' | 'none'
  domain?: string | undefined
  /** Seconds; 0 clears the cookie; absent: until the browser ends. */
  maxAgeSec?: number | undefined
}

/**
 * The value of the one cookie of this name in a `Cookie` header, without copying the others (RFC 6265 §5.4).
 * `undefined` if there is none, or more than one: of two, one may have been planted by a sibling domain.
 */
export function readCookie(header: string, name: string): string | undefined {
  let value: string | undefined
  let at = header.indexOf(name)
  while (at !== -1) {
    const after = at + name.length
    if (header[after] === '=' && startsPair(header, at)) {
      if (value !== undefined) return undefined
      value = header.slice(after + 1, endOfPair(header, after))
    }
    at = header.indexOf(name, after)
  }
  return value
}

/** Whether a browser sends more than one cookie of this name, so that `readCookie` can take none of them. */
export function hasCookieTwice(header: string, name: string): boolean {
  return header.split(';').filter((pair) => pair.trimStart().startsWith(`${name}=`)).length > 1
}

export function serializeCookie(name: string, value: string, attributes: CookieAttributes): string {
  const { secure, sameSite, domain, maxAgeSec } = attributes
  let line = `${name}=${value}; Path=/; HttpOnly; SameSite=${sameSite[0]!.toUpperCase()}${sameSite.slice(1)}`
  if (secure) line += '; Secure'
  if (domain !== undefined) line += `; Domain=${domain}`
  if (maxAgeSec !== undefined) line += `; Max-Age=${Math.ceil(maxAgeSec)}`
  return line
}

/** Whether a cookie's name may begin here: only blanks stand between it and the pair before. */
function startsPair(header: string, at: number): boolean {
  let before = at - 1
  while (isBlank(header[before])) before--
  return before < 0 || header[before] === ';'
}

/** Where the pair whose `=` is at `equals` ends, less the blanks behind it. */
function endOfPair(header: string, equals: number): number {
  const semicolon = header.indexOf(';', equals)
  let end = semicolon === -1 ? header.length : semicolon
  while (isBlank(header[end - 1])) end--
  return end
}

/** No more than HTTP calls so: `trim` would take off what makes another text of a value. */
function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t'
}
