import { createHash, createHmac, generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { createServer } from 'node:http'
import type { KeyObject } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http'

/** Answers a request in place of an endpoint. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** What the provider does wrong; what is not named it does right. */
export interface Misbehaviour {
  discovery?: Answer
  jwks?: Answer
  token?: Answer
  userinfo?: Answer
  revocation?: Answer
  /** Changes the metadata; `undefined` takes a member away. */
  metadata?: Record<string, unknown>
  /** Changes the ID token's claims. */
  claims?: Record<string, unknown>
  /** Changes the ID token's header. */
  header?: Record<string, unknown>
  signature?: 'wrong' | 'none' | 'hmac-with-the-public-key'
  /** Changes the token endpoint's JSON. */
  tokens?: Record<string, unknown>
  /** The whole of the UserInfo endpoint's JSON. */
  user?: unknown
}

export interface EvilProvider {
  readonly issuer: string
  readonly requests: readonly RecordedRequest[]
  misbehave(how: Misbehaviour): void
  /** Signs with a new key from now on; with `announced: false` the key set keeps the old one. */
  rotateKeys(options?: { announced: boolean }): void
  /** Resolves when the endpoint is asked the next time. */
  nextRequest(path: string): Promise<void>
  requestsTo(path: string): RecordedRequest[]
  close(): Promise<void>
}

export interface RecordedRequest {
  method: string
  path: string
  headers: IncomingHttpHeaders
  body: string
}

export const client = { clientId: 'the-client', clientSecret: 'a secret with - . ~ : / and ü' }
export const nonce = 'the-nonce'

/** A tiny OpenID Provider on IPv4 loopback that misbehaves on demand. Its codes and refresh tokens are whatever they are. */
export async function startEvilProvider(): Promise<EvilProvider> {
  const requests: RecordedRequest[] = []
  const waiting: { path: string; resolve: () => void }[] = []
  let how: Misbehaviour = {}
  let key = firstKey
  let announced = key

  const server = createServer((request, response) => {
    void receive(request).then((recorded) => {
      requests.push(recorded)
      for (const one of waiting.splice(0)) {
        if (one.path === recorded.path) one.resolve()
        else waiting.push(one)
      }
      answer(recorded, request, response)
    })
  })
  const issuer = `http://127.0.0.1:${await listen(server)}`

  const answer = ({ path }: RecordedRequest, request: IncomingMessage, response: ServerResponse): void => {
    const right: Record<string, [Answer | undefined, () => unknown]> = {
      '/.well-known/openid-configuration': [how.discovery, () => ({ ...metadata(issuer), ...how.metadata })],
      '/jwks': [how.jwks, () => ({ keys: [announced.public] })],
      '/token': [how.token, () => tokens(issuer, key, how)],
      '/userinfo': [how.userinfo, () => ('user' in how ? how.user : { sub: 'alice', name: 'Alice' })],
      '/revoke': [how.revocation, () => ({})],
    }
    const [wrong, body] = right[path] ?? [status(404), () => ({})]
    if (wrong) wrong(request, response)
    else sendJson(response, 200, body())
  }

  return {
    issuer,
    requests,
    misbehave: (next) => void (how = next),
    rotateKeys(options = { announced: true }) {
      key = newKey()
      if (options.announced) announced = key
    },
    nextRequest: (path) => new Promise((resolve) => void waiting.push({ path, resolve })),
    requestsTo: (path) => requests.filter((request) => request.path === path),
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

/** Answers with a status and nothing else. */
export function status(code: number, headers: Record<string, string> = {}): Answer {
  return (_request, response) => void response.writeHead(code, headers).end()
}

/** Answers with a status and some text. */
export function text(code: number, body: string, type = 'text/html'): Answer {
  return (_request, response) => void response.writeHead(code, { 'content-type': type }).end(body)
}

/** Answers with a status and JSON, e.g. an OAuth error. */
export function json(code: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return (_request, response) => sendJson(response, code, body, headers)
}

/** Takes the request and never answers. */
export const hang: Answer = () => {}

/** Takes the request and cuts the connection. */
export const drop: Answer = (request) => void request.socket.destroy()

/** Begins to answer and cuts the connection. */
export const dropHalfway: Answer = (request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
  response.write('{"access_token":', () => request.socket.destroy())
}

/** Answers with JSON of two megabytes. */
export const huge: Answer = json(200, { access_token: 'x'.repeat(2_000_000), token_type: 'bearer' })

interface SigningKey {
  private: KeyObject
  public: Record<string, unknown>
  pem: string
}

function newKey(): SigningKey {
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return {
    private: pair.privateKey,
    public: { ...pair.publicKey.export({ format: 'jwk' }), kid: randomUUID(), alg: 'RS256', use: 'sig' },
    pem: pair.publicKey.export({ format: 'pem', type: 'spki' }) as string,
  }
}

/** Of all providers of this process: to make one takes longer than most tests. */
const firstKey = newKey()
const strangersKey = newKey()

function metadata(issuer: string): Record<string, unknown> {
  return {
    issuer,
    authorization_endpoint: `${issuer}/auth`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    userinfo_endpoint: `${issuer}/userinfo`,
    revocation_endpoint: `${issuer}/revoke`,
    end_session_endpoint: `${issuer}/logout`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256', 'HS256', 'none'],
    code_challenge_methods_supported: ['S256'],
  }
}

function tokens(issuer: string, key: SigningKey, how: Misbehaviour): Record<string, unknown> {
  const accessToken = 'access-token-1'
  const now = Math.floor(Date.now() / 1000)
  const hash = createHash('sha256').update(accessToken).digest().subarray(0, 16).toString('base64url')
  const claims = { iss: issuer, sub: 'alice', aud: client.clientId, exp: now + 300, iat: now, nonce, at_hash: hash }
  return {
    access_token: accessToken,
    token_type: 'Bearer',
    expires_in: 300,
    refresh_token: 'refresh-token-2',
    id_token: idToken({ ...claims, ...how.claims }, key, how),
    ...how.tokens,
  }
}

function idToken(claims: Record<string, unknown>, key: SigningKey, how: Misbehaviour): string {
  const alg = how.signature === 'none' ? 'none' : how.signature === 'hmac-with-the-public-key' ? 'HS256' : 'RS256'
  const header = { alg, kid: key.public['kid'], ...how.header }
  // Infinity cannot be written in JSON, but an overlong number is read as it.
  const payload = JSON.stringify(claims).replaceAll('"1e400"', '1e400')
  const signed = [JSON.stringify(header), payload].map((part) => Buffer.from(part).toString('base64url')).join('.')
  return `${signed}.${signature(signed, key, how).toString('base64url')}`
}

function signature(signed: string, key: SigningKey, how: Misbehaviour): Buffer {
  if (how.signature === 'none') return Buffer.alloc(0)
  if (how.signature === 'hmac-with-the-public-key') return createHmac('sha256', key.pem).update(signed).digest()
  return sign('sha256', Buffer.from(signed), how.signature === 'wrong' ? strangersKey.private : key.private)
}

async function receive(request: IncomingMessage): Promise<RecordedRequest> {
  let body = ''
  for await (const chunk of request) body += chunk
  const path = new URL(request.url!, 'http://localhost').pathname
  return { method: request.method!, path, headers: request.headers, body }
}

function sendJson(response: ServerResponse, code: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
  })
}
