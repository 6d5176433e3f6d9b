import type { AuthOptions } from './options.ts'
import { localPath } from './return-to.ts'

/** What the options mean, with every default filled in. */
export interface Settings {
  issuer: string
  /** Our public origin. */
  origin: string
  /** Whether browsers reach us over https; otherwise this is a plain-http localhost. */
  isSecure: boolean
  /** The paths of our routes. */
  routes: Readonly<Record<'login' | 'callback' | 'logout' | 'session', string>>
  /** The callback as the provider knows it. */
  redirectUri: string
  scope: string
  params: Readonly<Record<string, string>>
  /** The `max_age` among them: the ID token must keep to it. */
  maxAgeSec: number | undefined
  defaultReturnTo: string
  transactionTtlSec: number
  logoutReturnTo: string
  /** Whether a logout ends the provider's session too. */
  logsOutAtProvider: boolean
  idleTimeoutSec: number
  absoluteLifetimeSec: number
  sessionCookie: { name: string; domain?: string; sameSite: 'lax' | 'strict'; persistent: boolean; secure: boolean }
  /** The name of the cookie that binds a login to the browser that began it. */
  bindingCookieName: string
  /** Every request to the provider ends after this. */
  providerTimeoutMs: number
  /** Whether to ask the UserInfo endpoint at sign-in. */
  asksUserinfo: boolean
  /** Whether errors go to the framework's own handler. */
  leavesErrorsToFramework: boolean
}

/** The paths of our routes. */
export function routesUnder(basePath: string = '/auth'): Settings['routes'] {
  return {
    login: `${basePath}/login`,
    callback: `${basePath}/callback`,
    logout: `${basePath}/logout`,
    session: `${basePath}/session`,
  }
}

/** Reads options that were checked before. */
export function settle(options: AuthOptions): Settings {
  const { login = {}, logout = {}, session = {}, provider = {} } = options
  const { name = 'sallyport', domain, sameSite = 'lax', persistent = true } = session.cookie ?? {}
  const { origin, protocol } = new URL(options.baseUrl)
  const { absoluteLifetimeSec = 86_400 } = session
  const isSecure = protocol === 'https:'
  const routes = routesUnder(login.basePath)
  return {
    issuer: options.issuer,
    origin,
    isSecure,
    routes,
    redirectUri: origin + routes.callback,
    scope: login.scope ?? 'openid profile email',
    params: login.params ?? {},
    maxAgeSec: login.params?.['max_age'] === undefined ? undefined : Number(login.params['max_age']),
    defaultReturnTo: localPath(login.defaultReturnTo ?? '/', origin)!,
    transactionTtlSec: login.transactionTtlSec ?? 600,
    logoutReturnTo: localPath(logout.returnTo ?? '/', origin)!,
    logsOutAtProvider: logout.provider ?? true,
    idleTimeoutSec: session.idleTimeoutSec ?? Math.min(1_800, absoluteLifetimeSec),
    absoluteLifetimeSec,
    sessionCookie: {
      name: isSecure ? `${domain === undefined ? '__Host-' : '__Secure-'}${name}` : name,
      ...(domain === undefined ? {} : { domain: domain.toLowerCase() }),
      sameSite,
      persistent,
      secure: isSecure,
    },
    bindingCookieName: `${isSecure ? '__Host-' : ''}${name}-login`,
    providerTimeoutMs: provider.timeoutMs ?? 5_000,
    asksUserinfo: provider.userinfo ?? false,
    leavesErrorsToFramework: options.pages === 'framework',
  }
}
