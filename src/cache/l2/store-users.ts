import type { Store } from '../store.ts'

/** How many caches of this process use a store object: the last one to go closes it. */
const users = new WeakMap<Store, number>()

/** Returns how to let go, once; it says whether nobody is left. Letting go again says the same. */
export function useStore(store: Store): () => boolean {
  users.set(store, (users.get(store) ?? 0) + 1)
  let wasLast: boolean | undefined
  return () => {
    if (wasLast === undefined) {
      const left = users.get(store)! - 1
      users.set(store, left)
      wasLast = left === 0
    }
    return wasLast
  }
}
