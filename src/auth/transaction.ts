/** What is kept about a login while its user is at the provider, under its `state`. */
export interface Transaction {
  codeVerifier: string
  nonce: string
  /** A path on our origin, checked when the login began. */
  returnTo: string
  /** Who was asked: the answer must come from them (RFC 9700 §4.4). */
  issuer: string
}

/** `undefined` for anything but a transaction. */
export function asTransaction(kept: unknown): Transaction | undefined {
  if (typeof kept !== 'object' || kept === null) return undefined
  const { codeVerifier, nonce, returnTo, issuer } = kept as Partial<Record<keyof Transaction, unknown>>
  if (typeof codeVerifier !== 'string' || typeof nonce !== 'string') return undefined
  if (typeof returnTo !== 'string' || typeof issuer !== 'string') return undefined
  return { codeVerifier, nonce, returnTo, issuer }
}
