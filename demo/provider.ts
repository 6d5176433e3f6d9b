// The package carries no types, and whoever imports this file must find ours.
// oxlint-disable-next-line typescript/triple-slash-reference
/// <reference path="./provider/oidc-provider.d.ts" />
import { generateKeyPair, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { Provider } from 'oidc-provider'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Context } from 'oidc-provider'
import { listenOnLoopback } from './processes/loopback.ts'
import { createProviderMemory } from './provider/memory.ts'
import { errorPage, signedOutPage, signInPage, signOutPage } from './provider/pages.ts'

export interface ProviderOptions {
  /** 0 picks a free one. */
  port: number
  clients: readonly ProviderClient[]
  /** Default 300. */
  accessTokenTtlSec?: number
  /** How long a refresh token lives; a rotated one starts anew. Default 14 days. */
  refreshTokenTtlSec?: number
  /** Whether name and e-mail are in the ID token; otherwise only the UserInfo endpoint has them. Default `true`. */
  claimsInIdToken?: boolean
  /** Sees every request first, and may hold it back or answer it itself (`'handled'`): the seam for faults. */
  onRequest?: (request: IncomingMessage, response: ServerResponse) => Handled | Promise<Handled>
}

type Handled = 'handled' | void

export interface ProviderClient {
  clientId: string
  /** Absent: a public client. */
  clientSecret?: string
  redirectUris: readonly string[]
  postLogoutRedirectUris?: readonly string[]
}

export interface RunningProvider {
  issuer: string
  port: number
  stats(): ProviderStats
  /** Ends every connection and frees the port. */
  close(): Promise<void>
}

/** Requests seen so far, refused ones included. */
export interface ProviderStats {
  authorizations: number
  signIns: number
  codeGrants: number
  refreshGrants: number
  refreshGrantsRefused: number
  userinfos: number
  revocations: number
  endSessions: number
}

export const password = 'password'
export const users: Readonly<Record<string, object>> = {
  alice: { name: 'Alice Liddell', email: 'alice@example.com', email_verified: true },
  bob: { name: 'Bob Sawyer', email: 'bob@example.com', email_verified: true },
}

/** Starts a real OpenID Provider on `http://localhost`, on the IPv4 and the IPv6 loopback. Nothing is kept on disk. */
export async function startProvider(options: ProviderOptions): Promise<RunningProvider> {
  let handle = (_request: IncomingMessage, response: ServerResponse): void => void response.writeHead(503).end()
  const { port, close } = await listenOnLoopback(options.port, (request, response) => handle(request, response))
  const issuer = `http://localhost:${port}`
  const stats = noneYet()
  const provider = new Provider(issuer, await configuration(options))
  provider.use(async (ctx, next) => {
    await next()
    count(stats, ctx)
    await endSessionAtOnce(provider, ctx)
  })
  provider.on('server_error', (_ctx, error) => console.error('demo provider:', error))

  const protocol = provider.callback()
  handle = (request, response) => {
    answer(request, response).catch((error: Error) => {
      if (!response.headersSent) sendPage(response, 400, errorPage(`${error.message}. Start again at the application.`))
    })
  }
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if ((await options.onRequest?.(request, response)) === 'handled') return
    if (!request.url!.startsWith('/interaction/')) return protocol(request, response)
    await interact(provider, stats, request, response)
  }

  return { issuer, port, stats: () => ({ ...stats }), close }
}

/** The provider asks us for what only people can do: sign in. Consent is taken for granted: the clients are our own. */
async function interact(
  provider: Provider,
  stats: ProviderStats,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { prompt, params } = await provider.interactionDetails(request, response)
  if (prompt.name === 'consent') return provider.interactionFinished(request, response, { consent: {} })

  const form = { action: request.url!, users: Object.keys(users), password, user: params['login_hint'] ?? '' }
  if (request.method !== 'POST') return sendPage(response, 200, signInPage({ ...form, failed: false }))

  const fields = await readForm(request)
  if (fields.has('cancel')) return provider.interactionFinished(request, response, { error: 'access_denied' })

  const user = fields.get('user') ?? ''
  if (!Object.hasOwn(users, user) || fields.get('password') !== password) {
    return sendPage(response, 200, signInPage({ ...form, user, failed: true }))
  }
  stats.signIns += 1
  await provider.interactionFinished(request, response, { login: { accountId: user } })
}

/** Spares the confirmation where nothing is left to end, or where the application proved with its ID token whose session it is. */
async function endSessionAtOnce(provider: Provider, ctx: Context): Promise<void> {
  const { oidc } = ctx
  if (oidc?.route !== 'end_session' || ctx.status !== 200) return
  const { accountId } = oidc.session
  if (accountId !== undefined && oidc.entities.IdTokenHint?.payload.sub !== accountId) return

  await oidc.session.destroy()
  ctx.cookies.set(provider.cookieName('session'), null, { httpOnly: true, sameSite: 'lax' })
  const { post_logout_redirect_uri: returnTo, state } = oidc.params ?? {}
  if (returnTo === undefined) {
    ctx.body = signedOutPage()
    return
  }
  const target = new URL(returnTo)
  if (state !== undefined) target.searchParams.set('state', state)
  ctx.status = 303
  ctx.redirect(target.href)
}

async function configuration(options: ProviderOptions): Promise<object> {
  const day = 86_400
  return {
    adapter: createProviderMemory(),
    clients: options.clients.map(clientMetadata),
    jwks: { keys: [await (signing ??= newKey())] },
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    pkce: { required: () => true },
    scopes: ['openid', 'offline_access'],
    claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'] },
    conformIdTokenClaims: options.claimsInIdToken === false,
    findAccount: (_ctx: unknown, sub: string) =>
      Object.hasOwn(users, sub) ? { accountId: sub, claims: () => ({ sub, ...users[sub] }) } : undefined,
    loadExistingGrant: grantWhatWasAskedFor,
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    clientBasedCORS: () => false,
    interactions: { url: (_ctx: unknown, interaction: { uid: string }) => `/interaction/${interaction.uid}` },
    renderError: (ctx: Context, out: { error: string; error_description?: string }) => {
      ctx.type = 'html'
      ctx.body = errorPage(`${out.error}: ${out.error_description ?? ''}`)
    },
    features: {
      devInteractions: { enabled: false },
      revocation: {
        enabled: true,
        allowedPolicy: (_ctx: unknown, client: { clientId: string }, token: { clientId: string }) =>
          client.clientId === token.clientId,
      },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx: Context, form: string) => void (ctx.body = signOutPage(form)),
        postLogoutSuccessSource: (ctx: Context) => void (ctx.body = signedOutPage()),
      },
    },
    // All are functions, so that the library prints no notice about its defaults.
    ttl: {
      AccessToken: () => options.accessTokenTtlSec ?? 300,
      AuthorizationCode: () => 60,
      Grant: () => 14 * day,
      IdToken: () => 3600,
      Interaction: () => 3600,
      RefreshToken: () => options.refreshTokenTtlSec ?? 14 * day,
      Session: () => 14 * day,
    },
  }
}

function clientMetadata(of: ProviderClient): object {
  return {
    client_id: of.clientId,
    ...(of.clientSecret === undefined ? {} : { client_secret: of.clientSecret }),
    token_endpoint_auth_method: of.clientSecret === undefined ? 'none' : 'client_secret_basic',
    redirect_uris: of.redirectUris,
    post_logout_redirect_uris: of.postLogoutRedirectUris ?? [],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  }
}

async function grantWhatWasAskedFor(ctx: Context & { oidc: NonNullable<Context['oidc']> & { provider: Provider } }) {
  const { provider, client, session, result, requestParamOIDCScopes } = ctx.oidc
  const { clientId } = client!
  const id = result?.consent?.grantId ?? session.grantIdFor(clientId)
  const known = id === undefined ? undefined : await provider.Grant.find(id)
  const { accountId } = session
  const grant =
    known !== undefined && known.accountId === accountId ? known : new provider.Grant({ clientId, accountId })
  grant.addOIDCScope([...requestParamOIDCScopes].join(' '))
  await grant.save()
  return grant
}

/** Of all providers of this process: to make one takes longer than all else that a start does. */
let signing: Promise<object> | undefined

async function newKey(): Promise<object> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: randomBytes(8).toString('hex') }
}

function noneYet(): ProviderStats {
  return {
    authorizations: 0,
    signIns: 0,
    codeGrants: 0,
    refreshGrants: 0,
    refreshGrantsRefused: 0,
    userinfos: 0,
    revocations: 0,
    endSessions: 0,
  }
}

function count(stats: ProviderStats, { oidc, status }: Context): void {
  if (oidc?.route === 'authorization') stats.authorizations += 1
  if (oidc?.route === 'userinfo') stats.userinfos += 1
  if (oidc?.route === 'revocation') stats.revocations += 1
  if (oidc?.route === 'end_session') stats.endSessions += 1
  if (oidc?.route !== 'token') return
  if (oidc.params?.['grant_type'] === 'authorization_code') stats.codeGrants += 1
  if (oidc.params?.['grant_type'] !== 'refresh_token') return
  stats.refreshGrants += 1
  if (status !== 200) stats.refreshGrantsRefused += 1
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  let text = ''
  for await (const chunk of request) {
    text += chunk
    if (text.length > 10_000) throw new Error('The form is too long')
  }
  return new URLSearchParams(text)
}

function sendPage(response: ServerResponse, status: number, html: string): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    'referrer-policy': 'no-referrer',
  })
  response.end(html)
}
