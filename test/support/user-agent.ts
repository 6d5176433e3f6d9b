import { request as httpRequest } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'

export interface Page {
  /** Where it came from, absolute. */
  url: string
  status: number
  headers: IncomingHttpHeaders
  text: string
  /** Where it redirects to, absolute. */
  location: string | undefined
}

/** Added to a navigation's own headers; `undefined` removes one. */
export type ExtraHeaders = Readonly<Record<string, string | undefined>>

export interface Credentials {
  user: string
  /** Default `password`. */
  password?: string
}

export interface UserAgent {
  /** Navigates; redirects are not followed. */
  get(url: string, headers?: ExtraHeaders): Promise<Page>
  /** Submits a form; redirects are not followed. */
  post(url: string, form: Readonly<Record<string, string>>, headers?: ExtraHeaders): Promise<Page>
  /** Navigates, or goes on from a page, until something is not a redirect. */
  followRedirects(from: string | Page, headers?: ExtraHeaders): Promise<Page>
  /**
   * Opens an authorization URL, fills in the provider's form if it shows one, and returns the URL the provider sends the browser back
   * to, without opening it. `cancel` presses the other button. Fails on a wrong password.
   */
  signInAtProvider(url: string, as: Credentials | 'cancel'): Promise<string>
  /** The cookies this browser would send there. */
  cookies(url: string): ReadonlyMap<string, string>
  /** Puts a cookie in the jar, or with `undefined` takes it out. */
  setCookie(url: string, name: string, value: string | undefined): void
}

/**
 * A scripted browser: one cookie jar per host (cookies are shared across ports, as browsers do), navigation headers, no
 * scripts, no kept connections. `const browser = createUserAgent()`; open the application's login with `get`, hand its
 * `location` to `signInAtProvider`, and open the URL that comes back. Pass `headers` such as
 * `{ 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty', accept: 'application/json' }` to be a script's fetch.
 * (Node's own fetch overwrites `Sec-Fetch-Mode`, so it cannot navigate.)
 */
export function createUserAgent(): UserAgent {
  const jar = createJar()

  const load = async (method: string, url: string, form: string | undefined, extra: ExtraHeaders): Promise<Page> => {
    const cookies = [...jar.of(url)].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers: Record<string, string | undefined> = {
      ...navigation,
      ...(form === undefined
        ? {}
        : { origin: new URL(url).origin, 'content-type': 'application/x-www-form-urlencoded' }),
      ...(cookies === '' ? {} : { cookie: cookies }),
      ...extra,
    }
    const page = await exchange(method, url, headers, form)
    for (const text of page.headers['set-cookie'] ?? []) jar.store(url, text)
    return page
  }

  const agent: UserAgent = {
    get: (url, headers = {}) => load('GET', url, undefined, headers),
    post: (url, form, headers = {}) => load('POST', url, new URLSearchParams(form).toString(), headers),

    async followRedirects(from, headers) {
      let page = typeof from === 'string' ? await agent.get(from, headers) : from
      for (let hops = 0; page.location !== undefined; hops += 1) {
        if (hops === 20) throw new Error(`too many redirects, the last to ${page.location}`)
        page = await agent.get(page.location, headers)
      }
      return page
    },

    async signInAtProvider(url, as) {
      const { origin } = new URL(url)
      let page = await agent.get(url)
      let submitted = false
      for (;;) {
        if (page.location !== undefined) {
          if (new URL(page.location).origin !== origin) return page.location
          page = await agent.get(page.location)
          continue
        }
        const action = /<form method="post" action="([^"]+)"/.exec(page.text)?.[1]
        if (submitted || action === undefined) throw new Error(`the provider answered ${page.status}: ${page.text}`)
        const fields: Record<string, string> =
          as === 'cancel' ? { cancel: '1' } : { user: as.user, password: as.password ?? 'password' }
        page = await agent.post(new URL(action, page.url).href, fields)
        submitted = true
      }
    },

    cookies: (url) => jar.of(url),
    setCookie(url, name, value) {
      jar.store(url, value === undefined ? `${name}=; Path=/; Max-Age=0` : `${name}=${value}; Path=/`)
    },
  }
  return agent
}

const navigation = {
  accept: 'text/html,application/xhtml+xml,*/*;q=0.8',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
  'sec-fetch-site': 'same-origin',
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) scripted',
}

function exchange(
  method: string,
  url: string,
  headers: Record<string, string | undefined>,
  body: string | undefined,
): Promise<Page> {
  const sent = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined))
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method, headers: sent, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (text += chunk))
      response.on('error', reject)
      response.on('end', () => {
        const { location } = response.headers
        const target = location === undefined ? undefined : new URL(location, url).href
        resolve({ url, status: response.statusCode!, headers: response.headers, text, location: target })
      })
    })
    request.on('error', reject)
    request.end(body)
  })
}

interface Cookie {
  host: string
  name: string
  value: string
  path: string
  expiresAt: number
}

function createJar(): { of(url: string): Map<string, string>; store(url: string, setCookie: string): void } {
  const cookies = new Map<string, Cookie>()

  return {
    of(url) {
      const { hostname, pathname } = new URL(url)
      const sent = [...cookies.values()].filter(
        (cookie) => cookie.host === hostname && covers(cookie.path, pathname) && cookie.expiresAt > Date.now(),
      )
      return new Map(sent.map(({ name, value }) => [name, value]))
    },
    store(url, setCookie) {
      const [pair = '', ...attributes] = setCookie.split(';').map((part) => part.trim())
      const { hostname, pathname } = new URL(url)
      const of = (name: string): string | undefined =>
        attributes.find((part) => part.toLowerCase().startsWith(`${name}=`))?.slice(name.length + 1)
      const equals = pair.indexOf('=')
      const cookie: Cookie = {
        host: hostname,
        name: pair.slice(0, equals),
        value: pair.slice(equals + 1),
        path: of('path') ?? (pathname.slice(0, pathname.lastIndexOf('/')) || '/'),
        expiresAt: expiry(of('max-age'), of('expires')),
      }
      const key = `${cookie.host} ${cookie.path} ${cookie.name}`
      if (cookie.expiresAt > Date.now()) cookies.set(key, cookie)
      else cookies.delete(key)
    },
  }
}

function covers(cookiePath: string, path: string): boolean {
  if (path === cookiePath) return true
  return path.startsWith(cookiePath.endsWith('/') ? cookiePath : `${cookiePath}/`)
}

function expiry(maxAge: string | undefined, expires: string | undefined): number {
  if (maxAge !== undefined) return Date.now() + Number(maxAge) * 1000
  return expires === undefined ? Infinity : Date.parse(expires)
}
