import { getJwksCache, setJwksCache } from 'openid-client'
import type { Configuration, ExportedJWKSCache } from 'openid-client'
import type { Clock } from '../shared/clock.ts'
import type { Send } from './send.ts'

/** How long the last key set stands in for one that cannot be fetched. */
const staleIfErrorMs = 3_600_000

/** The provider's public keys, shared by all calls. */
export interface SigningKeys {
  /**
   * Gives a call the keys already here; openid-client fetches anew what is older than five minutes, through what is
   * returned: one request however many calls want it. While the set cannot be had the last one stands in, so that a
   * rotated refresh token is not lost over it (RFC 5861 §4).
   */
  lend(config: Configuration): Send
  /** Keeps what the call fetched. */
  takeBack(config: Configuration): void
}

interface KeySet {
  text: string
  fetchedAt: number
}

export function createSigningKeys({ send, clock }: { send: Send; clock: Clock }): SigningKeys {
  let cache: ExportedJWKSCache | undefined
  let last: KeySet | undefined
  let flight: Promise<Response> | undefined

  const download: Send = async (url, init) => {
    const standIn = last !== undefined && clock.monotonic() - last.fetchedAt < staleIfErrorMs ? last : undefined
    try {
      const answer = await send(url, init)
      const text = await answer.clone().text()
      const isGood = answer.status === 200 && isKeySet(text)
      if (isGood) last = { text, fetchedAt: clock.monotonic() }
      return isGood || standIn === undefined ? answer : new Response(standIn.text)
    } catch (error) {
      if (standIn === undefined) throw error
      return new Response(standIn.text)
    }
  }

  return {
    lend(config) {
      if (cache !== undefined) setJwksCache(config, cache)
      const lent = last
      return async (url, init) => {
        // Another call has fetched it in the meantime.
        if (last !== undefined && last !== lent) return new Response(last.text)
        flight ??= download(url, init).finally(() => (flight = undefined))
        return (await flight).clone()
      }
    },
    takeBack(config) {
      const fetched = getJwksCache(config)
      if (fetched !== undefined && fetched.uat >= (cache?.uat ?? 0)) cache = fetched
    },
  }
}

/** A page of an overloaded gateway comes with status 200 now and then. */
function isKeySet(text: string): boolean {
  try {
    return Array.isArray((JSON.parse(text) as { keys?: unknown } | null)?.keys)
  } catch {
    return false
  }
}
