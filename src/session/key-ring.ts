import { createHmac, createSecretKey, hkdfSync, timingSafeEqual, type KeyObject } from 'node:crypto'

/** The keys derived from one configured secret. */
export interface Keys {
  /** Names the secret in a cookie, without telling anything about it. */
  readonly kid: string
  /** A MAC over `text`, base64url. The label keeps one use from passing for another. */
  mac(label: string, text: string): string
  /** A key hash: what stands in the store instead of an id. */
  hash(label: string, ...parts: readonly string[]): string
  /** What a record under this id is sealed with: it takes the id and the secret to make it. */
  tokenSealingKey(id: string): Uint8Array
  /** What a record is sealed with that can be opened without its id. Each has its own: no key seals much. */
  serverSealingKey(storeKey: string): Uint8Array
}

/** The configured secrets: the first makes, all of them accept. */
export interface KeyRing {
  readonly primary: Keys
  readonly all: readonly Keys[]
  ofKid(kid: string): Keys | undefined
  /** A MAC by the primary secret, 43 characters of base64url. */
  mac(label: string, text: string): string
  /** Whether any secret made this MAC; constant time per secret. */
  verifies(label: string, text: string, mac: string): boolean
}

export function createKeyRing(secrets: readonly string[]): KeyRing {
  const all = secrets.map(deriveKeys)
  const [primary] = all
  if (primary === undefined) throw new TypeError('a key ring needs a secret')
  return {
    primary,
    all,
    ofKid: (kid) => all.find((keys) => keys.kid === kid),
    mac: (label, text) => primary.mac(label, text),
    verifies: (label, text, mac) => all.some((keys) => isSameText(keys.mac(label, text), mac)),
  }
}

/** Compares two texts in a time that tells nothing about where they differ. */
export function isSameText(expected: string, given: string): boolean {
  const a = Buffer.from(expected)
  const b = Buffer.from(given)
  return a.length === b.length && timingSafeEqual(a, b)
}

function deriveKeys(secret: string): Keys {
  const derive = (use: string, size: number): Buffer =>
    Buffer.from(hkdfSync('sha256', secret, '', `sallyport ${use}`, size))
  // Raw bytes would be made a key object again by every HMAC, which costs more than the HMAC.
  const deriveKey = (use: string): KeyObject => createSecretKey(derive(use, 32))
  const macKey = deriveKey('mac')
  const hashKey = deriveKey('hash')
  const sealKey = deriveKey('seal')
  const serverSealKey = deriveKey('seal-server')
  return {
    kid: derive('kid', 6).toString('base64url'),
    mac: (label, text) =>
      createHmac('sha256', macKey)
        .update(framed([label, text]))
        .digest('base64url'),
    hash: (label, ...parts) =>
      createHmac('sha256', hashKey)
        .update(framed([label, ...parts]))
        .digest('base64url'),
    tokenSealingKey: (id) => createHmac('sha256', sealKey).update(id).digest(),
    serverSealingKey: (storeKey) => createHmac('sha256', serverSealKey).update(storeKey).digest(),
  }
}

/** Length-prefixed, so that no two lists of parts make one text. */
function framed(parts: readonly string[]): string {
  return parts.map((part) => `${part.length}:${part}`).join('')
}
