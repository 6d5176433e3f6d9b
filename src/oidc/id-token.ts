import { hash } from 'node:crypto'
import { decodeProtectedHeader } from 'jose'
import type { IDToken } from 'openid-client'
import { skewSec } from './call.ts'
import { untrusted } from './provider-error.ts'
import { hashFor } from './signing-algorithms.ts'

export interface ReceivedIdToken {
  /** Its claims, already validated by openid-client, signature included. */
  claims: IDToken
  idToken: string
  accessToken: string
  clientId: string
}

/** What openid-client lets pass in an ID token (OIDC Core §3.1.3.7). Throws `ERR_PROVIDER_RESPONSE`. */
export function checkIdToken({ claims, idToken, accessToken, clientId }: ReceivedIdToken): void {
  if (!subPattern.test(claims.sub)) throw untrusted('the ID token’s `sub` is not 1 to 255 ASCII characters')
  if (claims.azp !== undefined && claims.azp !== clientId) throw untrusted('the ID token’s `azp` is another client')
  for (const name of ['exp', 'iat', 'nbf', 'auth_time']) {
    const instant = claims[name]
    if (instant !== undefined && !Number.isFinite(instant)) throw untrusted(`the ID token's \`${name}\` is no instant`)
  }
  // Against the system's clock, as openid-client judges the other instants.
  if (claims.iat > Date.now() / 1000 + skewSec) throw untrusted('the ID token was issued in the future')
  if (claims['at_hash'] !== undefined && claims['at_hash'] !== accessTokenHash(idToken, accessToken)) {
    throw untrusted('the ID token belongs to another access token (`at_hash`)')
  }
}

const subPattern = /^[\x20-\x7e]{1,255}$/

/** The left half of the hash, OIDC Core §3.1.3.6. */
function accessTokenHash(idToken: string, accessToken: string): string | undefined {
  const algorithm = hashFor(decodeProtectedHeader(idToken).alg)
  if (algorithm === undefined) return undefined
  const digest = hash(algorithm, accessToken, 'buffer')
  return digest.subarray(0, digest.length / 2).toString('base64url')
}
