import { cacheRules, storeRule } from '../cache/config-rules.ts'
import { asymmetricAlgorithms } from '../oidc/signing-algorithms.ts'
import { compareSealing, sealingRules } from '../session/sealing.ts'
import { isLoopback } from '../shared/loopback.ts'
import {
  callable,
  checkOptions,
  flag,
  group,
  integer,
  isPlainObject,
  kindOf,
  objectWith,
  oneOf,
  required,
  text,
  type Findings,
  type Rule,
  type Rules,
} from '../shared/options.ts'
import { secretRule } from '../shared/secret-rule.ts'
import { localPath } from './return-to.ts'
import { routesUnder } from './settings.ts'
import { pathOf } from './url.ts'
import type {
  AuthOptions,
  CookieOptions,
  Hooks,
  LoginOptions,
  LogoutOptions,
  ProviderOptions,
  SessionOptions,
} from './options.ts'

/** What the authorization request says by itself: nobody may say it twice. */
const protocolParams = new Set([
  'client_id',
  'client_assertion',
  'client_assertion_type',
  'client_secret',
  'code',
  'code_challenge',
  'code_challenge_method',
  'code_verifier',
  'dpop_jkt',
  'grant_type',
  'nonce',
  'redirect_uri',
  'request',
  'request_uri',
  'response_mode',
  'response_type',
  'scope',
  'state',
])

/** Browsers keep no cookie for longer: 400 days. */
const longestLifeSec = 34_560_000

/** Throws a `ConfigError` with every mistake in the options of `createAuth`. */
export function checkAuthOptions(options: unknown): void {
  checkOptions<AuthOptions>('createAuth', options, rules, compare)
}

const anyOrigin = 'https://host.invalid'

const path: Rule = text((value) =>
  localPath(value, anyOrigin) === undefined ? 'must be a path on this origin, starting with a single `/`' : undefined,
)

const cookieRules: Rules<CookieOptions> = {
  name: text((name) => {
    if (/^__(host|secure)-/i.test(name)) return 'must not have the prefix: it is added where it is right'
    return /^[\w!#$%&'*+.^`|~-]{1,64}$/.test(name) ? undefined : 'must be up to 64 characters of an HTTP token'
  }),
  domain: text((domain) =>
    /^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])?$/i.test(domain)
      ? undefined
      : 'must be a host name of several labels, without a dot at its start or end, e.g. app.example',
  ),
  sameSite: oneOf('lax', 'strict'),
  persistent: flag(),
}

const providerRules: Rules<ProviderOptions> = {
  clientAuth: oneOf('client_secret_basic', 'client_secret_post', 'none'),
  idTokenSigningAlg: oneOf(...asymmetricAlgorithms),
  timeoutMs: integer({ min: 1, max: 60_000, unit: 'milliseconds' }),
  userinfo: flag(),
}

const sessionRules: Rules<SessionOptions> = {
  ...sealingRules,
  idleTimeoutSec: integer({ min: 1, max: longestLifeSec, unit: 'seconds' }),
  absoluteLifetimeSec: integer({ min: 1, max: longestLifeSec, unit: 'seconds' }),
  cookie: group(cookieRules),
}

const loginRules: Rules<LoginOptions> = {
  basePath: text((value) =>
    /^(\/[\w~-][\w.~-]*)+$/.test(value) ? undefined : 'must be a path like /auth: no `/` at its end, no query',
  ),
  scope: text((scope) => {
    if (!scope.split(' ').includes('openid')) return 'must contain openid: without it nobody is signed in'
    return /^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/.test(scope)
      ? undefined
      : 'must be scope names with one space between them'
  }),
  params: { check: checkParams },
  defaultReturnTo: path,
  transactionTtlSec: integer({ min: 1, max: 86_400, unit: 'seconds' }),
}

const logoutRules: Rules<LogoutOptions> = { returnTo: path, provider: flag() }

const hooksRules: Rules<Hooks> = {
  onSignIn: callable(),
  onSignOut: callable(),
  onRefresh: callable(),
  onAnswer: callable(),
}

const rules: Rules<AuthOptions> = {
  issuer: required(text(checkIssuer)),
  clientId: required(text()),
  clientSecret: text(),
  baseUrl: required(text(checkBaseUrl)),
  secret: required(secretRule),
  store: storeRule,
  provider: group(providerRules),
  session: group(sessionRules),
  login: group(loginRules),
  logout: group(logoutRules),
  cache: group(cacheRules),
  pages: oneOf('builtin', 'framework'),
  hooks: group(hooksRules),
  logger: objectWith('a logger', 'debug', 'info', 'warn', 'error'),
  clock: objectWith('a clock', 'monotonic', 'wall', 'setTimer'),
  randomness: objectWith('a source of randomness', 'bytes', 'fraction'),
  fetch: callable(),
}

function checkIssuer(issuer: string): string | undefined {
  const url = URL.parse(issuer)
  if (url === null) return 'must be an absolute URL'
  if (url.pathname.includes('/.well-known/')) return 'must be the issuer itself, without /.well-known/…'
  if (url.search !== '' || url.hash !== '' || hasCredentials(url)) {
    return 'must have no query, fragment, user name or password'
  }
  return checkScheme(url)
}

function checkBaseUrl(baseUrl: string): string | undefined {
  const url = URL.parse(baseUrl)
  if (url === null) return 'must be an absolute URL, e.g. https://app.example'
  const isOrigin = url.pathname === '/' && url.search === '' && url.hash === '' && !hasCredentials(url)
  if (!isOrigin) return 'must be an origin: scheme, host and port alone (see login.basePath for the path of the routes)'
  return checkScheme(url)
}

function hasCredentials({ username, password }: URL): boolean {
  return username !== '' || password !== ''
}

function checkScheme(url: URL): string | undefined {
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url))) return undefined
  return 'must start with https: (http: on localhost only)'
}

function checkParams(params: unknown, report: (message: string, below?: string) => void): void {
  if (!isPlainObject(params)) return report(`must be an object, not ${kindOf(params)}`)
  for (const [name, value] of Object.entries(params)) {
    if (protocolParams.has(name.toLowerCase())) report('is set by the sign-in itself', `.${name}`)
    else if (typeof value !== 'string') report(`must be a string, not ${kindOf(value)}`, `.${name}`)
    else if (name === 'max_age' && !/^\d{1,9}$/.test(value)) report('must be a number of seconds', `.${name}`)
  }
}

/** Options that are right each, but not together. */
function compare(options: AuthOptions, findings: Findings): void {
  const { clientSecret, provider, session = {}, baseUrl } = options
  const { report, isSound } = findings
  if (Object.hasOwn(options, 'clientSecret') && clientSecret === undefined) {
    report('clientSecret', 'is undefined: is its environment variable set? A public client leaves the option out')
  }
  if (isSound('clientSecret', 'provider.clientAuth')) {
    const auth: string | undefined = provider?.clientAuth
    if (clientSecret !== undefined && auth === 'none')
      report('provider.clientAuth', "'none' leaves clientSecret unused")
    if (clientSecret === undefined && auth?.startsWith('client_secret_')) {
      report('provider.clientAuth', 'needs clientSecret')
    }
  }
  if (isSound('session.idleTimeoutSec', 'session.absoluteLifetimeSec')) {
    const { idleTimeoutSec = 0, absoluteLifetimeSec = 86_400 } = session
    if (idleTimeoutSec > absoluteLifetimeSec) {
      report('session.idleTimeoutSec', 'must not be more than session.absoluteLifetimeSec (default 86,400)')
    }
  }
  if (isSound('session.cookie.domain', 'baseUrl')) {
    const domain = session.cookie?.domain?.toLowerCase()
    if (domain !== undefined && !isInDomain(new URL(baseUrl).hostname, domain)) {
      report('session.cookie.domain', 'must be the host of baseUrl or a domain it is in')
    }
  }
  if (isSound('session.seal', 'session.compressAboveBytes', 'store')) {
    compareSealing(session, options.store, (name, message) => report(`session.${name}`, message))
  }
  compareReturns(options, findings)
}

/** Ways back that lead away again would send the browser round in circles. */
function compareReturns({ login = {}, logout = {} }: AuthOptions, { report, isSound }: Findings): void {
  if (!isSound('login.basePath', 'login.defaultReturnTo', 'logout.returnTo')) return
  const routes = routesUnder(login.basePath)
  const isAmong = (ours: readonly string[], wanted: string = '/'): boolean =>
    ours.includes(pathOf(localPath(wanted, anyOrigin)!))
  if (isAmong(Object.values(routes), login.defaultReturnTo)) {
    report('login.defaultReturnTo', 'must not be one of our own routes')
  }
  if (isAmong([routes.logout], logout.returnTo)) report('logout.returnTo', 'must not be the logout itself')
}

function isInDomain(host: string, domain: string): boolean {
  return host === domain || host.endsWith(`.${domain}`)
}
