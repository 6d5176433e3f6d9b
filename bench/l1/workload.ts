import { randomBytes } from 'node:crypto'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { SessionTexts } from '../../test/support/session-shapes.ts'
import { deepFreeze, type SessionRecord } from '../../src/session/record.ts'
import { zipfSequence } from '../zipf.ts'

export const entries = 10_000
export const ttlMs = 3_600_000

/** Of 43 characters, as 32 random bytes are in base64url. */
export const keys: readonly string[] = freshKeys(entries)

/** The order in which they are asked for; each key is one string, whose hash is known after its first use. */
export function keysInOrder(): string[] {
  return zipfSequence({ count: entries, skew: 0.9, length: 2 ** 17 }).map((i) => keys[i]!)
}

export function freshKeys(count: number): string[] {
  return Array.from({ length: count }, () => randomBytes(32).toString('base64url'))
}

/** Decoded, frozen sessions of about 3 KB. */
export function sessions(): SessionRecord[] {
  const texts = new SessionTexts(['typical'], seededRandom(1))
  return keys.map((_, i) => deepFreeze(JSON.parse(texts.text(i).toString()) as SessionRecord))
}
