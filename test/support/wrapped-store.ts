import type { Store } from '../../src/cache/store.ts'

/** The operations that ask or change something in the store. */
export type StoreOperation =
  | 'init'
  | 'read'
  | 'create'
  | 'replace'
  | 'extend'
  | 'writeMany'
  | 'take'
  | 'remove'
  | 'list'
  | 'epochs'
  | 'sweep'
  | 'stats'
  | 'ping'

const operations: ReadonlySet<string> = new Set<StoreOperation>([
  'init',
  'read',
  'create',
  'replace',
  'extend',
  'writeMany',
  'take',
  'remove',
  'list',
  'epochs',
  'sweep',
  'stats',
  'ping',
])

type Call = () => Promise<unknown>

/** A store whose every operation passes through `around` first. */
export function wrapStore(inner: Store, around: (operation: StoreOperation, call: Call) => Promise<unknown>): Store {
  return new Proxy(inner, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      const method = value as (...args: unknown[]) => unknown
      if (typeof name !== 'string' || !operations.has(name)) return method.bind(target)
      return (...args: unknown[]) => around(name as StoreOperation, async () => method.apply(target, args))
    },
  })
}
