import { createProvider } from '../../src/oidc/create-provider.ts'
import type { CreateProviderOptions } from '../../src/oidc/create-provider.ts'
import type { Provider, SignIn } from '../../src/oidc/provider.ts'
import { isSallyportError } from '../../src/shared/errors.ts'
import type { Logger } from '../../src/shared/logger.ts'
import { manualClock } from '../../src/testing/manual-clock.ts'
import type { ManualClock } from '../../src/testing/manual-clock.ts'
import { client, nonce } from './evil-provider.ts'
import type { EvilProvider } from './evil-provider.ts'

export interface LogLine {
  level: keyof Logger
  fields: object
  message: string
}

export interface RelyingParty {
  provider: Provider
  clock: ManualClock
  log: LogLine[]
}

/** A client of the evil provider, on a clock of its own. */
export function relyingParty(op: EvilProvider, overrides: Partial<CreateProviderOptions> = {}): RelyingParty {
  const clock = manualClock()
  const log: LogLine[] = []
  const options = {
    ...client,
    issuer: op.issuer,
    timeoutMs: 5000,
    userinfo: false,
    fetch,
    logger: recorder(log),
    clock,
  }
  return { provider: createProvider({ ...options, ...overrides }), clock, log }
}

/** The callback URL as the evil provider would make it, with these parameters changed; `undefined` takes one away. */
export function callbackUrl(op: EvilProvider, changed: Record<string, string | undefined> = {}): URL {
  const url = new URL('https://app.example/auth/callback')
  for (const [name, value] of Object.entries({ code: 'code-1', state: 'the-state', iss: op.issuer, ...changed })) {
    if (value !== undefined) url.searchParams.append(name, value)
  }
  return url
}

/** Hands a callback to the client, as if its sign-in had been started here. */
export function exchange(provider: Provider, url: URL): Promise<SignIn> {
  return provider.exchange({ url, state: 'the-state', nonce, codeVerifier: 'v'.repeat(43) })
}

/** A fetch whose requests to the token endpoint go nowhere but here. */
export function tokenEndpointThat(answers: () => Promise<Response>): typeof globalThis.fetch {
  return (input, init) => {
    const url = input instanceof Request ? input.url : input.toString()
    return url.endsWith('/token') ? answers() : fetch(input, init)
  }
}

/** What an error says to a log: its text and those of its causes. */
export function saying(error: unknown): string {
  const words: string[] = []
  for (let at = error; at instanceof Error; at = at.cause) words.push(at.message)
  return words.join(' <- ')
}

/** How `work` failed: the code of our error and what it says. */
export async function failureOf(work: Promise<unknown>): Promise<{ code: string; text: string; error: Error }> {
  try {
    await work
  } catch (error) {
    if (!isSallyportError(error)) throw error
    return { code: error.code, text: saying(error), error }
  }
  throw new Error('it did not fail')
}

function recorder(log: LogLine[]): Logger {
  const write = (level: keyof Logger) => (fields: object, message: string) => void log.push({ level, fields, message })
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
}
