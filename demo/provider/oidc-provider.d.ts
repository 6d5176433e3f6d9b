/** The part of `oidc-provider` the demo's provider uses; the package itself carries no types. */
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http'

  export interface Adapter {
    upsert(id: string, payload: Payload, expiresInSec?: number): Promise<void>
    find(id: string): Promise<Payload | undefined>
    findByUid(uid: string): Promise<Payload | undefined>
    findByUserCode(code: string): Promise<undefined>
    consume(id: string): Promise<void>
    destroy(id: string): Promise<void>
    revokeByGrantId(grantId: string): Promise<void>
  }

  export interface Payload {
    uid?: string
    grantId?: string
    consumed?: number
    [member: string]: unknown
  }

  export interface Grant {
    readonly accountId: string | undefined
    addOIDCScope(scope: string): void
    save(): Promise<string>
  }

  export interface Context {
    status: number
    type: string
    body: string
    req: IncomingMessage
    cookies: { set(name: string, value: null, options: object): void }
    redirect(url: string): void
    oidc?: OidcContext
  }

  export interface OidcContext {
    route: string
    params?: Record<string, string | undefined>
    result?: { consent?: { grantId?: string } }
    client?: { clientId: string }
    entities: { IdTokenHint?: { payload: { sub?: string } } }
    requestParamOIDCScopes: Set<string>
    session: { accountId?: string; grantIdFor(clientId: string): string | undefined; destroy(): Promise<void> }
  }

  export interface Interaction {
    uid: string
    prompt: { name: string }
    params: Record<string, string | undefined>
  }

  export class Provider {
    constructor(issuer: string, configuration: object)
    readonly Grant: {
      new (of: { clientId: string; accountId: string | undefined }): Grant
      find(id: string): Promise<Grant | undefined>
    }
    callback(): (request: IncomingMessage, response: ServerResponse) => void
    use(middleware: (ctx: Context, next: () => Promise<void>) => Promise<void>): void
    on(event: 'server_error', listener: (ctx: Context, error: Error) => void): void
    cookieName(type: 'session'): string
    interactionDetails(request: IncomingMessage, response: ServerResponse): Promise<Interaction>
    interactionFinished(request: IncomingMessage, response: ServerResponse, result: object): Promise<void>
  }
}
