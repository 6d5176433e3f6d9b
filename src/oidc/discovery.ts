import type { ServerMetadata } from 'openid-client'
import type { Clock } from '../shared/clock.ts'
import type { Logger } from '../shared/logger.ts'
import { isLoopback } from '../shared/loopback.ts'
import { toProviderError, unavailable, untrusted } from './provider-error.ts'
import { RequestFailure } from './request-failure.ts'
import type { Send } from './send.ts'
import { asymmetricAlgorithms } from './signing-algorithms.ts'

/** The provider is asked for its metadata at most this often, whatever it answers. */
const minIntervalMs = 1000

export interface DiscoveryOptions {
  issuer: string
  send: Send
  clock: Clock
  logger: Logger
}

export interface Discovery {
  /** The provider's metadata, asked for until it was had once. */
  metadata(): Promise<ServerMetadata>
  /** Whether it can be had now. */
  isUp(): Promise<boolean>
}

interface Attempt {
  outcome: Promise<ServerMetadata>
  /** Infinity while it is under way. */
  endedAt: number
}

/** OpenID Connect Discovery 1.0 §4: on first use, one request at a time, and no failure is for ever. */
export function createDiscovery(options: DiscoveryOptions): Discovery {
  const { clock, logger } = options
  let known: ServerMetadata | undefined
  let latest: Attempt | undefined

  const ask = (): Promise<ServerMetadata> => {
    if (latest !== undefined && clock.monotonic() - latest.endedAt < minIntervalMs) return latest.outcome
    const attempt: Attempt = { outcome: load(options), endedAt: Infinity }
    latest = attempt
    attempt.outcome.then(
      (metadata) => {
        attempt.endedAt = clock.monotonic()
        known = metadata
      },
      (err: unknown) => {
        attempt.endedAt = clock.monotonic()
        logger.warn({ err, url: metadataUrl(options.issuer) }, 'the provider could not be discovered')
      },
    )
    return attempt.outcome
  }

  return {
    metadata: async () => known ?? ask(),
    isUp: () =>
      ask().then(
        () => true,
        () => false,
      ),
  }
}

async function load({ issuer, send }: DiscoveryOptions): Promise<ServerMetadata> {
  try {
    const answer = await send(metadataUrl(issuer), { headers: { accept: 'application/json' } })
    if (answer.status !== 200)
      throw unavailable(new RequestFailure('overloaded', { detail: `status ${answer.status}` }))
    return checked((await answer.json()) as ServerMetadata, issuer)
  } catch (error) {
    throw toProviderError(error)
  }
}

/** OpenID Connect Discovery 1.0 §4. */
function metadataUrl(issuer: string): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
}

/** Refuses at discovery what would otherwise fail each sign-in halfway. */
function checked(metadata: ServerMetadata, issuer: string): ServerMetadata {
  if (metadata?.issuer !== issuer) {
    const name = JSON.stringify(metadata?.issuer)?.slice(0, 200)
    throw untrusted(`the provider calls itself ${name}; the option \`issuer\` must be exactly that, if it is right`)
  }
  for (const name of ['authorization_endpoint', 'token_endpoint', 'jwks_uri'] as const) {
    if (!isEndpoint(metadata[name], issuer)) throw untrusted(`the provider's metadata names no usable ${name}`)
  }
  const challenges = metadata.code_challenge_methods_supported
  if (challenges !== undefined && !includes(challenges, 'S256')) {
    throw untrusted('the provider does not offer PKCE with S256, and nothing less is used')
  }
  return { ...metadata, id_token_signing_alg_values_supported: algorithms(metadata) }
}

function algorithms({ id_token_signing_alg_values_supported: announced }: ServerMetadata): string[] {
  if (announced === undefined) return ['RS256']
  const usable = asymmetricAlgorithms.filter((name) => includes(announced, name))
  if (usable.length === 0) throw untrusted('the provider announces no asymmetric algorithm for its ID tokens')
  return usable
}

function isEndpoint(value: unknown, issuer: string): boolean {
  if (typeof value !== 'string' || !URL.canParse(value)) return false
  const { protocol } = new URL(value)
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(new URL(issuer)))
}

function includes(list: unknown, name: string): boolean {
  return Array.isArray(list) && list.includes(name)
}
