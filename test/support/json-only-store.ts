import type { NewEntry, Replacement, Store, StoredEntry, Write } from '../../src/cache/store.ts'
import { memoryStore, type MemoryStoreOptions } from '../../src/stores/memory.ts'

/**
 * A store with a JSON column, as `jsonb` is one: it refuses what is no JSON text, U+0000 and half characters, and gives
 * a value back in another spelling, with the names of each object in another order.
 */
export function jsonOnlyStore(options: MemoryStoreOptions = {}): Store {
  const inner = memoryStore(options)
  return new Proxy(inner, {
    get(target, name) {
      if (name === 'capabilities') return { ...target.capabilities, values: 'json' }
      if (name === 'read') {
        return async (keys: readonly string[]) => {
          const { entries, storeNow } = await target.read(keys)
          return { entries: entries.map((entry) => entry && respelled(entry)), storeNow }
        }
      }
      if (name === 'take') return async (key: string) => respelled(await target.take(key))
      if (name === 'create') return async (entry: NewEntry) => target.create(checked(entry))
      if (name === 'replace') {
        return async (key: string, version: number, change: Replacement) =>
          target.replace(key, version, checked(change))
      }
      if (name === 'writeMany' && target.writeMany !== undefined) {
        return async (writes: readonly Write[]) => target.writeMany!(writes.map(checkedWrite))
      }
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

function checkedWrite(write: Write): Write {
  if (write.operation === 'create') return { ...write, entry: checked(write.entry) }
  return write.operation === 'replace' ? { ...write, change: checked(write.change) } : write
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function checked<T extends { value: Uint8Array }>(written: T): T {
  JSON.parse(decoder.decode(written.value), (name, value: unknown) => {
    for (const text of [name, value]) {
      if (typeof text !== 'string') continue
      if (text.includes('\0')) throw new Error('unsupported Unicode escape sequence: U+0000')
      if (/\p{Surrogate}/u.test(text)) throw new Error('invalid input syntax for type json: a lone surrogate')
    }
    return value
  })
  return written
}

function respelled<T extends StoredEntry | undefined>(entry: T): T {
  if (entry === undefined) return entry
  const value: unknown = JSON.parse(decoder.decode(entry.value))
  const text = JSON.stringify(reordered(value), null, 1)
  // An escape may be a character and a character an escape.
  const escaped = text.replaceAll(/[^\x20-\x7e\n]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return { ...entry, value: Buffer.from(escaped) }
}

/** Shorter names first, as `jsonb` has them. */
function reordered(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(reordered)
  const entries = Object.entries(value).map(([name, part]): [string, unknown] => [name, reordered(part)])
  return Object.fromEntries(entries.sort(([a], [b]) => a.length - b.length || (a < b ? -1 : 1)))
}
