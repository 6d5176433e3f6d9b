import type { Store } from '../../src/cache/store.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import type { SessionTexts } from './session-shapes.ts'

const keyLength = 'session:'.length + 43

/** What the session with this number is called, in the store and by the browser that has it. */
export function namesOf(serial: number): { text: string; key: string } {
  const digits = String(serial)
  return {
    text: `1.AbCdEfGh.${digits.padStart(43, 't')}.${digits.padEnd(43, 'm')}`,
    key: `session:${digits.padStart(43, 'k')}`,
  }
}

/** A store that has every session there could be, and takes no memory for any: values are made when they are read. */
export function endlessStore(texts: SessionTexts): Store {
  const createdAt = Date.now()
  const times = { createdAt, lastSeenAt: createdAt, expiresAt: createdAt + 86_400_000 }
  const valueOf = (key: string): Uint8Array => texts.text(Number(key.slice(keyLength - 8).replaceAll('k', '0')))
  return Object.assign(memoryStore(), {
    read: async (keys: readonly string[]) => ({
      entries: keys.map((key) => ({ key, value: valueOf(key), version: 1, times: { ...times } })),
      storeNow: Date.now(),
    }),
  })
}
