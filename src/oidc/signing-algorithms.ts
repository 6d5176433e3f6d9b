/**
 * What an ID token may be signed with, each with the hash of its `at_hash` (OIDC Core §3.1.3.6). Never `none`, and never
 * `HS*`: whoever can check such a signature can also make one.
 */
const hashOf: Readonly<Record<string, string>> = {
  RS256: 'sha256',
  PS256: 'sha256',
  ES256: 'sha256',
  RS384: 'sha384',
  PS384: 'sha384',
  ES384: 'sha384',
  RS512: 'sha512',
  PS512: 'sha512',
  ES512: 'sha512',
  EdDSA: 'sha512',
  Ed25519: 'sha512',
}

export const asymmetricAlgorithms: readonly string[] = Object.keys(hashOf)

export function hashFor(algorithm: string | undefined): string | undefined {
  return algorithm === undefined || !Object.hasOwn(hashOf, algorithm) ? undefined : hashOf[algorithm]
}
