import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { Randomness } from '../shared/randomness.ts'

const ivSize = 12
const tagSize = 16
const bodyAt = 1 + ivSize + tagSize

/** What a sealed text says in front of itself, and where it belongs. Both are authenticated with it. */
export interface Envelope {
  /** One byte: what else must be known to read it. */
  readonly format: number
  readonly storeKey: string
}

/**
 * AES-256-GCM: format ‖ iv ‖ tag ‖ ciphertext. It opens under the same envelope only, so that nobody can move it to
 * another row or have it read as something else.
 */
export function seal(
  body: string | Uint8Array,
  envelope: Envelope,
  key: Uint8Array,
  randomness: Randomness,
): Uint8Array {
  const iv = randomness.bytes(ivSize)
  const cipher = createCipheriv('aes-256-gcm', key, iv)
  cipher.setAAD(authenticated(envelope))
  const update = typeof body === 'string' ? cipher.update(body, 'utf8') : cipher.update(body)
  const sealed = [update, cipher.final()]
  return Buffer.concat([Uint8Array.of(envelope.format), iv, cipher.getAuthTag(), ...sealed])
}

/** `undefined` if it was not sealed in this envelope under this key. */
export function unseal(sealed: Uint8Array, envelope: Envelope, key: Uint8Array): Buffer | undefined {
  if (sealed[0] !== envelope.format || sealed.length < bodyAt) return undefined
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(1, 1 + ivSize))
  decipher.setAAD(authenticated(envelope))
  decipher.setAuthTag(sealed.subarray(1 + ivSize, bodyAt))
  const body = decipher.update(sealed.subarray(bodyAt))
  try {
    // GCM holds nothing back: this adds no bytes, it only says whether all of it was genuine.
    decipher.final()
    return body
  } catch {
    return undefined
  }
}

function authenticated({ format, storeKey }: Envelope): Buffer {
  return Buffer.from(`${format}:${storeKey}`)
}
