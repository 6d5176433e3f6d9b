import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAuth, isSallyportError } from '../../src/index.ts'
import type { Auth, AuthReply, AuthRequest, Clock, Session, Store } from '../../src/index.ts'
import type { CommonOptions, ProviderOptions as ClientToProviderOptions } from '../../src/auth/options.ts'
import { startProvider } from '../../demo/provider.ts'
import type { ProviderOptions, RunningProvider } from '../../demo/provider.ts'
import { openDatabase } from './databases.ts'
import type { Scope, StoreKind } from './databases.ts'
import { silentLogger } from './silent-logger.ts'

export { storeKinds } from './databases.ts'
export type { StoreKind } from './databases.ts'
export { silentLogger } from './silent-logger.ts'

/** The application data of the fixture. */
export type Notes = { notes: string[] }

export const secret = 'primary-0123456789-0123456789-0123456789'
export const clientId = 'web'
export const clientSecret = 'client-secret-0123456789-0123456789'

export interface App {
  readonly auth: Auth<Notes>
  readonly baseUrl: string
  /** The store this instance was given, before any wrapping. */
  readonly store: Store
  /** Ends it and starts it again: with nothing in memory and a store object of its own. */
  restart(): Promise<void>
}

export interface World {
  readonly provider: RunningProvider
  /** The instances: one browser sees them as ports of one host. */
  readonly apps: readonly [App, ...App[]]
  /** The first instance. */
  readonly app: App
  /** The second instance. */
  readonly other: App
}

/** What a test may set beyond the fixture's own options. */
export type MoreOptions = Partial<CommonOptions<Notes>> & {
  provider?: ClientToProviderOptions & { clientAuth?: never }
}

export interface WorldPlan {
  /** Default `memory`. Two instances share one memory store, or have a store object each on one database. */
  store?: StoreKind | ((instance: number) => Store)
  /** Default 1. */
  instances?: 1 | 2
  clock?: Clock
  provider?: Partial<ProviderOptions>
  options?: MoreOptions
  /** What one instance gets beyond `options`. */
  optionsOf?: (instance: number) => MoreOptions
  /** Puts a wrapper around the store of an instance. */
  wrap?: (store: Store, instance: number) => Store
}

/** Starts the provider and the instances; everything is closed when the test ends. */
export async function startWorld(t: Scope, plan: WorldPlan = {}): Promise<World> {
  const { store = 'memory' } = plan
  const servers = await Promise.all(Array.from({ length: plan.instances ?? 1 }, () => startServer(t)))
  const provider = await startProviderFor(t, servers, plan.provider)
  const makeStore = typeof store === 'function' ? store : await storesOf(t, store, plan.clock)
  const apps = servers.map((server, instance) => startApp(t, { plan, provider, makeStore, server, instance }))
  return { provider, apps: apps as [App, ...App[]], app: apps[0]!, other: apps[1] ?? apps[0]! }
}

interface AppPlan {
  plan: WorldPlan
  provider: RunningProvider
  makeStore: (instance: number) => Store
  server: TestServer
  instance: number
}

function startApp(t: Scope, { plan, provider, makeStore, server, instance }: AppPlan): App {
  const start = (): Pick<App, 'auth' | 'store'> => {
    const store = makeStore(instance)
    const auth = createAuth<Notes>({
      issuer: provider.issuer,
      clientId,
      clientSecret,
      baseUrl: server.baseUrl,
      secret,
      store: plan.wrap?.(store, instance) ?? store,
      logger: silentLogger,
      ...(plan.clock === undefined ? {} : { clock: plan.clock }),
      hooks: { onSignIn: () => ({ data: { notes: [] } }) },
      ...plan.options,
      ...plan.optionsOf?.(instance),
    })
    serveAuth(t, server, auth)
    return { auth, store }
  }
  let running = start()
  return {
    baseUrl: server.baseUrl,
    get auth() {
      return running.auth
    },
    get store() {
      return running.store
    },
    async restart() {
      await running.auth.close()
      running = start()
    },
  }
}

/** Registers the servers as clients of a new provider. */
export async function startProviderFor(
  t: Scope,
  servers: readonly { baseUrl: string }[],
  options: Partial<ProviderOptions> = {},
): Promise<RunningProvider> {
  const provider = await startProvider({
    port: 0,
    clients: [
      {
        clientId,
        clientSecret,
        redirectUris: servers.map(({ baseUrl }) => `${baseUrl}/auth/callback`),
        postLogoutRedirectUris: servers.map(({ baseUrl }) => `${baseUrl}/`),
      },
    ],
    ...options,
  })
  t.after(() => provider.close())
  return provider
}

/** Makes stores on one common database, or gives everybody the same memory. */
export async function storesOf(t: Scope, kind: StoreKind, clock?: Clock): Promise<() => Store> {
  const database = await openDatabase(t, kind, clock)
  return () => database.open()
}

export interface TestServer {
  readonly baseUrl: string
  answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>
}

/** A server whose answers are decided later, so that its port is known before anything is configured with it. */
export async function startServer(t: Scope): Promise<TestServer> {
  const server = createServer((request, response) => {
    entry.answer(request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain' })
      response.end(`the test application failed: ${String(error)}`)
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  t.after(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const entry: TestServer = {
    baseUrl: `http://localhost:${(server.address() as AddressInfo).port}`,
    answer: async (_request, response) => void response.writeHead(503).end(),
  }
  return entry
}

/** Lets `auth` answer on `server`, with the few routes the tests need beside its own. */
export function serveAuth(t: Scope, server: TestServer, auth: Auth<Notes>): void {
  server.answer = async (incoming, response) => {
    const request = await authRequest(incoming)
    const handled = await auth.handle(request)
    if (handled !== undefined) return send(response, handled)
    await route(auth, request, response)
  }
  t.after(() => auth.close())
}

async function route(auth: Auth<Notes>, request: AuthRequest, response: ServerResponse): Promise<void> {
  const setCookie = (value: string): void => void response.appendHeader('set-cookie', value)
  const path = new URL(request.url, 'http://localhost').pathname
  if (path === '/' || path === '/public') return sendJson(response, 200, { page: path })
  if (path === '/maybe') {
    const session = await auth.authenticate(request.header('cookie'), setCookie)
    return sendJson(response, 200, { sub: session?.claims.sub ?? null })
  }

  const answer = await auth.guard(request, setCookie)
  if (answer.reply !== undefined) return send(response, answer.reply)
  try {
    sendJson(response, 200, await act(auth, answer.session, path, request))
  } catch (error) {
    if (!isSallyportError(error)) throw error
    sendJson(response, error.status, { code: error.code })
  }
}

async function act(auth: Auth<Notes>, session: Session<Notes>, path: string, request: AuthRequest): Promise<object> {
  switch (path) {
    case '/token':
      return { accessToken: await session.accessToken(), idToken: await session.idToken() }
    case '/note': {
      const text = (await request.form()).get('text') ?? ''
      await session.update((draft) => void draft.notes.push(text))
      return { notes: session.data.notes }
    }
    case '/end':
      await session.revoke()
      return { ended: true }
    case '/end-others':
      return { ended: await auth.sessions.revokeOthers(session) }
    default:
      return describe(session)
  }
}

/** What the guarded pages of the fixture show. */
export interface Me {
  path?: string
  id: string
  sub: string
  notes: string[]
  createdAt: number
  lastSeenAt: number
  idleExpiresAt: number
  absoluteExpiresAt: number
  accessTokenExpiresAt: number | undefined
  refreshCount: number
  device: string | undefined
}

function describe(session: Session<Notes>): Me {
  return {
    id: session.id,
    sub: session.claims.sub,
    notes: [...session.data.notes],
    createdAt: session.createdAt,
    lastSeenAt: session.lastSeenAt,
    idleExpiresAt: session.idleExpiresAt,
    absoluteExpiresAt: session.absoluteExpiresAt,
    accessTokenExpiresAt: session.accessTokenExpiresAt,
    refreshCount: session.refreshCount,
    device: session.device,
  }
}

async function authRequest(incoming: IncomingMessage): Promise<AuthRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  return {
    method: incoming.method ?? 'GET',
    url: incoming.url ?? '/',
    header(name) {
      const value = incoming.headers[name]
      return Array.isArray(value) ? value.join(', ') : value
    },
    form: async () => new URLSearchParams(Buffer.concat(chunks).toString()),
  }
}

function send(response: ServerResponse, reply: AuthReply): void {
  for (const [name, value] of reply.headers) response.appendHeader(name, value)
  response.writeHead(reply.status)
  response.end(reply.body)
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}
