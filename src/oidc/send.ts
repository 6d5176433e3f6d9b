import type { Clock } from '../shared/clock.ts'
import { RequestFailure } from './request-failure.ts'
import { retryAfterSec } from './retry-after.ts'

/** No answer of a provider is longer; a key set of a hundred keys has about 50 KB. */
const maxBytes = 1_000_000

export interface SendOptions {
  fetch: typeof globalThis.fetch
  timeoutMs: number
  clock: Clock
}

/** Sends one request and reads its answer to the end. Rejects with a `RequestFailure`. */
export type Send = (url: string, init: RequestInit, signal?: AbortSignal) => Promise<Response>

/**
 * Bounds a `fetch` in time and in size, follows no redirect (RFC 9700 §4.12), and tells apart what the provider
 * cannot have seen from what it may have seen.
 */
export function createSend({ fetch, timeoutMs, clock }: SendOptions): Send {
  return async (url, init, signal) => {
    if (signal?.aborted) throw new RequestFailure('not-sent', { detail: 'aborted' })
    const ending = new AbortController()
    const end = (): void => ending.abort()
    const timer = clock.setTimer(end, timeoutMs)
    signal?.addEventListener('abort', end)
    try {
      const request: RequestInit = { ...init, redirect: 'manual', signal: ending.signal }
      return await unlessAborted(exchange(fetch(url, request), clock), ending.signal)
    } finally {
      timer.cancel()
      signal?.removeEventListener('abort', end)
    }
  }
}

/** Settles as `work` does, or as unanswered once `signal` aborts, also where `work` takes no notice of it. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(new RequestFailure('no-answer', { detail: 'timed out or aborted' }))
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort)
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

async function exchange(fetched: Promise<Response>, clock: Clock): Promise<Response> {
  const answer = await fetched.catch((error: unknown) => {
    throw new RequestFailure(wasNeverSent(error) ? 'not-sent' : 'no-answer', { detail: codeOf(error) })
  })
  const { status, headers } = answer
  if (status === 408 || status === 429 || status >= 500) {
    answer.body?.cancel().catch(() => {})
    throw new RequestFailure('overloaded', {
      detail: `status ${status}`,
      retryAfterSec: retryAfterSec(headers.get('retry-after'), clock),
    })
  }
  const body = await read(answer)
  return new Response(body.length === 0 ? null : body, { status, headers })
}

async function read(answer: Response): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of answer.body ?? []) {
      length += chunk.length
      if (length > maxBytes) break
      chunks.push(chunk)
    }
  } catch (error) {
    throw new RequestFailure('no-answer', { detail: codeOf(error) })
  }
  if (length > maxBytes) throw new RequestFailure('too-large')
  return new Uint8Array(Buffer.concat(chunks))
}

/** Failures of the TLS handshake: before it is done no request goes out. */
const handshakeFailures: ReadonlySet<string | undefined> = new Set([
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UND_ERR_CONNECT_TIMEOUT',
])

function wasNeverSent(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(wasNeverSent)
  const { code, syscall } = error as NodeJS.ErrnoException
  if (syscall === 'connect' || syscall === 'getaddrinfo' || handshakeFailures.has(code)) return true
  return wasNeverSent(error.cause)
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : codeOf(error.cause)
}
