import type { Bump, Store } from '../store.ts'

type Listener = (bump: Bump) => void

/** Caches of this process that share a store object tell each other what they changed: the bump the store returned. */
const listeners = new WeakMap<Store, Set<Listener>>()

/** Returns how to stop. */
export function listenLocally(store: Store, listener: Listener): () => void {
  let group = listeners.get(store)
  if (group === undefined) listeners.set(store, (group = new Set()))
  group.add(listener)
  return () => group.delete(listener)
}

export function announceLocally(store: Store, bump: Bump, except: Listener): void {
  for (const listener of listeners.get(store) ?? []) if (listener !== except) listener(bump)
}
