import { buildAuthorizationUrl, buildEndSessionUrl, calculatePKCECodeChallenge, tokenRevocation } from 'openid-client'
import type { RevokeToken } from '../session/tokens.ts'
import type { Clock } from '../shared/clock.ts'
import type { Logger } from '../shared/logger.ts'
import { withCall } from './call.ts'
import type { Call, CallOptions } from './call.ts'
import { clientAuth } from './client-auth.ts'
import type { ClientAuthMethod } from './client-auth.ts'
import { createDiscovery } from './discovery.ts'
import { exchange } from './exchange.ts'
import { inWords } from './provider-error.ts'
import type { AuthorizationRequest, EndSessionRequest, Provider } from './provider.ts'
import { createRefresh } from './refresh.ts'
import { createSend } from './send.ts'
import { createSigningKeys } from './signing-keys.ts'

/** Already checked: what the fields mean is in `ProviderOptions` of `auth`. */
export interface CreateProviderOptions {
  issuer: string
  clientId: string
  clientSecret?: string | undefined
  clientAuth?: ClientAuthMethod | undefined
  idTokenSigningAlg?: string | undefined
  timeoutMs: number
  userinfo: boolean
  fetch: typeof globalThis.fetch
  logger: Logger
  clock: Clock
}

/** Connects to an OpenID Provider; nothing is sent before the first use. */
export function createProvider(options: CreateProviderOptions): Provider {
  const { issuer, clientId, clock, logger } = options
  const send = createSend(options)
  const discovery = createDiscovery({ issuer, send, clock, logger })
  const calls: CallOptions = {
    clientId,
    clientAuth: clientAuth(clientId, options.clientSecret, options.clientAuth),
    idTokenSigningAlg: options.idTokenSigningAlg,
    discovery,
    keys: createSigningKeys({ send, clock }),
    send,
  }
  if (issuer.startsWith('http:')) logger.info({ issuer }, 'the provider is spoken to without TLS: for development only')

  return {
    ready: async () => void (await discovery.metadata()),
    isUp: discovery.isUp,
    authorizationUrl: (request) => withCall(calls, (call) => authorizationUrl(call, request, clientId)),
    exchange: (callback) => withCall(calls, (call) => exchange(call, callback, options)),
    refresh: createRefresh(calls, clock),
    revoke: createRevoke(calls, logger),
    endSessionUrl: (request) => withCall(calls, async (call) => endSessionUrl(call, request)).catch(() => undefined),
  }
}

async function authorizationUrl({ config }: Call, request: AuthorizationRequest, clientId: string): Promise<URL> {
  return buildAuthorizationUrl(config, {
    ...request.params,
    client_id: clientId,
    response_type: 'code',
    redirect_uri: request.redirectUri,
    scope: request.scope,
    state: request.state,
    nonce: request.nonce,
    code_challenge: await calculatePKCECodeChallenge(request.codeVerifier),
    code_challenge_method: 'S256',
  })
}

/** RFC 7009, best effort: the session is over whether or not the provider hears of it. */
function createRevoke(calls: CallOptions, logger: Logger): RevokeToken {
  return (refreshToken) =>
    withCall(calls, async ({ config }) => {
      if (config.serverMetadata().revocation_endpoint === undefined) return
      await tokenRevocation(config, refreshToken, { token_type_hint: 'refresh_token' })
    }).catch((error: unknown) =>
      logger.debug({ err: inWords(error) }, 'a refresh token was not revoked at the provider'),
    )
}

/** OpenID Connect RP-Initiated Logout 1.0 §2. */
function endSessionUrl({ config }: Call, request: EndSessionRequest): URL | undefined {
  if (config.serverMetadata().end_session_endpoint === undefined) return undefined
  return buildEndSessionUrl(config, {
    ...(request.idToken === undefined ? {} : { id_token_hint: request.idToken }),
    post_logout_redirect_uri: request.postLogoutRedirectUri,
    state: request.state,
  })
}
