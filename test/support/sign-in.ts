import type { AuthRequest } from '../../src/index.ts'
import { createUserAgent } from './user-agent.ts'
import type { ExtraHeaders, Page, UserAgent } from './user-agent.ts'
import type { App, Me, World } from './app.ts'

type Place = Pick<App, 'baseUrl'>

/** What a script's fetch sends instead of a navigation's headers. */
export const script: ExtraHeaders = {
  'sec-fetch-mode': 'cors',
  'sec-fetch-dest': 'empty',
  accept: 'application/json',
}

/** Starts a sign-in and completes it at the provider: the callback URL, not opened yet. */
export async function reachCallback(
  browser: UserAgent,
  app: Place,
  options: { user?: string; returnTo?: string } = {},
): Promise<string> {
  const { user = 'alice', returnTo } = options
  const query = returnTo === undefined ? '' : `?returnTo=${encodeURIComponent(returnTo)}`
  const login = await browser.get(`${app.baseUrl}/auth/login${query}`)
  if (login.location === undefined) throw new Error(`the login answered ${login.status}: ${login.text}`)
  return browser.signInAtProvider(login.location, { user })
}

/** A whole sign-in: the answer to the callback. */
export async function signIn(
  browser: UserAgent,
  app: Place,
  options: { user?: string; returnTo?: string } = {},
): Promise<Page> {
  const page = await browser.get(await reachCallback(browser, app, options))
  if (page.location === undefined) throw new Error(`the callback answered ${page.status}: ${page.text}`)
  return page
}

/** A new browser in which `user` is signed in. */
export async function signedIn(app: Place, user = 'alice'): Promise<UserAgent> {
  const browser = createUserAgent()
  await signIn(browser, app, { user })
  return browser
}

/** A new browser whose session every instance holds in memory. */
export async function warmBrowser({ apps, app }: Pick<World, 'apps' | 'app'>, user = 'alice'): Promise<UserAgent> {
  const browser = await signedIn(app, user)
  for (const each of [...apps, ...apps]) await me(browser, each)
  return browser
}

/** Asks the fixture who is signed in, as a script would. */
export async function askMe(browser: UserAgent, app: Place, headers: ExtraHeaders = {}): Promise<Page> {
  return browser.get(`${app.baseUrl}/me`, { ...script, ...headers })
}

/** What the fixture shows of the session of this browser. */
export async function me(browser: UserAgent, app: Place): Promise<Me> {
  const page = await askMe(browser, app)
  if (page.status !== 200) throw new Error(`/me answered ${page.status}: ${page.text}`)
  return JSON.parse(page.text) as Me
}

/** The text of the session cookie. */
export function sessionCookie(browser: UserAgent, app: Place): string {
  const value = browser.cookies(app.baseUrl).get('sallyport')
  if (value === undefined) throw new Error('this browser has no session cookie')
  return value
}

/** A browser that sends just this session cookie. */
export function browserWith(app: Place, cookie: string): UserAgent {
  const browser = createUserAgent()
  browser.setCookie(app.baseUrl, 'sallyport', cookie)
  return browser
}

export function setCookies(page: Page): string[] {
  return page.headers['set-cookie'] ?? []
}

/** The attributes of the one `Set-Cookie` with this name: lower-case names, and their values. */
export function cookieAttributes(texts: readonly string[], name: string): Map<string, string> {
  const found = texts.filter((text) => text.startsWith(`${name}=`))
  if (found.length !== 1) throw new Error(`${found.length} Set-Cookie headers for ${name}`)
  const [, ...attributes] = found[0]!.split(';').map((part) => part.trim())
  return new Map(
    attributes.map((attribute) => {
      const [attributeName = '', value = ''] = attribute.split('=')
      return [attributeName.toLowerCase(), value]
    }),
  )
}

/** A request given to `auth` without a server; by default a script's fetch. */
export function directRequest(url: string, headers: ExtraHeaders = {}, method = 'GET', body = ''): AuthRequest {
  const all: ExtraHeaders = { ...script, 'sec-fetch-site': 'same-origin', ...headers }
  return { method, url, header: (name) => all[name], form: async () => new URLSearchParams(body) }
}

/** Follows redirects until a page comes, counting how often a URL contained `part`. */
export async function followCounting(
  browser: UserAgent,
  from: string,
  part: string,
  beforeEach: () => void = () => {},
): Promise<{ page: Page; visits: number }> {
  let visits = 0
  let url = from
  for (let hops = 0; hops < 40; hops += 1) {
    beforeEach()
    if (url.includes(part)) visits += 1
    const page = await browser.get(url)
    if (page.location === undefined) return { page, visits }
    url = page.location
  }
  throw new Error(`endless redirects, the last to ${url}`)
}
