import type { Store } from '../../src/cache/store.ts'
import { wrapStore, type StoreOperation } from './wrapped-store.ts'

export interface CountingStore {
  readonly store: Store
  /** How often an operation was called since the last `reset`. */
  count(operation: StoreOperation): number
  /** All calls a request could have caused: everything but the polls and the sweeps in the background. */
  requestOperations(): number
  /** Every call there was. */
  allOperations(): number
  reset(): void
}

const background: ReadonlySet<StoreOperation> = new Set<StoreOperation>(['epochs', 'sweep', 'stats'])

/** Counts the calls of a real store. */
export function countingStore(inner: Store): CountingStore {
  const counts = new Map<StoreOperation, number>()
  const sum = (wanted: (operation: StoreOperation) => boolean): number =>
    [...counts].reduce((total, [operation, count]) => (wanted(operation) ? total + count : total), 0)

  return {
    store: wrapStore(inner, (operation, call) => {
      counts.set(operation, (counts.get(operation) ?? 0) + 1)
      return call()
    }),
    count: (operation) => counts.get(operation) ?? 0,
    requestOperations: () => sum((operation) => !background.has(operation)),
    allOperations: () => sum(() => true),
    reset: () => counts.clear(),
  }
}
