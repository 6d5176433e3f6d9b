import {
  allowInsecureRequests,
  clockTolerance,
  Configuration,
  customFetch,
  enableNonRepudiationChecks,
} from 'openid-client'
import type { ClientAuth, CustomFetchOptions } from 'openid-client'
import { isLoopback } from '../shared/loopback.ts'
import type { Discovery } from './discovery.ts'
import { unlessAborted } from './send.ts'
import type { Send } from './send.ts'
import type { SigningKeys } from './signing-keys.ts'

/** How far apart our clock and the provider's may be. */
export const skewSec = 60

export interface CallOptions {
  clientId: string
  clientAuth: ClientAuth
  idTokenSigningAlg: string | undefined
  discovery: Discovery
  keys: SigningKeys
  send: Send
}

/** One conversation with the provider, with a signal and a memory of its own. */
export interface Call {
  readonly config: Configuration
  /** What the token endpoint said, once it did. */
  tokenAnswer(): TokenAnswer | undefined
}

export interface TokenAnswer {
  status: number
  /** The `error` of its body, if it is a JSON object with one. */
  error: string | undefined
}

/** Runs `work` with the provider's metadata and keys at hand; discovers the provider first if that is still to be done. */
export async function withCall<T>(
  options: CallOptions,
  work: (call: Call) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const { clientId, clientAuth, idTokenSigningAlg, discovery, keys, send } = options
  const metadata = await unlessAborted(discovery.metadata(), signal)
  const pinned = idTokenSigningAlg === undefined ? {} : { id_token_signed_response_alg: idTokenSigningAlg }
  const config = new Configuration(metadata, clientId, { ...pinned, [clockTolerance]: skewSec }, clientAuth)
  // In the code flow openid-client checks no ID-token signature unless it is told to.
  enableNonRepudiationChecks(config)
  if (isLoopback(new URL(metadata.issuer))) allowInsecureRequests(config)
  config.timeout = undefined
  const fetchKeys = keys.lend(config)

  let tokenAnswer: TokenAnswer | undefined
  config[customFetch] = async (url, init) => {
    if (url === new URL(metadata.jwks_uri!).href) return unlessAborted(fetchKeys(url, request(init)), signal)
    const answer = await send(url, request(init), signal)
    if (url === new URL(metadata.token_endpoint!).href) tokenAnswer = await read(answer.clone())
    return answer
  }
  try {
    return await work({ config, tokenAnswer: () => tokenAnswer })
  } finally {
    keys.takeBack(config)
  }
}

function request({ method, headers, body }: CustomFetchOptions): RequestInit {
  return { method, headers, body: (body as URLSearchParams | null | undefined) ?? null }
}

async function read(answer: Response): Promise<TokenAnswer> {
  const body: unknown = await answer.json().catch(() => undefined)
  const error = typeof body === 'object' && body !== null && 'error' in body ? body.error : undefined
  return { status: answer.status, error: typeof error === 'string' ? error : undefined }
}
