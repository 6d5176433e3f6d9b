import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { Randomness } from '../shared/randomness.ts'

/** Stands in front of every record; a number this release does not know is left alone. */
const format = 1
const ivSize = 12
const tagSize = 16

/**
 * JSON under AES-256-GCM: format ‖ iv ‖ tag ‖ ciphertext. The store key is authenticated with it, so that a row moved to
 * another key does not open.
 */
export function seal(sealingKey: Uint8Array, storeKey: string, value: unknown, randomness: Randomness): Uint8Array {
  const iv = randomness.bytes(ivSize)
  const cipher = createCipheriv('aes-256-gcm', sealingKey, iv)
  cipher.setAAD(Buffer.from(`${format}:${storeKey}`))
  const body = Buffer.concat([cipher.update(JSON.stringify(value), 'utf8'), cipher.final()])
  return Buffer.concat([Uint8Array.of(format), iv, cipher.getAuthTag(), body])
}

/** `undefined` if it is of another format, or was not sealed under this key for this store key. */
export function unseal(sealingKey: Uint8Array, storeKey: string, sealed: Uint8Array): unknown {
  const bodyAt = 1 + ivSize + tagSize
  if (sealed[0] !== format || sealed.length < bodyAt) return undefined
  try {
    const decipher = createDecipheriv('aes-256-gcm', sealingKey, sealed.subarray(1, 1 + ivSize))
    decipher.setAAD(Buffer.from(`${format}:${storeKey}`))
    decipher.setAuthTag(sealed.subarray(1 + ivSize, bodyAt))
    return JSON.parse(Buffer.concat([decipher.update(sealed.subarray(bodyAt)), decipher.final()]).toString('utf8'))
  } catch {
    return undefined
  }
}
